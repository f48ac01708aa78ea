/* Sums over dimensions, in a fixed order. */
#include "gk.h"

/* y[o] = the sum of count elements of x, which a walk finds from where another one puts o. A block an output. */
KERNEL reduce_walked(float *y, const float *x, int count, WALK(kept), WALK(summed)) {
  SHARED float work[32];
  const float *from = x + WALKED(kept, block_x());
  float v = 0.f;
  for (int r = thread_x(); r < count; r += threads_x())
    v += from[WALKED(summed, r)];
  v = block_sum(v, work);
  if (thread_x() == 0)
    y[block_x()] = v;
}

/* Sums of the columns of x [rows, cols], each over per rows: y [chunks, cols]. Blocks of 32 columns by 8 rows. */
KERNEL column_sums(float *y, const float *x, int rows, int cols, int per) {
  SHARED float part[8][32];
  int c = block_x() * 32 + thread_x(), chunk = block_y();
  int end = min_(rows, (chunk + 1) * per);
  float v = 0.f;
  if (c < cols)
    for (int r = chunk * per + thread_y(); r < end; r += 8)
      v += x[r * cols + c];
  part[thread_y()][thread_x()] = v;
  __syncthreads();
  if (thread_y() == 0 && c < cols) {
    for (int k = 1; k < 8; k++)
      v += part[k][thread_x()];
    y[chunk * cols + c] = v;
  }
}

/* y[chunk] = the sum of x^2 over per elements. */
KERNEL sum_squares(float *y, const float *x, int n, int per) {
  SHARED float work[32];
  int end = min_(n, (block_x() + 1) * per);
  float v = 0.f;
  for (int i = block_x() * per + thread_x(); i < end; i += threads_x())
    v += x[i] * x[i];
  v = block_sum(v, work);
  if (thread_x() == 0)
    y[block_x()] = v;
}
