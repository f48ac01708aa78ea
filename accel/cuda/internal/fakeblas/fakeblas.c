/* A double of cuBLAS for tests: the calls that package drv opens, computed on the host in the plainest way, by columns as cuBLAS does. It
 * reaches device memory through the driver alone, so it runs on a double of the driver and on a real one. It refuses what
 * cuBLAS refuses, and it rounds as float32 products with float32 sums do. */
#include "cuda.h"
#include <string.h>

enum { OK = 0, NOT_INITIALIZED = 1, ALLOC_FAILED = 3, INVALID_VALUE = 7, EXECUTION_FAILED = 13, NOT_SUPPORTED = 15 };
enum { F32 = 0, BF16 = 14 };
enum { COMPUTE_32F = 68 };

typedef struct {
  int magic;
  CUstream stream;
} handle;

static const int magic = 0xb1a5;

int cublasCreate_v2(handle **h) {
  CUcontext ctx = NULL;
  if (cuCtxGetCurrent(&ctx) || !ctx)
    return NOT_INITIALIZED;
  if (!(*h = calloc(1, sizeof **h)))
    return ALLOC_FAILED;
  (*h)->magic = magic;
  return OK;
}

int cublasDestroy_v2(handle *h) {
  if (!h || h->magic != magic)
    return NOT_INITIALIZED;
  h->magic = 0;
  free(h);
  return OK;
}

int cublasSetStream_v2(handle *h, CUstream s) {
  if (!h || h->magic != magic)
    return NOT_INITIALIZED;
  h->stream = s;
  return OK;
}

int cublasSetMathMode(handle *h, int mode) {
  if (!h || h->magic != magic)
    return NOT_INITIALIZED;
  return mode == 0 ? OK : NOT_SUPPORTED;
}

/* Matrix data on the host: rows by cols with columns ld apart. */
typedef struct {
  int type, rows, cols, ld;
  CUdeviceptr at;
  char *host;
} block;

static size_t bytes(const block *b) { return ((size_t)(b->cols - 1) * b->ld + b->rows) * (b->type == F32 ? 4 : 2); }

static float get(const block *b, int i, int j) {
  size_t e = i + (size_t)j * b->ld;
  float f;
  if (b->type == F32)
    return memcpy(&f, b->host + 4 * e, 4), f;
  uint16_t half;
  memcpy(&half, b->host + 2 * e, 2);
  uint32_t bits = (uint32_t)half << 16;
  return memcpy(&f, &bits, 4), f;
}

static void put(block *b, int i, int j, float f) {
  size_t e = i + (size_t)j * b->ld;
  if (b->type == F32) {
    memcpy(b->host + 4 * e, &f, 4);
    return;
  }
  uint32_t bits;
  memcpy(&bits, &f, 4);
  bits += 0x7fff + (bits >> 16 & 1);
  uint16_t half = bits >> 16;
  memcpy(b->host + 2 * e, &half, 2);
}

static int product(int ta, int tb, int k, float alpha, block *a, block *b, float beta, block *c) {
  block *all[] = {a, b, c};
  int status = OK;
  for (int x = 0; x < 3; x++)
    all[x]->host = NULL;
  for (int x = 0; x < 3 && status == OK; x++) {
    if (!bytes(all[x]))
      continue;
    if (!(all[x]->host = malloc(bytes(all[x]))))
      status = ALLOC_FAILED;
    else if (cuMemcpyDtoH(all[x]->host, all[x]->at, bytes(all[x])))
      status = EXECUTION_FAILED;
  }
  for (int j = 0; j < c->cols && status == OK; j++)
    for (int i = 0; i < c->rows; i++) {
      float sum = 0;
      for (int p = 0; p < k; p++)
        sum += (ta ? get(a, p, i) : get(a, i, p)) * (tb ? get(b, j, p) : get(b, p, j));
      put(c, i, j, alpha * sum + (beta != 0 ? beta * get(c, i, j) : 0));
    }
  if (status == OK && cuMemcpyHtoD(c->at, c->host, bytes(c)))
    status = EXECUTION_FAILED;
  for (int x = 0; x < 3; x++)
    free(all[x]->host);
  return status;
}

int cublasGemmStridedBatchedEx(handle *h, int ta, int tb, int m, int n, int k, const void *alpha, CUdeviceptr a, int type_a, int lda, int64_t sa,
                               CUdeviceptr b, int type_b, int ldb, int64_t sb, const void *beta, CUdeviceptr c, int type_c, int ldc, int64_t sc,
                               int count, int compute, int algorithm) {
  if (!h || h->magic != magic)
    return NOT_INITIALIZED;
  int ra = ta ? k : m, rb = tb ? n : k;
  if (m < 0 || n < 0 || k < 0 || count < 0 || lda < (ra > 1 ? ra : 1) || ldb < (rb > 1 ? rb : 1) || ldc < (m > 1 ? m : 1))
    return INVALID_VALUE;
  if (type_a != type_b || type_a != type_c || (type_a != F32 && type_a != BF16) || compute != COMPUTE_32F || algorithm != -1)
    return NOT_SUPPORTED;
  if (cuStreamSynchronize(h->stream))
    return EXECUTION_FAILED;
  int size = type_a == F32 ? 4 : 2;
  for (int q = 0; q < count && m > 0 && n > 0; q++) {
    block x = {type_a, ra, ta ? m : k, lda, a + q * sa * size, NULL};
    block y = {type_a, rb, tb ? k : n, ldb, b + q * sb * size, NULL};
    block z = {type_a, m, n, ldc, c + q * sc * size, NULL};
    int status = product(ta, tb, k, *(const float *)alpha, &x, &y, *(const float *)beta, &z);
    if (status != OK)
      return status;
  }
  return OK;
}

int cublasSgemmStridedBatched(handle *h, int ta, int tb, int m, int n, int k, const float *alpha, CUdeviceptr a, int lda, int64_t sa,
                              CUdeviceptr b, int ldb, int64_t sb, const float *beta, CUdeviceptr c, int ldc, int64_t sc, int count) {
  return cublasGemmStridedBatchedEx(h, ta, tb, m, n, k, alpha, a, F32, lda, sa, b, F32, ldb, sb, beta, c, F32, ldc, sc, count, COMPUTE_32F, -1);
}
