/* Products of matrices, a tile of the result a block: the core of linear layers, of convolutions, which compute where their operands lie,
 * and of attention. With BF16 it is another one: operands are rounded to bfloat16 on their way into shared memory and multiplied by tensor
 * cores (mma.sync, sm_80 and later), sums stay float32. `make ptx` compiles each file that includes this both ways. */
#ifndef TILE_H
#define TILE_H

#include "gk.h"

#define TILE 64 /* rows and columns of the result a block of 256 threads, 4 x 4 of which a thread has */

#ifdef BF16
#define PRODUCT(name) name##_bf16
#define DEEP 32 /* of the sum at a time */
#define PAIRS (DEEP / 2)

/* Pairs along k, and a row's padding that keeps a warp's reads of a fragment in 32 banks. */
typedef u32 Panel[TILE][PAIRS + 4];
#else
#define PRODUCT(name) name
#define DEEP 16

typedef float Panel[DEEP][TILE + 4];
#endif

/* The panels that a product needs, in shared memory; with BF16 the result takes their place. */
union Panels {
  struct {
    Panel a, b;
  };
#ifdef BF16
  float sums[TILE][TILE + 4];
#endif
};

#ifdef BF16
/* x in the lower half, y in the upper. */
DEV u32 rounded(float x, float y) {
  u32 pair;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(pair) : "f"(y), "f"(x));
  return pair;
}

/* d += a b for a 16 x 16 and b 16 x 8: of a warp's lanes, lane 4 g + t has rows g and g + 8, columns 2 t and 2 t + 1 of d. */
DEV void multiply_add(float d[4], const u32 a[4], const u32 b[2]) {
  asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
               : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
               : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}
#endif

/* A thread's elements (row + t / 16 + 16 r, col + t % 16 + 16 s) of the m x n matrix whose element (i, j) is the sum of a(i, k) b(k, j)
 * over k in [from, to), added in order; 0 beside the matrix. Neighbouring threads read along k where ALONG_K says so, else along i or j. */
template <bool A_ALONG_K, bool B_ALONG_K, class A, class B>
DEV void tile_product(float sum[4][4], Panels *panels, int row, int col, int m, int n, int from, int to, A a, B b) {
  int t = thread_x();
#ifdef BF16
  int g = t % 32 / 4, q = t % 4, top = t / 32 % 4 * 16, left = t / 128 * 32; /* a warp has 16 x 32 of the tile */
  float d[4][4] = {};
  for (int k0 = from; k0 < to; k0 += DEEP) {
    for (int e = t; e < TILE * PAIRS; e += 256) {
      int i = A_ALONG_K ? e / PAIRS : e % TILE, p = A_ALONG_K ? e % PAIRS : e / TILE, k = k0 + 2 * p;
      panels->a[i][p] = rounded(row + i < m && k < to ? a(row + i, k) : 0.f, row + i < m && k + 1 < to ? a(row + i, k + 1) : 0.f);
      int j = B_ALONG_K ? e / PAIRS : e % TILE;
      p = B_ALONG_K ? e % PAIRS : e / TILE;
      k = k0 + 2 * p;
      panels->b[j][p] = rounded(col + j < n && k < to ? b(k, col + j) : 0.f, col + j < n && k + 1 < to ? b(k + 1, col + j) : 0.f);
    }
    __syncthreads();
    for (int p = 0; p < PAIRS; p += 8) {
      u32 x[4], y[2];
      for (int r = 0; r < 4; r++)
        x[r] = panels->a[top + g + r % 2 * 8][p + q + r / 2 * 4];
      for (int s = 0; s < 4; s++) {
        y[0] = panels->b[left + 8 * s + g][p + q];
        y[1] = panels->b[left + 8 * s + g][p + q + 4];
        multiply_add(d[s], x, y);
      }
    }
    __syncthreads();
  }
  for (int s = 0; s < 4; s++)
    for (int r = 0; r < 4; r++)
      panels->sums[top + g + r / 2 * 8][left + 8 * s + 2 * q + r % 2] = d[s][r];
  __syncthreads();
  for (int r = 0; r < 4; r++)
    for (int s = 0; s < 4; s++)
      sum[r][s] = panels->sums[t / 16 + 16 * r][t % 16 + 16 * s];
  __syncthreads();
#else
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
#endif
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
