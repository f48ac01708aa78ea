/* Sums, products and copies, a thread an element of the result. */
#include "gk.h"

KERNEL add(float *y, const float *a, const float *b, int n) {
  int i = index();
  if (i < n)
    y[i] = a[i] + b[i];
}

KERNEL mul(float *y, const float *a, const float *b, int n) {
  int i = index();
  if (i < n)
    y[i] = a[i] * b[i];
}

/* b is repeated to y's shape. */
KERNEL add_repeated(float *y, const float *a, const float *b, int n, WALK(b)) {
  int i = index();
  if (i < n)
    y[i] = a[i] + b[WALKED(b, i)];
}

KERNEL mul_repeated(float *y, const float *a, const float *b, int n, WALK(b)) {
  int i = index();
  if (i < n)
    y[i] = a[i] * b[WALKED(b, i)];
}

KERNEL scale(float *y, const float *x, float factor, int n) {
  int i = index();
  if (i < n)
    y[i] = factor * x[i];
}

/* y takes the elements of x where the walk finds them: repeated, permuted or cut out. */
KERNEL walked(float *y, const float *x, int n, WALK(x)) {
  int i = index();
  if (i < n)
    y[i] = x[WALKED(x, i)];
}
