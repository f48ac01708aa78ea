/* Planes of h x w become planes of oh x ow. A thread an element of the result. */
#include "gk.h"

KERNEL upsample_nearest2d(float *y, const float *x, int n, int h, int w, int scale) {
  int i = index();
  if (i >= n)
    return;
  int oh = h * scale, ow = w * scale;
  y[i] = x[(i / (oh * ow) * h + i / ow % oh / scale) * w + i % ow / scale];
}

KERNEL upsample_nearest2d_dx(float *dx, const float *dy, int n, int h, int w, int scale) {
  int i = index();
  if (i >= n)
    return;
  int ow = w * scale;
  dy += (i / w * scale) * ow + i % w * scale;
  float sum = 0.f;
  for (int r = 0; r < scale; r++)
    for (int c = 0; c < scale; c++)
      sum += dy[r * ow + c];
  dx[i] = sum;
}

/* Where output i of m lies between two of n elements: max(0, (i + 1/2) n / m - 1/2) as one division of integers. */
DEV int below(int i, int n, int m, float *beyond) {
  int whole = max_(0, (2 * i + 1) * n - m), first = min_(whole / (2 * m), n - 1);
  *beyond = (float)(whole - 2 * m * first) / (float)(2 * m);
  return first;
}

KERNEL upsample_bilinear2d(float *y, const float *x, int n, int h, int w, int oh, int ow) {
  int i = index();
  if (i >= n)
    return;
  float down, right;
  int r = below(i / ow % oh, h, oh, &down), c = below(i % ow, w, ow, &right);
  const float *top = x + (i / (oh * ow) * h + r) * w, *bottom = r + 1 < h ? top + w : top;
  int next = min_(c + 1, w - 1);
  float above = (1.f - right) * top[c] + right * top[next], under = (1.f - right) * bottom[c] + right * bottom[next];
  y[i] = (1.f - down) * above + down * under;
}

/* The weight that element k of n has in output i of m. */
DEV float weight(int k, int i, int n, int m) {
  float beyond;
  int first = below(i, n, m, &beyond);
  return (first == k ? 1.f - beyond : 0.f) + (min_(first + 1, n - 1) == k ? beyond : 0.f);
}

/* The outputs [*lo, *hi) of m in which element k of n may have a weight. */
DEV void outputs(int k, int n, int m, int *lo, int *hi) {
  *lo = k == 0 ? 0 : max_(0, ((2 * k - 1) * m - n) / (2 * n) - 1);
  *hi = k == n - 1 ? m : min_(m, ((2 * k + 3) * m - n) / (2 * n) + 2);
}

KERNEL upsample_bilinear2d_dx(float *dx, const float *dy, int n, int h, int w, int oh, int ow) {
  int i = index();
  if (i >= n)
    return;
  int row = i / w % h, col = i % w, top, bottom, left, right;
  outputs(row, h, oh, &top, &bottom);
  outputs(col, w, ow, &left, &right);
  dy += i / (h * w) * oh * ow;
  float sum = 0.f;
  for (int r = top; r < bottom; r++) {
    float f = weight(row, r, h, oh);
    if (f != 0.f)
      for (int c = left; c < right; c++)
        sum += f * weight(col, c, w, ow) * dy[r * ow + c];
  }
  dx[i] = sum;
}
