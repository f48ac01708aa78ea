/* Scaled dot-product attention without a matrix of all scores: a tile of 64 x 64 of them at a time, whose softmax is corrected as larger
 * scores appear (Dao et al. 2022). The gradient computes the tiles again from the logarithm of each row's sum. block_z is a head of a batch
 * element; a row of it is w long, and the next is d further. A block has 128 columns of a result, block_y says which. */
#include "tile.h"

#define WIDE 128 /* columns of a result a block: two tiles side by side */

/* Scores, or what weighs the rows of a result. */
struct Shared {
  union {
    Panels<4> panels;
#ifdef BF16
    float sums[TILE][TILE + 4];
#endif
  };
  float weights[TILE][TILE + 4];
};

/* A thread's elements (t / 16 + 16 r, t % 16 + 16 s) of a product, 0 beside it. */
template <bool B_ALONG_K, class A, class B>
DEV void tile_product(float sum[4][4], Shared *sh, int row, int col, int m, int n, int to, A a, B b) {
  float own[4][4] = {};
  accumulate<4, true, B_ALONG_K>(own, &sh->panels, row, col, m, n, 0, to, a, b);
#ifdef BF16
  int t = thread_x();
  spread<4>(own, [=](int i, int j, float v) { sh->sums[i][j] = v; });
  __syncthreads();
  UNROLL
  for (int r = 0; r < 4; r++)
    UNROLL
    for (int s = 0; s < 4; s++)
      sum[r][s] = sh->sums[t / 16 + 16 * r][t % 16 + 16 * s];
  __syncthreads();
#else
  UNROLL
  for (int r = 0; r < 4; r++)
    UNROLL
    for (int s = 0; s < 4; s++)
      sum[r][s] = own[r][s];
#endif
}

/* The dot products of 64 rows of x [n, w] from row on with 64 rows of y [m, w] from col on. */
DEV void dots(float sum[4][4], Shared *sh, const float *x, const float *y, int row, int col, int n, int m, int w, int d) {
  tile_product<true>(
      sum, sh, row, col, n, m, w, [=](int i, int k) { return x[i * d + k]; }, [=](int k, int j) { return y[j * d + k]; });
}

/* sum += weights by the 64 rows of x [n, w] from row on; columns from col on. */
DEV void weigh(float sum[2][4][4], Shared *sh, const float *x, int row, int col, int n, int w, int d) {
  __syncthreads(); /* for the weights: with BF16 threads read what others wrote */
  UNROLL
  for (int half = 0; half < WIDE / TILE; half++) {
    if (half && col + half * TILE >= w) /* a head's columns end before */
      return;
    float part[4][4];
    tile_product<false>(
        part, sh, 0, col + half * TILE, TILE, w, min_(TILE, n - row), [=](int i, int k) { return sh->weights[i][k]; },
        [=](int k, int j) { return x[(row + k) * d + j]; });
    UNROLL
    for (int r = 0; r < 4; r++)
      UNROLL
      for (int s = 0; s < 4; s++)
        sum[half][r][s] += part[r][s];
  }
}

/* Writes a thread's elements of a result. */
DEV void put(float *y, const float sum[2][4][4], const float factor[4], int row, int col, int n, int w, int d) {
  int t = thread_x();
  UNROLL
  for (int r = 0; r < 4; r++)
    UNROLL
    for (int s = 0; s < 8; s++) {
      int i = row + t / 16 + 16 * r, c = col + t % 16 + 16 * s;
      if (i < n && c < w)
        y[i * d + c] = sum[s / 4][r][s % 4] * factor[r];
    }
}

/* Sum and maximum over the 16 threads that have a row. */
DEV float row_sum(float v) {
  for (int o = 8; o > 0; o >>= 1)
    v += __nvvm_shfl_sync_bfly_f32(ALL_LANES, v, o, 31);
  return v;
}

DEV float row_max(float v) {
  for (int o = 8; o > 0; o >>= 1)
    v = larger(v, __nvvm_shfl_sync_bfly_f32(ALL_LANES, v, o, 31));
  return v;
}

/* What a thread knows of its 4 rows: the largest score yet, and its part of sums that are scaled by e^-top. */
struct Softmax {
  float top[4], sum[4];
};
#define NO_SCORES {{-__builtin_inff(), -__builtin_inff(), -__builtin_inff(), -__builtin_inff()}, {}}

/* Turns dot products into e^(score - top), 0 for keys that the query does not see, and adds them up. by[r] is what was summed before
 * must be multiplied by. */
DEV void soften(Softmax *now, float p[4][4], float by[4], int row, int col, int m, float scale, int causal) {
  int t = thread_x();
  UNROLL
  for (int r = 0; r < 4; r++) {
    int i = row + t / 16 + 16 * r;
    float top = now->top[r];
    UNROLL
    for (int s = 0; s < 4; s++) {
      int j = col + t % 16 + 16 * s;
      p[r][s] = j >= m || (causal && j > i) ? -__builtin_inff() : p[r][s] * scale;
      top = larger(top, p[r][s]);
    }
    top = row_max(top);
    by[r] = exp_(now->top[r] - top);
    now->top[r] = top;
    now->sum[r] *= by[r];
    UNROLL
    for (int s = 0; s < 4; s++) {
      p[r][s] = p[r][s] == -__builtin_inff() ? 0.f : exp_(p[r][s] - top);
      now->sum[r] += p[r][s];
    }
  }
}

DEV void keep(Shared *sh, const float p[4][4]) {
  int t = thread_x();
  UNROLL
  for (int r = 0; r < 4; r++)
    UNROLL
    for (int s = 0; s < 4; s++)
      sh->weights[t / 16 + 16 * r][t % 16 + 16 * s] = p[r][s];
}

/* Where the head of block_z begins in a tensor [batch, rows, d]. */
DEV int head(int rows, int heads, int w, int d) { return block_z() / heads * rows * d + block_z() % heads * w; }

/* Queries from row on see keys below this. */
DEV int seen(int row, int m, int causal) { return causal ? min_(m, row + TILE) : m; }

KERNEL PRODUCT(attention)(float *o, const float *q, const float *k, const float *v, int n, int m, int heads, int w, int d, float scale, int causal) {
  SHARED Shared sh;
  int row = block_x() * TILE, col = block_y() * WIDE, of_n = head(n, heads, w, d), of_m = head(m, heads, w, d);
  Softmax now = NO_SCORES;
  float sum[2][4][4] = {}, p[4][4], by[4];
  for (int key = 0; key < seen(row, m, causal); key += TILE) {
    dots(p, &sh, q + of_n, k + of_m, row, key, n, m, w, d);
    soften(&now, p, by, row, key, m, scale, causal);
    keep(&sh, p);
    UNROLL
    for (int r = 0; r < 4; r++)
      UNROLL
      for (int s = 0; s < 8; s++)
        sum[s / 4][r][s % 4] *= by[r];
    weigh(sum, &sh, v + of_m, key, col, m, w, d);
  }
  UNROLL
  for (int r = 0; r < 4; r++)
    by[r] = 1.f / row_sum(now.sum[r]);
  put(o + of_n, sum, by, row, col, n, w, d);
}

/* stats [heads of all, n, 2] = log sum e^score, and the sum of p dp, dp being do v^T: what the gradient of a softmax takes away. */
KERNEL PRODUCT(attention_stats)(float *stats, const float *q, const float *k, const float *v, const float *dout, int n, int m, int heads, int w, int d,
                       float scale, int causal) {
  SHARED Shared sh;
  int t = thread_x(), row = block_x() * TILE, of_n = head(n, heads, w, d), of_m = head(m, heads, w, d);
  Softmax now = NO_SCORES;
  float weighed[4] = {}, p[4][4], dp[4][4], by[4];
  for (int key = 0; key < seen(row, m, causal); key += TILE) {
    dots(p, &sh, q + of_n, k + of_m, row, key, n, m, w, d);
    dots(dp, &sh, dout + of_n, v + of_m, row, key, n, m, w, d);
    soften(&now, p, by, row, key, m, scale, causal);
    UNROLL
    for (int r = 0; r < 4; r++) {
      weighed[r] *= by[r];
      UNROLL
      for (int s = 0; s < 4; s++)
        weighed[r] += p[r][s] * dp[r][s];
    }
  }
  UNROLL
  for (int r = 0; r < 4; r++) {
    float sum = row_sum(now.sum[r]), taken = row_sum(weighed[r]) / sum;
    int i = row + t / 16 + 16 * r;
    if (i < n && t % 16 == 0) {
      stats[(block_z() * n + i) * 2] = now.top[r] + log_(sum);
      stats[(block_z() * n + i) * 2 + 1] = taken;
    }
  }
}

/* p of a query and a key from their dot product, and dscore from do v. */
DEV float probability(float dot, const float *stat, float scale) { return exp_(dot * scale - stat[0]); }
DEV float dscore(float p, float dp, const float *stat, float scale) { return p * (dp - stat[1]) * scale; }

KERNEL PRODUCT(attention_dq)(float *dq, const float *q, const float *k, const float *v, const float *dout, const float *stats, int n, int m, int heads,
                    int w, int d, float scale, int causal) {
  SHARED Shared sh;
  int t = thread_x(), row = block_x() * TILE, col = block_y() * WIDE, of_n = head(n, heads, w, d), of_m = head(m, heads, w, d);
  float sum[2][4][4] = {}, p[4][4], dp[4][4];
  for (int key = 0; key < seen(row, m, causal); key += TILE) {
    dots(p, &sh, q + of_n, k + of_m, row, key, n, m, w, d);
    dots(dp, &sh, dout + of_n, v + of_m, row, key, n, m, w, d);
    UNROLL
    for (int r = 0; r < 4; r++)
      UNROLL
      for (int s = 0; s < 4; s++) {
        int i = row + t / 16 + 16 * r, j = key + t % 16 + 16 * s;
        const float *stat = stats + (block_z() * n + min_(i, n - 1)) * 2;
        p[r][s] = j >= m || (causal && j > i) ? 0.f : dscore(probability(p[r][s], stat, scale), dp[r][s], stat, scale);
      }
    keep(&sh, p);
    weigh(sum, &sh, k + of_m, key, col, m, w, d);
  }
  float by[4] = {1.f, 1.f, 1.f, 1.f};
  put(dq + of_n, sum, by, row, col, n, w, d);
}

/* dk = dscores^T q, or with values dv = p^T do: rows of tiles are keys, columns are queries. */
DEV void keys(float *out, Shared *sh, bool values, const float *q, const float *k, const float *v, const float *dout, const float *stats, int n,
              int m, int heads, int w, int d, float scale, int causal) {
  int t = thread_x(), row = block_x() * TILE, col = block_y() * WIDE, of_n = head(n, heads, w, d), of_m = head(m, heads, w, d);
  float sum[2][4][4] = {}, p[4][4], dp[4][4];
  for (int query = causal ? row : 0; query < n; query += TILE) {
    dots(p, sh, k + of_m, q + of_n, row, query, m, n, w, d);
    if (!values)
      dots(dp, sh, v + of_m, dout + of_n, row, query, m, n, w, d);
    UNROLL
    for (int r = 0; r < 4; r++)
      UNROLL
      for (int s = 0; s < 4; s++) {
        int j = row + t / 16 + 16 * r, i = query + t % 16 + 16 * s;
        const float *stat = stats + (block_z() * n + min_(i, n - 1)) * 2;
        float probable = i >= n || (causal && j > i) ? 0.f : probability(p[r][s], stat, scale);
        p[r][s] = values ? probable : dscore(probable, dp[r][s], stat, scale);
      }
    keep(sh, p);
    weigh(sum, sh, (values ? dout : q) + of_n, query, col, n, w, d);
  }
  float by[4] = {1.f, 1.f, 1.f, 1.f};
  put(out + of_m, sum, by, row, col, m, w, d);
}

KERNEL PRODUCT(attention_dk)(float *dk, const float *q, const float *k, const float *v, const float *dout, const float *stats, int n, int m, int heads,
                    int w, int d, float scale, int causal) {
  SHARED Shared sh;
  keys(dk, &sh, false, q, k, v, dout, stats, n, m, heads, w, d, scale, causal);
}

KERNEL PRODUCT(attention_dv)(float *dv, const float *q, const float *k, const float *v, const float *dout, const float *stats, int n, int m, int heads,
                    int w, int d, float scale, int causal) {
  SHARED Shared sh;
  keys(dv, &sh, true, q, k, v, dout, stats, n, m, heads, w, d, scale, causal);
}
