/* A double of cuBLAS: the products that this project calls, in the plainest order, by columns as cuBLAS has them. They are work of a stream
 * like a kernel: done when something waits for it, captured where the stream is. It refuses what cuBLAS refuses. */
#include "cuda.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

CUresult fakecuda_submit(CUstream, CUresult (*)(void *), const void *args, size_t bytes);
void *fakecuda_host(CUdeviceptr, size_t bytes, const char *what);

enum { DONE = 0, NOT_INITIALIZED = 1, INVALID = 7, EXECUTION_FAILED = 13, NOT_SUPPORTED = 15 };
enum { F32 = 0, F16 = 2, BF16 = 14, COMPUTE_32F = 68, COMPUTE_32F_FAST_16BF = 75, COMPUTE_32F_FAST_TF32 = 77, HANDLE = 0xb1a5 };

typedef struct { int magic, math; CUstream stream; } handle;
typedef struct { CUdeviceptr at; int type, trans, ld; long long stride; } operand;
typedef struct { int m, n, k, count; float alpha, beta; operand a, b, c; int rounded; /* a and b, to bfloat16 */ } product;

static int size_of(int type) { return type == F32 ? 4 : 2; }

static float get(const char *p, int type, size_t i) {
  float f;
  uint16_t h;
  uint32_t b;
  if (type == F32)
    return memcpy(&f, p + 4 * i, 4), f;
  memcpy(&h, p + 2 * i, 2);
  if (type == F16) {
    _Float16 x;
    return memcpy(&x, &h, 2), (float)x;
  }
  b = (uint32_t)h << 16;
  return memcpy(&f, &b, 4), f;
}

static void put(char *p, int type, size_t i, float f) {
  if (type == F32) {
    memcpy(p + 4 * i, &f, 4);
    return;
  }
  uint16_t h;
  if (type == F16) {
    _Float16 x = (_Float16)f;
    memcpy(&h, &x, 2);
  } else {
    uint32_t b;
    memcpy(&b, &f, 4);
    h = f != f ? 0x7fff : (uint16_t)((b + 0x7fff + (b >> 16 & 1)) >> 16);
  }
  memcpy(p + 2 * i, &h, 2);
}

/* op(x) of rows by cols as floats with rows side by side; NULL if it is not all in device memory. */
static float *gathered(const operand *o, int which, int rows, int cols, int rounded, const char *what) {
  int down = o->trans ? cols : rows, across = o->trans ? rows : cols;
  size_t bytes = ((size_t)(across - 1) * o->ld + down) * size_of(o->type);
  const char *host = fakecuda_host(o->at + (long long)which * o->stride * size_of(o->type), bytes, what);
  if (!host)
    return NULL;
  float *out = malloc((size_t)rows * cols * 4 + 4);
  for (int i = 0; i < rows; i++)
    for (int j = 0; j < cols; j++)
      out[(size_t)i * cols + j] = get(host, o->type, o->trans ? j + (size_t)i * o->ld : i + (size_t)j * o->ld);
  for (size_t i = 0; rounded && i < (size_t)rows * cols; i++) {
    char half[2];
    put(half, BF16, 0, out[i]);
    out[i] = get(half, BF16, 0);
  }
  return out;
}

static CUresult one(const product *p, int which) {
  int m = p->m, n = p->n, k = p->k;
  size_t bytes = ((size_t)(n - 1) * p->c.ld + m) * size_of(p->c.type);
  char *c = fakecuda_host(p->c.at + (long long)which * p->c.stride * size_of(p->c.type), bytes, "c of a cuBLAS product");
  float *a = k ? gathered(&p->a, which, m, k, p->rounded, "a of a cuBLAS product") : NULL;
  float *b = k ? gathered(&p->b, which, k, n, p->rounded, "b of a cuBLAS product") : NULL;
  CUresult r = c && (!k || (a && b)) ? CUDA_SUCCESS : CUDA_ERROR_ILLEGAL_ADDRESS;
  float *row = malloc((size_t)n * 4);
  for (int i = 0; i < m && !r; i++) {
    memset(row, 0, (size_t)n * 4);
    for (int x = 0; x < k; x++)
      for (int j = 0; j < n; j++)
        row[j] = fmaf(a[(size_t)i * k + x], b[(size_t)x * n + j], row[j]);
    for (int j = 0; j < n; j++) {
      size_t at = i + (size_t)j * p->c.ld;
      put(c, p->c.type, at, p->alpha * row[j] + (p->beta != 0 ? p->beta * get(c, p->c.type, at) : 0));
    }
  }
  free(a), free(b), free(row);
  return r;
}

static CUresult all(void *arg) {
  const product *p = arg;
  CUresult r = CUDA_SUCCESS;
  for (int i = 0; i < p->count && !r; i++)
    r = one(p, i);
  return r;
}

static int is_type(int t) { return t == F32 || t == F16 || t == BF16; }

static int submit(handle *h, product p, int compute) {
  if (!h || h->magic != HANDLE)
    return NOT_INITIALIZED;
  int ra = p.a.trans ? p.k : p.m, rb = p.b.trans ? p.n : p.k;
  if (p.m < 0 || p.n < 0 || p.k < 0 || p.count < 0 || p.a.ld < (ra > 1 ? ra : 1) || p.b.ld < (rb > 1 ? rb : 1) ||
      p.c.ld < (p.m > 1 ? p.m : 1) || (p.a.trans | p.b.trans) & ~1)
    return INVALID;
  if ((compute != COMPUTE_32F && compute != COMPUTE_32F_FAST_16BF && compute != COMPUTE_32F_FAST_TF32) || !is_type(p.a.type) || p.a.type != p.b.type || !is_type(p.c.type) ||
      (p.c.type != F32 && p.c.type != p.a.type))
    return NOT_SUPPORTED;
  if (!p.m || !p.n || !p.count)
    return DONE;
  p.rounded = compute == COMPUTE_32F_FAST_16BF;
  return fakecuda_submit(h->stream, all, &p, sizeof p) ? EXECUTION_FAILED : DONE;
}

int cublasCreate_v2(handle **h) {
  CUcontext c = NULL;
  if (cuCtxGetCurrent(&c) || !c)
    return NOT_INITIALIZED;
  *h = calloc(1, sizeof **h);
  (*h)->magic = HANDLE;
  return DONE;
}

int cublasDestroy_v2(handle *h) {
  if (!h || h->magic != HANDLE)
    return NOT_INITIALIZED;
  h->magic = 0;
  free(h);
  return DONE;
}

int cublasSetStream_v2(handle *h, CUstream s) {
  if (!h || h->magic != HANDLE)
    return NOT_INITIALIZED;
  h->stream = s;
  return DONE;
}

int cublasGetStream_v2(handle *h, CUstream *s) {
  if (!h || h->magic != HANDLE)
    return NOT_INITIALIZED;
  *s = h->stream;
  return DONE;
}

/* The version: MAJOR_VERSION, MINOR_VERSION, PATCH_LEVEL. */
int cublasGetProperty(int which, int *value) {
  static const int version[] = {12, 4, 0};
  if (which < 0 || which > 2)
    return INVALID;
  *value = version[which];
  return DONE;
}

int cublasSetMathMode(handle *h, int mode) {
  if (!h || h->magic != HANDLE)
    return NOT_INITIALIZED;
  h->math = mode;
  return DONE;
}

int cublasGemmStridedBatchedEx(handle *h, int ta, int tb, int m, int n, int k, const float *alpha, CUdeviceptr a, int type_a, int lda,
                               long long sa, CUdeviceptr b, int type_b, int ldb, long long sb, const float *beta, CUdeviceptr c, int type_c,
                               int ldc, long long sc, int count, int compute, int algorithm) {
  (void)algorithm;
  return submit(h, (product){m, n, k, count, *alpha, *beta, {a, type_a, ta, lda, sa}, {b, type_b, tb, ldb, sb}, {c, type_c, 0, ldc, sc}, 0},
                compute);
}

int cublasGemmEx(handle *h, int ta, int tb, int m, int n, int k, const float *alpha, CUdeviceptr a, int type_a, int lda, CUdeviceptr b,
                 int type_b, int ldb, const float *beta, CUdeviceptr c, int type_c, int ldc, int compute, int algorithm) {
  return cublasGemmStridedBatchedEx(h, ta, tb, m, n, k, alpha, a, type_a, lda, 0, b, type_b, ldb, 0, beta, c, type_c, ldc, 0, 1, compute,
                                    algorithm);
}

int cublasSgemmStridedBatched(handle *h, int ta, int tb, int m, int n, int k, const float *alpha, CUdeviceptr a, int lda, long long sa,
                              CUdeviceptr b, int ldb, long long sb, const float *beta, CUdeviceptr c, int ldc, long long sc, int count) {
  return cublasGemmStridedBatchedEx(h, ta, tb, m, n, k, alpha, a, F32, lda, sa, b, F32, ldb, sb, beta, c, F32, ldc, sc, count, COMPUTE_32F,
                                    -1);
}

int cublasSgemm_v2(handle *h, int ta, int tb, int m, int n, int k, const float *alpha, CUdeviceptr a, int lda, CUdeviceptr b, int ldb,
                   const float *beta, CUdeviceptr c, int ldc) {
  return cublasSgemmStridedBatched(h, ta, tb, m, n, k, alpha, a, lda, 0, b, ldb, 0, beta, c, ldc, 0, 1);
}
