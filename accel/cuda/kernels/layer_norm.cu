/* The norm of rows, and its gradients. */
#include "gk.h"

/* Mean and 1 / sqrt(variance + eps) of a row, in two passes, in every thread of the block. */
DEV float moments(const float *x, int cols, float eps, float *work, float *rstd) {
  float v = 0.f;
  for (int i = thread_x(); i < cols; i += threads_x())
    v += x[i];
  float mean = block_sum(v, work) / cols;
  v = 0.f;
  for (int i = thread_x(); i < cols; i += threads_x())
    v += (x[i] - mean) * (x[i] - mean);
  *rstd = rsqrt_(block_sum(v, work) / cols + eps);
  return mean;
}

/* A block a row. */
KERNEL layer_norm(float *y, const float *x, const float *gain, const float *bias, int cols, float eps) {
  SHARED float work[32];
  float rstd, mean;
  x += block_x() * cols;
  y += block_x() * cols;
  mean = moments(x, cols, eps, work, &rstd);
  for (int i = thread_x(); i < cols; i += threads_x())
    y[i] = (x[i] - mean) * rstd * gain[i] + bias[i];
}

/* dx = rstd (g - mean(g) - xhat mean(g xhat)) with g = dy gain and xhat = (x - mean) rstd. */
KERNEL layer_norm_dx(float *dx, const float *x, const float *gain, const float *dy, int cols, float eps) {
  SHARED float work[32];
  float rstd, mean, g = 0.f, gx = 0.f;
  x += block_x() * cols;
  dx += block_x() * cols;
  dy += block_x() * cols;
  mean = moments(x, cols, eps, work, &rstd);
  for (int i = thread_x(); i < cols; i += threads_x()) {
    float v = dy[i] * gain[i];
    g += v;
    gx += v * ((x[i] - mean) * rstd);
  }
  g = block_sum(g, work) / cols;
  gx = block_sum(gx, work) / cols;
  for (int i = thread_x(); i < cols; i += threads_x())
    dx[i] = rstd * (dy[i] * gain[i] - g - (x[i] - mean) * rstd * gx);
}

/* stats [rows, 2] = mean, rstd. */
KERNEL layer_norm_stats(float *stats, const float *x, int cols, float eps) {
  SHARED float work[32];
  float rstd, mean = moments(x + block_x() * cols, cols, eps, work, &rstd);
  if (thread_x() == 0) {
    stats[2 * block_x()] = mean;
    stats[2 * block_x() + 1] = rstd;
  }
}

/* Sums over per rows of dy xhat and of dy: y [chunks, 2, cols]. Blocks of 32 columns by 8 rows. */
KERNEL layer_norm_dparams(float *y, const float *x, const float *dy, const float *stats, int rows, int cols, int per) {
  SHARED float gains[8][32], biases[8][32];
  int c = block_x() * 32 + thread_x(), chunk = block_y();
  int end = min_(rows, (chunk + 1) * per);
  float g = 0.f, b = 0.f;
  if (c < cols)
    for (int r = chunk * per + thread_y(); r < end; r += 8) {
      float d = dy[r * cols + c];
      g += d * ((x[r * cols + c] - stats[2 * r]) * stats[2 * r + 1]);
      b += d;
    }
  gains[thread_y()][thread_x()] = g;
  biases[thread_y()][thread_x()] = b;
  __syncthreads();
  if (thread_y() == 0 && c < cols) {
    for (int k = 1; k < 8; k++) {
      g += gains[k][thread_x()];
      b += biases[k][thread_x()];
    }
    y[2 * chunk * cols + c] = g;
    y[(2 * chunk + 1) * cols + c] = b;
  }
}
