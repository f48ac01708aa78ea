/* Parts of tensors and transposes. */
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

/* y [cols, rows] = the transpose of x [rows, cols], for each matrix of a batch, by squares of 32 so that both are read and written along
 * rows. Blocks of 32 x 8. */
KERNEL transpose(float *y, const float *x, int rows, int cols) {
  SHARED float square[32][33];
  int row = block_x() * 32, col = block_y() * 32;
  x += block_z() * rows * cols;
  y += block_z() * rows * cols;
  for (int r = thread_y(); r < 32; r += 8)
    if (row + r < rows && col + thread_x() < cols)
      square[r][thread_x()] = x[(row + r) * cols + col + thread_x()];
  __syncthreads();
  for (int c = thread_y(); c < 32; c += 8)
    if (col + c < cols && row + thread_x() < rows)
      y[(col + c) * rows + row + thread_x()] = square[thread_x()][c];
}
