/* Steps of optimizers, in place, a thread a parameter. */
#include "gk.h"

/* rate = lr / (1 - beta1^step), inv_root = 1 / sqrt(1 - beta2^step), keep = 1 - lr decay. */
KERNEL adamw(float *p, float *m, float *v, const float *grad, int n, float scale, float keep, float beta1, float rest1, float beta2,
             float rest2, float inv_root, float eps, float rate) {
  int i = index();
  if (i >= n)
    return;
  float g = grad[i] * scale;
  float mi = m[i] * beta1 + g * rest1, vi = v[i] * beta2 + g * g * rest2;
  m[i] = mi;
  v[i] = vi;
  p[i] = p[i] * keep - mi * rate / (sqrt_(vi) * inv_root + eps);
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
