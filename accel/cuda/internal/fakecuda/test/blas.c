/* The products of the double of cuBLAS, against the plainest ones. */
#include "test.h"
#include <math.h>

typedef struct handle handle;
int cublasCreate_v2(handle **);
int cublasDestroy_v2(handle *);
int cublasSetStream_v2(handle *, CUstream);
int cublasSgemm_v2(handle *, int, int, int, int, int, const float *, CUdeviceptr, int, CUdeviceptr, int, const float *, CUdeviceptr, int);
int cublasSgemmStridedBatched(handle *, int, int, int, int, int, const float *, CUdeviceptr, int, long long, CUdeviceptr, int, long long,
                              const float *, CUdeviceptr, int, long long, int);
int cublasGemmEx(handle *, int, int, int, int, int, const float *, CUdeviceptr, int, int, CUdeviceptr, int, int, const float *, CUdeviceptr,
                 int, int, int, int);

enum { M = 5, N = 7, K = 3, COUNT = 2, LDA = 9, LDB = 8, LDC = 6, A = 100, B = 90, C = 60 };

static handle *open(void) {
  handle *h;
  CHECK(cublasCreate_v2(&h) == 0);
  return h;
}

/* By columns, with every transpose, padded leading dimensions and a batch. */
TEST(products_of_float32) {
  float a[COUNT * A], b[COUNT * B], c[COUNT * C], got[COUNT * C], alpha = 2, beta = .5f;
  for (int i = 0; i < COUNT * A; i++)
    a[i] = (float)(i * 7 % 11) - 5;
  for (int i = 0; i < COUNT * B; i++)
    b[i] = (float)(i * 5 % 13) - 6;
  for (int i = 0; i < COUNT * C; i++)
    c[i] = (float)i;
  handle *h = open();
  CUdeviceptr pa = upload(a, sizeof a), pb = upload(b, sizeof b);
  for (int t = 0; t < 4; t++) {
    int ta = t & 1, tb = t >> 1;
    CUdeviceptr pc = upload(c, sizeof c);
    CHECK(cublasSgemmStridedBatched(h, ta, tb, M, N, K, &alpha, pa, LDA, A, pb, LDB, B, &beta, pc, LDC, C, COUNT) == 0);
    download(got, pc, sizeof got);
    for (int z = 0; z < COUNT; z++)
      for (int j = 0; j < N; j++)
        for (int i = 0; i < LDC; i++) {
          float want = c[z * C + j * LDC + i];
          if (i < M) {
            float s = 0;
            for (int k = 0; k < K; k++)
              s += a[z * A + (ta ? k + i * LDA : i + k * LDA)] * b[z * B + (tb ? j + k * LDB : k + j * LDB)];
            want = alpha * s + beta * want;
          }
          CHECK(got[z * C + j * LDC + i] == want, "transposes %d %d matrix %d (%d,%d)", ta, tb, z, i, j);
        }
  }
  CHECK(cublasDestroy_v2(h) == 0);
}

TEST(products_of_bfloat16) {
  uint16_t a[4] = {0x3f80, 0x4000, 0x4040, 0x4080}, b[4] = {0x3f80, 0, 0, 0x3f80}, c16[4]; /* 1 2 3 4 by columns, the unit matrix */
  float c32[4], alpha = 1, beta = 0;
  CUdeviceptr pa = upload(a, 8), pb = upload(b, 8), p16 = upload(NULL, 8), p32 = upload(NULL, 16);
  handle *h = open();
  CHECK(cublasGemmEx(h, 0, 0, 2, 2, 2, &alpha, pa, 14, 2, pb, 14, 2, &beta, p16, 14, 2, 68, -1) == 0);
  CHECK(cublasGemmEx(h, 1, 0, 2, 2, 2, &alpha, pa, 14, 2, pb, 14, 2, &beta, p32, 0, 2, 68, -1) == 0);
  download(c16, p16, 8);
  download(c32, p32, 16);
  CHECK(!memcmp(c16, a, 8)); /* beta 0 does not read c, which is NaN */
  CHECK(c32[0] == 1 && c32[1] == 3 && c32[2] == 2 && c32[3] == 4);
}

TEST(products_are_work_of_their_stream) {
  float one = 1, zero = 0, two = 2;
  CUstream s;
  OK(cuStreamCreate(&s, CU_STREAM_NON_BLOCKING));
  void *p;
  OK(cuMemHostAlloc(&p, 4, 0));
  float *host = p;
  *host = 0;
  CUdeviceptr a = upload(&two, 4), c = upload(NULL, 4);
  handle *h = open();
  CHECK(cublasSetStream_v2(h, s) == 0);
  CHECK(cublasSgemm_v2(h, 0, 0, 1, 1, 1, &one, a, 1, a, 1, &zero, c, 1) == 0);
  OK(cuMemcpyDtoHAsync(host, c, 4, s));
  CHECK(*host == 0);
  OK(cuStreamSynchronize(s));
  CHECK(*host == 4);
  CUgraph g;
  CUgraphExec e;
  OK(cuStreamBeginCapture(s, CU_STREAM_CAPTURE_MODE_THREAD_LOCAL));
  CHECK(cublasSgemm_v2(h, 0, 0, 1, 1, 1, &one, c, 1, a, 1, &zero, c, 1) == 0);
  OK(cuStreamEndCapture(s, &g));
  OK(cuGraphInstantiateWithFlags(&e, g, 0));
  OK(cuGraphLaunch(e, s));
  OK(cuGraphLaunch(e, s));
  OK(cuStreamSynchronize(s));
  float got;
  download(&got, c, 4);
  CHECK(got == 16);
}

TEST(products_refuse_what_cublas_refuses) {
  float one = 1;
  CUdeviceptr p = upload(NULL, 64);
  handle *h = open();
  CHECK(cublasSgemm_v2(h, 0, 0, 4, 4, 4, &one, p, 3, p, 4, &one, p, 4) == 7);
  CHECK(cublasSgemm_v2(h, 0, 0, -1, 4, 4, &one, p, 4, p, 4, &one, p, 4) == 7);
  CHECK(cublasGemmEx(h, 0, 0, 2, 2, 2, &one, p, 14, 2, p, 0, 2, &one, p, 0, 2, 68, -1) == 15);
  CHECK(cublasSgemm_v2(h, 0, 0, 4, 4, 5, &one, p, 4, p, 5, &one, p, 4) == 0);
  FAILS(cuCtxSynchronize(), CUDA_ERROR_ILLEGAL_ADDRESS);
  TELLS(CUDA_ERROR_ILLEGAL_ADDRESS, "of a cuBLAS product: 80 bytes");
  CHECK(cublasDestroy_v2(h) == 0);
  CHECK(cublasDestroy_v2(NULL) == 1);
}
