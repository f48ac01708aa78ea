/* Activations and their slopes, a thread an element. */
#include "gk.h"

/* Two kernels of an activation: name(y, x, n) and name_dx(dx, x, dy, n). */
#define ACTIVATION(name, value, slope)                                 \
  KERNEL name(float *y, const float *in, int n) {                      \
    int i = index();                                                   \
    if (i < n) {                                                       \
      float x = in[i];                                                 \
      y[i] = value;                                                    \
    }                                                                  \
  }                                                                    \
  KERNEL name##_dx(float *dx, const float *in, const float *dy, int n) { \
    int i = index();                                                   \
    if (i < n) {                                                       \
      float x = in[i];                                                 \
      dx[i] = slope(x, dy[i]);                                         \
    }                                                                  \
  }

DEV float relu_slope(float x, float dy) { return x > 0.f ? dy : 0.f; }
DEV float relu6_slope(float x, float dy) { return x > 0.f && x < 6.f ? dy : 0.f; }

DEV float silu_slope(float x, float dy) {
  float s = sigmoid_(x);
  return dy * (s * (x * (1.f - s) + 1.f));
}

DEV float gelu_value(float x) {
  float density;
  return x * normal_(x, &density);
}

DEV float gelu_slope(float x, float dy) {
  float density, cdf = normal_(x, &density);
  return dy * (x * (density * 0.3989422804014327f) + cdf);
}

/* gelu_tanh(x) = x sigmoid(LINEAR x + CUBIC x^3) */
#define LINEAR 1.5957691216057308f
#define CUBIC 0.07135481627260025f

DEV float gelu_tanh_slope(float x, float dy) {
  float x2 = x * x, s = sigmoid_(x * (x2 * CUBIC + LINEAR));
  return dy * (s * (x * (1.f - s) * (x2 * (3.f * CUBIC) + LINEAR) + 1.f));
}

DEV float quick_gelu_slope(float x, float dy) {
  float z = 1.702f * x, s = sigmoid_(z);
  return dy * (s * (z * (1.f - s) + 1.f));
}

ACTIVATION(relu, 0.f > x ? 0.f : x, relu_slope)
ACTIVATION(relu6, 0.f > x ? 0.f : 6.f < x ? 6.f : x, relu6_slope)
ACTIVATION(silu, x / (1.f + exp_(-x)), silu_slope)
ACTIVATION(gelu, gelu_value(x), gelu_slope)
ACTIVATION(gelu_tanh, x / (1.f + exp_(-(x * (x * x * CUBIC + LINEAR)))), gelu_tanh_slope)
ACTIVATION(quick_gelu, x / (1.f + exp_(-1.702f * x)), quick_gelu_slope)
