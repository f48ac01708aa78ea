#include "gk.h"

#define TILE 64 /* rows and columns of c a block */
#define DEEP 16 /* of k at a time */

/* c[i, j] = alpha sum_k a[i, k] b[k, j] + beta c[i, j] + bias[j], for each matrix of a batch. Element (i, k) of a is at i ai + k ak, that
 * of b at k bk + j bj, that of c at i ci + j. 256 threads, each with 4 x 4 elements of c; bias may be null. */
KERNEL gemm(float *c, const float *a, const float *b, const float *bias, int m, int n, int k, int ai, int ak, int bk, int bj, int ci,
            int a_batch, int b_batch, int c_batch, float alpha, float beta) {
  SHARED float as[DEEP][TILE + 4], bs[DEEP][TILE + 4];
  int t = thread_x(), row = block_x() * TILE, col = block_y() * TILE;
  a += (u64)block_z() * a_batch;
  b += (u64)block_z() * b_batch;
  c += (u64)block_z() * c_batch;
  float sum[4][4] = {};
  for (int k0 = 0; k0 < k; k0 += DEEP) {
    /* Neighbouring threads read along the step of 1. */
    for (int e = t; e < TILE * DEEP; e += 256) {
      int i = ak == 1 ? e / DEEP : e % TILE, p = ak == 1 ? e % DEEP : e / TILE;
      as[p][i] = row + i < m && k0 + p < k ? a[(row + i) * ai + (k0 + p) * ak] : 0.f;
      int j = bj == 1 ? e % TILE : e / DEEP, q = bj == 1 ? e / TILE : e % DEEP;
      bs[q][j] = col + j < n && k0 + q < k ? b[(k0 + q) * bk + (col + j) * bj] : 0.f;
    }
    __syncthreads();
    for (int p = 0; p < DEEP; p++) {
      float x[4], y[4];
      for (int r = 0; r < 4; r++) {
        x[r] = as[p][t / 16 + 16 * r];
        y[r] = bs[p][t % 16 + 16 * r];
      }
      for (int r = 0; r < 4; r++)
        for (int s = 0; s < 4; s++)
          sum[r][s] += x[r] * y[s];
    }
    __syncthreads();
  }
  for (int r = 0; r < 4; r++)
    for (int s = 0; s < 4; s++) {
      int i = row + t / 16 + 16 * r, j = col + t % 16 + 16 * s;
      if (i < m && j < n) {
        float v = alpha * sum[r][s];
        if (bias)
          v += bias[j];
        if (beta != 0.f)
          v += beta * c[i * ci + j];
        c[i * ci + j] = v;
      }
    }
}
