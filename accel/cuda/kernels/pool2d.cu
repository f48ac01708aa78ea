/* Windows over planes of h x w, whose results are planes of oh x ow. A thread an element of the result. */
#include "gk.h"

#define POOL int n, int h, int w, int oh, int ow, int size, int stride, int pad

/* The outputs [*lo, *hi) of out whose windows meet element i. */
DEV void meeting(int i, int out, int size, int stride, int pad, int *lo, int *hi) {
  *lo = max_(0, (i + pad - size + stride) / stride); /* the division rounds to 0, which max_ mends */
  *hi = min_(out, (i + pad) / stride + 1);
}

/* The first of the largest elements of the window at (row, col); NaN is larger than all. */
DEV int largest(const float *plane, int row, int col, int h, int w, int size) {
  int best = -1;
  for (int r = max_(row, 0); r < min_(row + size, h); r++)
    for (int c = max_(col, 0); c < min_(col + size, w); c++) {
      int at = r * w + c;
      if (best < 0 || plane[at] > plane[best] || (plane[at] != plane[at] && plane[best] == plane[best]))
        best = at;
    }
  return best;
}

KERNEL max_pool2d(float *y, const float *x, POOL) {
  int i = index();
  if (i >= n)
    return;
  const float *plane = x + i / (oh * ow) * h * w;
  int at = largest(plane, i / ow % oh * stride - pad, i % ow * stride - pad, h, w, size);
  y[i] = at < 0 ? -__builtin_inff() : plane[at];
}

KERNEL max_pool2d_dx(float *dx, const float *x, const float *dy, POOL) {
  int i = index();
  if (i >= n)
    return;
  int row = i / w % h, col = i % w, plane = i / (h * w), top, bottom, left, right;
  meeting(row, oh, size, stride, pad, &top, &bottom);
  meeting(col, ow, size, stride, pad, &left, &right);
  float sum = 0.f;
  for (int r = top; r < bottom; r++)
    for (int c = left; c < right; c++)
      if (largest(x + plane * h * w, r * stride - pad, c * stride - pad, h, w, size) == row * w + col)
        sum += dy[(plane * oh + r) * ow + c];
  dx[i] = sum;
}

/* 1 / what the window's sum is divided by: all of it, or only what lies inside. */
DEV float share(int row, int col, int h, int w, int size, int inside) {
  if (!inside)
    return 1.f / (size * size);
  int rows = min_(row + size, h) - max_(row, 0), cols = min_(col + size, w) - max_(col, 0);
  return 1.f / max_(rows * cols, 1);
}

KERNEL avg_pool2d(float *y, const float *x, POOL, int inside) {
  int i = index();
  if (i >= n)
    return;
  const float *plane = x + i / (oh * ow) * h * w;
  int row = i / ow % oh * stride - pad, col = i % ow * stride - pad;
  float sum = 0.f;
  for (int r = max_(row, 0); r < min_(row + size, h); r++)
    for (int c = max_(col, 0); c < min_(col + size, w); c++)
      sum += plane[r * w + c];
  y[i] = sum * share(row, col, h, w, size, inside);
}

KERNEL avg_pool2d_dx(float *dx, const float *dy, POOL, int inside) {
  int i = index();
  if (i >= n)
    return;
  int plane = i / (h * w), top, bottom, left, right;
  meeting(i / w % h, oh, size, stride, pad, &top, &bottom);
  meeting(i % w, ow, size, stride, pad, &left, &right);
  float sum = 0.f;
  for (int r = top; r < bottom; r++)
    for (int c = left; c < right; c++)
      sum += dy[(plane * oh + r) * ow + c] * share(r * stride - pad, c * stride - pad, h, w, size, inside);
  dx[i] = sum;
}

/* y[r] = the mean of row r. A block a row. */
KERNEL global_avg_pool2d(float *y, const float *x, int s) {
  SHARED float work[32];
  float v = 0.f;
  x += block_x() * s;
  for (int i = thread_x(); i < s; i += threads_x())
    v += x[i];
  v = block_sum(v, work);
  if (thread_x() == 0)
    y[block_x()] = v / s;
}

KERNEL global_avg_pool2d_dx(float *dx, const float *dy, int n, int s) {
  int i = index();
  if (i < n)
    dx[i] = dy[i / s] / s;
}
