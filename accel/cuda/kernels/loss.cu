/* The means of squared differences and of binary cross entropies, and their gradients. */
#include "gk.h"

/* loss = factor times the sum of n values. One block. */
KERNEL scaled_sum(float *loss, const float *x, int n, float factor) {
  SHARED float work[32];
  float v = 0.f;
  for (int i = thread_x(); i < n; i += threads_x())
    v += x[i];
  v = block_sum(v, work);
  if (thread_x() == 0)
    *loss = factor * v;
}

/* part[chunk] = the sum of (x - t)^2 over per elements. */
KERNEL mse_loss(float *part, const float *x, const float *t, int n, int per) {
  SHARED float work[32];
  int end = min_(n, (block_x() + 1) * per);
  float v = 0.f;
  for (int i = block_x() * per + thread_x(); i < end; i += threads_x())
    v += (x[i] - t[i]) * (x[i] - t[i]);
  v = block_sum(v, work);
  if (thread_x() == 0)
    part[block_x()] = v;
}

KERNEL mse_loss_dx(float *dx, const float *x, const float *t, const float *dloss, int n) {
  int i = index();
  if (i < n)
    dx[i] = 2.f * *dloss / n * (x[i] - t[i]);
}

/* result = the mean loss of the n elements whose target is known, and how many of them there are, at least 1. One block, for a
 * batch has few. */
KERNEL bce_with_logits(float *loss, float *known, const float *x, const float *t, const float *weight, int n, int c) {
  SHARED float work[32];
  float v = 0.f, count = 0.f;
  for (int i = thread_x(); i < n; i += threads_x()) {
    if (t[i] < 0.f)
      continue;
    float size = x[i] < 0.f ? -x[i] : x[i], softplus = log_(1.f + exp_(-size)) + (x[i] < 0.f ? size : 0.f), rest = 1.f - t[i];
    v += rest * x[i] + (rest + weight[i % c] * t[i]) * softplus;
    count += 1.f;
  }
  v = block_sum(v, work);
  count = larger(block_sum(count, work), 1.f);
  if (thread_x() == 0) {
    *loss = v / count;
    *known = count;
  }
}

KERNEL bce_with_logits_dx(float *dx, const float *x, const float *t, const float *weight, const float *dloss, const float *known, int n, int c) {
  int i = index();
  if (i >= n)
    return;
  float rest = 1.f - t[i];
  dx[i] = t[i] < 0.f ? 0.f : *dloss / *known * (rest - (rest + weight[i % c] * t[i]) * sigmoid_(-x[i]));
}
