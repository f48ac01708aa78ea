/* Norms whose gain and bias belong to channels: x [batch, c, s] is batch c rows of s elements, of which row r has the channel r % c. Its
 * statistics, a pair of mean and 1 / sqrt(variance + eps), are number r / by % of: one for each channel (by 1, of c), or for each group of
 * each sample (by channels a group). */
#include "gk.h"

#define STATS const float *stats, int by, int of
#define STAT(r) (stats + (r) / by % of * 2)

/* part[r] = the sum of row r, a block a row. */
KERNEL row_sums(float *part, const float *x, int s) {
  SHARED float work[32];
  float v = 0.f;
  x += block_x() * s;
  for (int i = thread_x(); i < s; i += threads_x())
    v += x[i];
  v = block_sum(v, work);
  if (thread_x() == 0)
    part[block_x()] = v;
}

/* part[r] = the sum of (x - mean)^2. */
KERNEL row_squares(float *part, const float *x, STATS, int s) {
  SHARED float work[32];
  float v = 0.f, mean = STAT(block_x())[0];
  x += block_x() * s;
  for (int i = thread_x(); i < s; i += threads_x())
    v += (x[i] - mean) * (x[i] - mean);
  v = block_sum(v, work);
  if (thread_x() == 0)
    part[block_x()] = v;
}

/* part[r] = the sums of dy and of dy (x - mean). */
KERNEL row_gradients(float *part, const float *x, const float *dy, STATS, int s) {
  SHARED float work[32];
  float v = 0.f, vx = 0.f, mean = STAT(block_x())[0];
  x += block_x() * s;
  dy += block_x() * s;
  for (int i = thread_x(); i < s; i += threads_x()) {
    v += dy[i];
    vx += dy[i] * (x[i] - mean);
  }
  v = block_sum(v, work);
  vx = block_sum(vx, work);
  if (thread_x() == 0) {
    part[2 * block_x()] = v;
    part[2 * block_x() + 1] = vx;
  }
}

/* Means of channels from the sums of their rows, into the statistics. A thread a channel. */
KERNEL batch_norm_means(float *stats, const float *part, int batch, int c, float count) {
  int k = index();
  if (k >= c)
    return;
  float v = 0.f;
  for (int b = 0; b < batch; b++)
    v += part[b * c + k];
  stats[2 * k] = v / count;
}

/* The rest of the statistics from the sums of squares, and packed [mean | unbiased variance | rstd]. */
KERNEL batch_norm_stats(float *packed, float *stats, const float *part, int batch, int c, float count, float eps) {
  int k = index();
  if (k >= c)
    return;
  float v = 0.f;
  for (int b = 0; b < batch; b++)
    v += part[b * c + k];
  stats[2 * k + 1] = rsqrt_(v / count + eps);
  packed[k] = stats[2 * k];
  packed[c + k] = v / (count > 1.f ? count - 1.f : 1.f);
  packed[2 * c + k] = stats[2 * k + 1];
}

/* Statistics that are given: means, and rstd or with eps >= 0 variances. */
KERNEL batch_norm_given(float *stats, const float *mean, const float *spread, int c, float eps) {
  int k = index();
  if (k >= c)
    return;
  stats[2 * k] = mean ? mean[k] : 0.f;
  stats[2 * k + 1] = eps < 0.f ? spread[k] : rsqrt_(spread[k] + eps);
}

/* y = (x - mean) rstd gain + bias, then what is fused to it: + add, which may be null, and the larger of that and 0. */
KERNEL channel_norm(float *y, const float *x, const float *gain, const float *bias, const float *add, int relu, STATS, int n, int s, int c) {
  int i = index();
  if (i >= n)
    return;
  int r = i / s;
  const float *stat = STAT(r);
  float v = (x[i] - stat[0]) * (stat[1] * gain[r % c]) + bias[r % c];
  if (add)
    v += add[i];
  y[i] = relu && v < 0.f ? 0.f : v;
}

/* packed [dgain | dbias] from the rows' sums, samples in order. A thread a channel. */
KERNEL channel_norm_dparams(float *packed, const float *part, STATS, int batch, int c) {
  int k = index();
  if (k >= c)
    return;
  float gain = 0.f, bias = 0.f;
  for (int b = 0; b < batch; b++) {
    bias += part[2 * (b * c + k)];
    gain += part[2 * (b * c + k) + 1] * STAT(b * c + k)[1];
  }
  packed[k] = gain;
  packed[c + k] = bias;
}

/* dx = gain rstd (dy - mean(dy) - xhat mean(dy xhat)), the means by packed [dgain | dbias] of count elements. */
KERNEL batch_norm_train_dx(float *dx, const float *x, const float *gain, const float *dy, const float *packed, STATS, int n, int s, int c,
                           float count) {
  int i = index();
  if (i >= n)
    return;
  int r = i / s, k = r % c;
  const float *stat = STAT(r);
  float xhat = (x[i] - stat[0]) * stat[1];
  dx[i] = gain[k] * stat[1] * (dy[i] - packed[c + k] / count - xhat * (packed[k] / count));
}

KERNEL batch_norm_eval_dx(float *dx, const float *gain, const float *dy, STATS, int n, int s, int c) {
  int i = index();
  if (i >= n)
    return;
  int r = i / s;
  dx[i] = STAT(r)[1] * gain[r % c] * dy[i];
}

/* means [groups of all, 2] of gain dy and of gain dy xhat, from the rows' sums; chans rows a group of size elements. A thread a group. */
KERNEL group_norm_means(float *means, const float *part, const float *gain, const float *stats, int all, int groups, int chans, float size) {
  int g = index();
  if (g >= all)
    return;
  float v = 0.f, vx = 0.f;
  for (int k = 0; k < chans; k++) {
    float f = gain[g % groups * chans + k];
    v += f * part[2 * (g * chans + k)];
    vx += f * part[2 * (g * chans + k) + 1];
  }
  means[2 * g] = v / size;
  means[2 * g + 1] = vx * stats[2 * g + 1] / size;
}

/* dx = rstd (gain dy - mean(gain dy) - xhat mean(gain dy xhat)). */
KERNEL group_norm_dx(float *dx, const float *x, const float *gain, const float *dy, const float *means, STATS, int n, int s, int c) {
  int i = index();
  if (i >= n)
    return;
  int r = i / s, g = r / by % of;
  const float *stat = STAT(r);
  dx[i] = stat[1] * (gain[r % c] * dy[i] - means[2 * g] - (x[i] - stat[0]) * stat[1] * means[2 * g + 1]);
}

/* y[r] = m[r] / |row r of v|, 0 for a row of zeros, in the processor's bits, for a quotient that begins as 1 must be 1: squares, which are
 * exact in double, are added in order, and the root is rounded to float. A warp a row, of which each lane adds what all have read. */
KERNEL over_norm(float *y, const float *m, const float *v, int s) {
  double sum = 0.;
  v += block_x() * s;
  for (int from = 0; from < s; from += 32) {
    int i = from + thread_x();
    float mine = i < s ? v[i] : 0.f;
    for (int lane = 0; lane < 32; lane++) {
      double x = __nvvm_shfl_sync_idx_f32(ALL_LANES, mine, lane, 31);
      sum += x * x;
    }
  }
  float norm = (float)__nvvm_sqrt_rn_d(sum);
  if (thread_x() == 0)
    y[block_x()] = norm > 0.f ? m[block_x()] / norm : 0.f;
}
