/* Products of matrices, a tile of the result a block: the core of linear layers, of convolutions, which compute where their operands lie,
 * and of attention. With BF16 it is another one: operands are rounded to bfloat16 on their way into shared memory and multiplied by tensor
 * cores (mma.sync, sm_80 and later), sums stay float32. `make ptx` compiles each file that includes this both ways. */
#ifndef TILE_H
#define TILE_H

#include "gk.h"

/* A block of 256 threads has a square of 16 EACH x 16 EACH of the result: 64 x 64, or where there are enough of them for all of a card 128 x 128,
 * for which a thread reads half as much. A thread has EACH x EACH of it. */
#define SIDE(each) (16 * (each))
#define TILE SIDE(4)

#define UNROLL _Pragma("unroll") /* sums must stay in registers */

/* The two kernels of name##_tiles<EACH>: name, and name_large. */
#define SIZES(name, parameters, arguments)                           \
  KERNEL PRODUCT(name) parameters { name##_tiles<4> arguments; }     \
  KERNEL PRODUCT(name##_large) parameters { name##_tiles<8> arguments; }

/* The panels that a product needs, in shared memory. */
#ifdef BF16
#define PRODUCT(name) name##_bf16
#define DEEP 32 /* of the sum at a time */
#define PAIRS (DEEP / 2)

/* Pairs along k, and a row's padding that keeps a warp's reads of a fragment in 32 banks. */
template <int EACH> struct Panels {
  u32 a[SIDE(EACH)][PAIRS + 4], b[SIDE(EACH)][PAIRS + 4];
};
#else
#define PRODUCT(name) name
#define DEEP 16

template <int EACH> struct Panels {
  float a[DEEP][SIDE(EACH) + 4], b[DEEP][SIDE(EACH) + 4];
};
#endif

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

#ifdef BF16
/* Of the square a warp has 16 DOWN x 32, as DOWN x 4 results of multiply_add; lane 4 g + q. */
#define FRAGMENTS(each)                          \
  const int DOWN = (each) * (each) / 16, high = (each) / DOWN; /* warps above each other */ \
  int g = t % 32 / 4, q = t % 4, top = t / 32 % high * 16 * DOWN, left = t / 32 / high * 32
#endif

/* sum += a thread's part of the square at (row, col) of the m x n matrix whose element (i, j) is the sum of a(i, k) b(k, j) over k in
 * [from, to), added in order. Neighbouring threads read along k where ALONG_K says so, else along i or j. */
template <int EACH, bool A_ALONG_K, bool B_ALONG_K, class A, class B>
DEV void accumulate(float sum[EACH][EACH], Panels<EACH> *panels, int row, int col, int m, int n, int from, int to, A a, B b) {
  int t = thread_x();
#ifdef BF16
  FRAGMENTS(EACH);
  for (int k0 = from; k0 < to; k0 += DEEP) {
    for (int e = t; e < SIDE(EACH) * PAIRS; e += 256) {
      int i = A_ALONG_K ? e / PAIRS : e % SIDE(EACH), p = A_ALONG_K ? e % PAIRS : e / SIDE(EACH), k = k0 + 2 * p;
      panels->a[i][p] = rounded(row + i < m && k < to ? a(row + i, k) : 0.f, row + i < m && k + 1 < to ? a(row + i, k + 1) : 0.f);
      int j = B_ALONG_K ? e / PAIRS : e % SIDE(EACH);
      p = B_ALONG_K ? e % PAIRS : e / SIDE(EACH);
      k = k0 + 2 * p;
      panels->b[j][p] = rounded(col + j < n && k < to ? b(k, col + j) : 0.f, col + j < n && k + 1 < to ? b(k + 1, col + j) : 0.f);
    }
    __syncthreads();
    for (int p = 0; p < PAIRS; p += 8) {
      u32 y[4][2];
      UNROLL
      for (int s = 0; s < 4; s++) {
        y[s][0] = panels->b[left + 8 * s + g][p + q];
        y[s][1] = panels->b[left + 8 * s + g][p + q + 4];
      }
      UNROLL
      for (int f = 0; f < DOWN; f++) {
        u32 x[4];
        UNROLL
        for (int r = 0; r < 4; r++)
          x[r] = panels->a[top + 16 * f + g + r % 2 * 8][p + q + r / 2 * 4];
        UNROLL
        for (int s = 0; s < 4; s++)
          multiply_add(&sum[0][0] + 16 * f + 4 * s, x, y[s]);
      }
    }
    __syncthreads();
  }
#else
  for (int k0 = from; k0 < to; k0 += DEEP) {
    for (int e = t; e < SIDE(EACH) * DEEP; e += 256) {
      int i = A_ALONG_K ? e / DEEP : e % SIDE(EACH), p = A_ALONG_K ? e % DEEP : e / SIDE(EACH);
      panels->a[p][i] = row + i < m && k0 + p < to ? a(row + i, k0 + p) : 0.f;
      int j = B_ALONG_K ? e / DEEP : e % SIDE(EACH), q = B_ALONG_K ? e % DEEP : e / SIDE(EACH);
      panels->b[q][j] = col + j < n && k0 + q < to ? b(k0 + q, col + j) : 0.f;
    }
    __syncthreads();
    for (int p = 0; p < DEEP; p++) {
      float x[EACH], y[EACH];
      UNROLL
      for (int r = 0; r < EACH; r++) {
        x[r] = panels->a[p][t / 16 + 16 * r];
        y[r] = panels->b[p][t % 16 + 16 * r];
      }
      UNROLL
      for (int r = 0; r < EACH; r++)
        UNROLL
        for (int s = 0; s < EACH; s++)
          sum[r][s] += x[r] * y[s];
    }
    __syncthreads();
  }
#endif
}

/* Calls put(i, j, sum) for a thread's elements of the square, which begins at (0, 0). */
template <int EACH, class Put> DEV void spread(const float sum[EACH][EACH], Put put) {
  int t = thread_x();
#ifdef BF16
  FRAGMENTS(EACH);
  UNROLL
  for (int f = 0; f < DOWN; f++)
    UNROLL
    for (int s = 0; s < 4; s++)
      UNROLL
      for (int r = 0; r < 4; r++)
        put(top + 16 * f + g + r / 2 * 8, left + 8 * s + 2 * q + r % 2, (&sum[0][0])[16 * f + 4 * s + r]);
#else
  UNROLL
  for (int r = 0; r < EACH; r++)
    UNROLL
    for (int s = 0; s < EACH; s++)
      put(t / 16 + 16 * r, t % 16 + 16 * s, sum[r][s]);
#endif
}

/* Calls put(i, j, sum) for the elements of the square at (row, col) of such a matrix. */
template <int EACH, bool A_ALONG_K, bool B_ALONG_K, class A, class B, class Put>
DEV void product(Panels<EACH> *panels, int row, int col, int m, int n, int from, int to, A a, B b, Put put) {
  float sum[EACH][EACH] = {};
  accumulate<EACH, A_ALONG_K, B_ALONG_K>(sum, panels, row, col, m, n, from, to, a, b);
  spread<EACH>(sum, [=](int i, int j, float v) {
    if (row + i < m && col + j < n)
      put(row + i, col + j, v);
  });
}

#endif
