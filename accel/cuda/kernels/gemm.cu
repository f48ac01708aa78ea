/* Products of matrices, where cuBLAS is not installed. */
#include "tile.h"

/* c[i, j] = alpha sum_k a[i, k] b[k, j] + beta c[i, j] + bias[j], for each matrix of a batch. Element (i, k) of a is at i ai + k ak, that
 * of b at k bk + j bj, that of c at i ci + j. bias may be null. */
template <int EACH>
DEV void gemm_tiles(float *c, const float *a, const float *b, const float *bias, int m, int n, int k, int ai, int ak, int bk, int bj, int ci,
            int a_batch, int b_batch, int c_batch, float alpha, float beta) {
  SHARED Panels<EACH> panels;
  int row = block_x() * SIDE(EACH), col = block_y() * SIDE(EACH);
  a += (u64)block_z() * a_batch;
  b += (u64)block_z() * b_batch;
  c += (u64)block_z() * c_batch;
  auto left = [=](int i, int p) { return a[i * ai + p * ak]; };
  auto right = [=](int p, int j) { return b[p * bk + j * bj]; };
  auto put = [=](int i, int j, float sum) {
    float v = alpha * sum;
    if (bias)
      v += bias[j];
    if (beta != 0.f)
      v += beta * c[i * ci + j];
    c[i * ci + j] = v;
  };
  if (ak == 1 && bj == 1)
    product<EACH, true, false>(&panels, row, col, m, n, 0, k, left, right, put);
  else if (ak == 1)
    product<EACH, true, true>(&panels, row, col, m, n, 0, k, left, right, put);
  else if (bj == 1)
    product<EACH, false, false>(&panels, row, col, m, n, 0, k, left, right, put);
  else
    product<EACH, false, true>(&panels, row, col, m, n, 0, k, left, right, put);
}

SIZES(gemm,
      (float *c, const float *a, const float *b, const float *bias, int m, int n, int k, int ai, int ak, int bk, int bj, int ci, int a_batch,
       int b_batch, int c_batch, float alpha, float beta),
      (c, a, b, bias, m, n, k, ai, ak, bk, bj, ci, a_batch, b_batch, c_batch, alpha, beta))
