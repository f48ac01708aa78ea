#include "gk.h"

/* A part of a tensor along one dimension: len elements of every stride, from offset on. y[i] is x's, and back. */

KERNEL slice(float *y, const float *x, int n, int len, int stride, int offset) {
  int i = index();
  if (i < n)
    y[i] = x[i / len * stride + offset + i % len];
}

/* dx is dy at the slice's place and 0 beside it. */
KERNEL slice_dx(float *dx, const float *dy, int n, int len, int stride, int offset) {
  int i = index();
  if (i >= n)
    return;
  int at = i % stride - offset;
  dx[i] = (u32)at < (u32)len ? dy[i / stride * len + at] : 0.f;
}

/* x becomes a part of y. */
KERNEL place(float *y, const float *x, int n, int len, int stride, int offset) {
  int i = index();
  if (i < n)
    y[i / len * stride + offset + i % len] = x[i];
}
