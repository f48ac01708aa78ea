/* Products of matrices, a tile of the result a block: the core of linear layers, of convolutions, which compute where their operands lie,
 * and of attention. */
#ifndef TILE_H
#define TILE_H

#include "gk.h"

#define TILE 64 /* rows and columns of the result a block of 256 threads, 4 x 4 of which a thread has */
#define DEEP 16 /* of the sum at a time */

typedef float Panel[DEEP][TILE + 4];

/* The panels that a product needs, in shared memory. */
struct Panels {
  Panel a, b;
};

/* A thread's elements (row + t / 16 + 16 r, col + t % 16 + 16 s) of the m x n matrix whose element (i, j) is the sum of a(i, k) b(k, j)
 * over k in [from, to), added in order; 0 beside the matrix. Neighbouring threads read along k where ALONG_K says so, else along i or j. */
template <bool A_ALONG_K, bool B_ALONG_K, class A, class B>
DEV void tile_product(float sum[4][4], Panels *panels, int row, int col, int m, int n, int from, int to, A a, B b) {
  int t = thread_x();
  for (int r = 0; r < 4; r++)
    for (int s = 0; s < 4; s++)
      sum[r][s] = 0.f;
  for (int k0 = from; k0 < to; k0 += DEEP) {
    for (int e = t; e < TILE * DEEP; e += 256) {
      int i = A_ALONG_K ? e / DEEP : e % TILE, p = A_ALONG_K ? e % DEEP : e / TILE;
      panels->a[p][i] = row + i < m && k0 + p < to ? a(row + i, k0 + p) : 0.f;
      int j = B_ALONG_K ? e / DEEP : e % TILE, q = B_ALONG_K ? e % DEEP : e / TILE;
      panels->b[q][j] = col + j < n && k0 + q < to ? b(k0 + q, col + j) : 0.f;
    }
    __syncthreads();
    for (int p = 0; p < DEEP; p++) {
      float x[4], y[4];
      for (int r = 0; r < 4; r++) {
        x[r] = panels->a[p][t / 16 + 16 * r];
        y[r] = panels->b[p][t % 16 + 16 * r];
      }
      for (int r = 0; r < 4; r++)
        for (int s = 0; s < 4; s++)
          sum[r][s] += x[r] * y[s];
    }
    __syncthreads();
  }
}

/* Calls put(i, j, sum) for the elements of the tile of such a matrix. */
template <bool A_ALONG_K, bool B_ALONG_K, class A, class B, class Put>
DEV void product(Panels *panels, int row, int col, int m, int n, int from, int to, A a, B b, Put put) {
  int t = thread_x();
  float sum[4][4];
  tile_product<A_ALONG_K, B_ALONG_K>(sum, panels, row, col, m, n, from, to, a, b);
  for (int r = 0; r < 4; r++)
    for (int s = 0; s < 4; s++) {
      int i = row + t / 16 + 16 * r, j = col + t % 16 + 16 * s;
      if (i < m && j < n)
        put(i, j, sum[r][s]);
    }
}

#endif
