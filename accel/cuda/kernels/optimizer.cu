/* Steps of optimizers, in place, a thread a parameter. */
#include "gk.h"

/* rate = lr / (1 - beta1^step), inv_root = 1 / sqrt(1 - beta2^step), keep = 1 - lr decay. */
DEV void adamw_at(float *p, float *m, float *v, float g, float keep, float beta1, float rest1, float beta2, float rest2, float inv_root,
                  float eps, float rate) {
  float mi = *m * beta1 + g * rest1, vi = *v * beta2 + g * g * rest2;
  *m = mi;
  *v = vi;
  *p = *p * keep - mi * rate / (sqrt_(vi) * inv_root + eps);
}

KERNEL adamw(float *p, float *m, float *v, const float *grad, int n, float scale, float keep, float beta1, float rest1, float beta2,
             float rest2, float inv_root, float eps, float rate) {
  int i = index();
  if (i < n)
    adamw_at(p + i, m + i, v + i, grad[i] * scale, keep, beta1, rest1, beta2, rest2, inv_root, eps, rate);
}

/* A row of the table of adamw_each, which optimizer.go writes: at most a chunk of one parameter. */
typedef struct {
  float *p, *m, *v;
  const float *grad;
  int n;
  float keep, rate;
  int unused;
} part;

/* A block a part. */
KERNEL adamw_each(const part *parts, float scale, float beta1, float rest1, float beta2, float rest2, float inv_root, float eps) {
  part q = parts[block_x()];
  for (int i = thread_x(); i < q.n; i += threads_x())
    adamw_at(q.p + i, q.m + i, q.v + i, q.grad[i] * scale, q.keep, beta1, rest1, beta2, rest2, inv_root, eps, q.rate);
}

KERNEL sgd(float *p, float *m, const float *grad, int n, float scale, float decay, float momentum, float rate, int nesterov) {
  int i = index();
  if (i >= n)
    return;
  float g = grad[i] * scale + p[i] * decay;
  float mi = m[i] * momentum + g;
  m[i] = mi;
  p[i] -= rate * (nesterov ? mi * momentum + g : mi);
}

KERNEL blend(float *y, const float *x, int n, float a, float b) {
  int i = index();
  if (i < n)
    y[i] = b == 0.f ? a * x[i] : a * x[i] + b * y[i];
}
