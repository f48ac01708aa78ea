/* The cross entropy of rows of logits, by labels or by probabilities, and its gradient. A block a row. */
#include "gk.h"

/* The largest element of a row and the sum of exp(x - largest). */
DEV float softmax(const float *x, int cols, float *work, float *sum) {
  float v = -__builtin_inff();
  for (int i = thread_x(); i < cols; i += threads_x())
    v = larger(v, x[i]);
  float top = block_max(v, work);
  v = 0.f;
  for (int i = thread_x(); i < cols; i += threads_x())
    v += exp_(x[i] - top);
  *sum = block_sum(v, work);
  return top;
}

/* losses[row] = log sum exp(x) - (1-s) x_label - s mean(x), 0 where the label is negative. A block a row. */
KERNEL cross_entropy(float *losses, const float *x, const int *labels, int cols, float smoothing, int *bad, int tag) {
  SHARED float work[32];
  int label = labels[block_x()];
  x += block_x() * cols;
  float sum, top = softmax(x, cols, work, &sum), v = 0.f;
  for (int i = thread_x(); i < cols; i += threads_x())
    v += x[i] - top;
  float mean = block_sum(v, work) / cols;
  if (thread_x() > 0)
    return;
  if (label >= cols)
    *bad = tag;
  losses[block_x()] = label < 0 || label >= cols ? 0.f : log_(sum) - (1.f - smoothing) * (x[label] - top) - smoothing * mean;
}

/* The number of labels that are not negative, at least 1. One block. */
KERNEL counted_labels(float *count, const int *labels, int n) {
  SHARED float work[32];
  float v = 0.f;
  for (int i = thread_x(); i < n; i += threads_x())
    v += labels[i] >= 0 ? 1.f : 0.f;
  v = block_sum(v, work);
  if (thread_x() == 0)
    *count = v > 1.f ? v : 1.f;
}

/* loss = the sum of n losses by count. One block. */
KERNEL mean_loss(float *loss, const float *losses, const float *count, int n) {
  SHARED float work[32];
  float v = 0.f;
  for (int i = thread_x(); i < n; i += threads_x())
    v += losses[i];
  v = block_sum(v, work);
  if (thread_x() == 0)
    *loss = v / *count;
}

/* dx = (softmax(x) - t) dloss / count. A block a row. */
KERNEL cross_entropy_dx(float *dx, const float *x, const int *labels, const float *dloss, const float *count, int cols, float smoothing,
                        int *bad, int tag) {
  SHARED float work[32];
  int label = labels[block_x()];
  x += block_x() * cols;
  dx += block_x() * cols;
  float sum, top = softmax(x, cols, work, &sum);
  float f = label < 0 ? 0.f : *dloss / *count;
  if (label >= cols && thread_x() == 0)
    *bad = tag;
  for (int i = thread_x(); i < cols; i += threads_x())
    dx[i] = f * (exp_(x[i] - top) / sum - smoothing / cols - (i == label ? 1.f - smoothing : 0.f));
}

/* losses[row] = log sum exp(x) sum(t) - sum(t x), x less its largest. A block a row. */
KERNEL soft_cross_entropy(float *losses, const float *x, const float *t, int cols) {
  SHARED float work[32];
  x += block_x() * cols;
  t += block_x() * cols;
  float sum, top = softmax(x, cols, work, &sum), mass = 0.f, v = 0.f;
  for (int i = thread_x(); i < cols; i += threads_x()) {
    mass += t[i];
    v += t[i] * (x[i] - top);
  }
  mass = block_sum(mass, work);
  v = block_sum(v, work);
  if (thread_x() == 0)
    losses[block_x()] = log_(sum) * mass - v;
}

/* dx = (softmax(x) sum(t) - t) dloss / rows. */
KERNEL soft_cross_entropy_dx(float *dx, const float *x, const float *t, const float *dloss, int rows, int cols) {
  SHARED float work[32];
  x += block_x() * cols;
  t += block_x() * cols;
  dx += block_x() * cols;
  float sum, top = softmax(x, cols, work, &sum), mass = 0.f;
  for (int i = thread_x(); i < cols; i += threads_x())
    mass += t[i];
  mass = block_sum(mass, work);
  for (int i = thread_x(); i < cols; i += threads_x())
    dx[i] = *dloss / rows * (exp_(x[i] - top) / sum * mass - t[i]);
}
