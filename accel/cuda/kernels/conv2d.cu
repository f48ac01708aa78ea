/* Convolutions as products of matrices, of which the patches are computed where they lie. */
#include "tile.h"

/* The geometry of a convolution: x [batch, groups c, h, w], weights [groups o, c, kh, kw], y [batch, groups o, oh, ow]. */
struct Conv {
  int batch, groups, c, h, w, o, oh, ow, kh, kw, sh, sw, top, left;
};
#define CONV int batch, int groups, int c, int h, int w, int o, int oh, int ow, int kh, int kw, int sh, int sw, int top, int left
#define CONV_ARGS batch, groups, c, h, w, o, oh, ow, kh, kw, sh, sw, top, left

/* Element (row, col) of a plane of height h and width w, 0 beside it. */
DEV float padded(const float *plane, int row, int col, int h, int w) {
  return (u32)row < (u32)h && (u32)col < (u32)w ? plane[row * w + col] : 0.f;
}

/* y as a product for each group (block_z): weights [o, c kh kw] by the patches [c kh kw, batch oh ow]. bias may be null. */
template <int EACH>
DEV void conv2d_tiles(float *y, const float *x, const float *weight, const float *bias, CONV) {
  SHARED Panels<EACH> panels;
  Conv v = {CONV_ARGS};
  int g = block_z(), taps = c * kh * kw, window = kh * kw, area = oh * ow;
  weight += g * o * taps;
  product<EACH, true, false>(
      &panels, block_y() * SIDE(EACH), block_x() * SIDE(EACH), o, batch * area, 0, taps, [=](int i, int k) { return weight[i * taps + k]; },
      [=](int k, int j) {
        int image = j / area, at = j % area, channel = k / window, tap = k % window;
        const float *plane = x + ((image * v.groups + g) * v.c + channel) * v.h * v.w;
        return padded(plane, at / v.ow * v.sh - v.top + tap / v.kw, at % v.ow * v.sw - v.left + tap % v.kw, v.h, v.w);
      },
      [=](int i, int j, float sum) {
        int out = g * v.o + i;
        y[(j / area * v.groups * v.o + out) * area + j % area] = bias ? sum + bias[out] : sum;
      });
}

/* dx for the positions that one phase of the strides meets, which are those of a dense grid, and the taps that meet them: a
 * product for each group and phase (block_z = (group sh + phase of rows) sw + phase of columns). Row r of the phase p is at p + r sh of x. */
template <int EACH>
DEV void conv2d_dx_tiles(float *dx, const float *dy, const float *weight, CONV) {
  SHARED Panels<EACH> panels;
  Conv v = {CONV_ARGS};
  int row0 = block_z() / sw % sh, col0 = block_z() % sw, g = block_z() / (sh * sw);
  int rows = (h - row0 + sh - 1) / sh, cols = (w - col0 + sw - 1) / sw, area = max_(rows * cols, 1);
  int tap_row = (row0 + top) % sh, tap_col = (col0 + left) % sw; /* the first of the taps that meet the phase */
  int tap_rows = max_((kh - tap_row + sh - 1) / sh, 0), tap_cols = max_((kw - tap_col + sw - 1) / sw, 0);
  int window = max_(tap_rows * tap_cols, 1), wide = max_(tap_cols, 1);
  int out_row = (row0 + top - tap_row) / sh, out_col = (col0 + left - tap_col) / sw; /* the output that the first one meets in row 0 */
  product<EACH, true, false>(
      &panels, block_y() * SIDE(EACH), block_x() * SIDE(EACH), c, batch * rows * cols, 0, o * tap_rows * tap_cols,
      [=](int i, int k) {
        int out = k / window, tap = k % window;
        int at = (tap_row + tap / wide * v.sh) * v.kw + tap_col + tap % wide * v.sw;
        return weight[((g * v.o + out) * v.c + i) * v.kh * v.kw + at];
      },
      [=](int k, int j) {
        int image = j / area, at = j % area, out = k / window, tap = k % window;
        const float *plane = dy + ((image * v.groups + g) * v.o + out) * v.oh * v.ow;
        return padded(plane, at / cols + out_row - tap / wide, at % cols + out_col - tap % wide, v.oh, v.ow);
      },
      [=](int i, int j, float sum) {
        int at = j % area;
        float *plane = dx + ((j / area * v.groups + g) * v.c + i) * v.h * v.w;
        plane[(row0 + at / cols * v.sh) * v.w + col0 + at % cols * v.sw] = sum;
      });
}

/* dw summed over per of the batch oh ow positions: part [chunks, groups o, c kh kw], a product for each group and chunk
 * (block_z = group chunks + chunk). */
template <int EACH>
DEV void conv2d_dw_tiles(float *part, const float *x, const float *dy, CONV, int chunks, int per) {
  SHARED Panels<EACH> panels;
  Conv v = {CONV_ARGS};
  int g = block_z() / chunks, chunk = block_z() % chunks, taps = c * kh * kw, window = kh * kw, area = oh * ow;
  part += (chunk * groups + g) * o * taps;
  product<EACH, true, true>(
      &panels, block_y() * SIDE(EACH), block_x() * SIDE(EACH), o, taps, chunk * per, min_(batch * area, (chunk + 1) * per),
      [=](int i, int k) { return dy[((k / area * v.groups + g) * v.o + i) * area + k % area]; },
      [=](int k, int j) {
        int image = k / area, at = k % area, channel = j / window, tap = j % window;
        const float *plane = x + ((image * v.groups + g) * v.c + channel) * v.h * v.w;
        return padded(plane, at / v.ow * v.sh - v.top + tap / v.kw, at % v.ow * v.sw - v.left + tap % v.kw, v.h, v.w);
      },
      [=](int i, int j, float sum) { part[i * taps + j] = sum; });
}

SIZES(conv2d, (float *y, const float *x, const float *weight, const float *bias, CONV), (y, x, weight, bias, CONV_ARGS))
SIZES(conv2d_dx, (float *dx, const float *dy, const float *weight, CONV), (dx, dy, weight, CONV_ARGS))
SIZES(conv2d_dw, (float *part, const float *x, const float *dy, CONV, int chunks, int per), (part, x, dy, CONV_ARGS, chunks, per))

#ifndef BF16
/* ---- groups of few channels, whose products would leave most of a tile idle: a thread an element ---- */

KERNEL conv2d_few(float *y, const float *x, const float *weight, const float *bias, CONV) {
  int i = index();
  if (i >= batch * groups * o * oh * ow)
    return;
  int col = i % ow, row = i / ow % oh, out = i / (ow * oh) % (groups * o), image = i / (ow * oh * groups * o);
  const float *plane = x + (image * groups + out / o) * c * h * w;
  weight += out * c * kh * kw;
  float sum = bias ? bias[out] : 0.f;
  for (int channel = 0; channel < c; channel++, plane += h * w)
    for (int r = 0; r < kh; r++)
      for (int s = 0; s < kw; s++)
        sum += padded(plane, row * sh - top + r, col * sw - left + s, h, w) * *weight++;
  y[i] = sum;
}

KERNEL conv2d_dx_few(float *dx, const float *dy, const float *weight, CONV) {
  int i = index();
  if (i >= batch * groups * c * h * w)
    return;
  int col = i % w, row = i / w % h, channel = i / (w * h) % (groups * c), image = i / (w * h * groups * c), g = channel / c;
  const float *plane = dy + (image * groups + g) * o * oh * ow;
  weight += (g * o * c + channel % c) * kh * kw;
  float sum = 0.f;
  for (int out = 0; out < o; out++, plane += oh * ow, weight += c * kh * kw)
    for (int r = (row + top) % sh; r < kh; r += sh)
      for (int s = (col + left) % sw; s < kw; s += sw) /* what the strides let this position meet */
        if (row + top >= r && col + left >= s)
          sum += padded(plane, (row + top - r) / sh, (col + left - s) / sw, oh, ow) * weight[r * kw + s];
  dx[i] = sum;
}

/* A block an element of dw. */
KERNEL conv2d_dw_few(float *dw, const float *x, const float *dy, CONV) {
  SHARED float work[32];
  int tap = block_x() % (kh * kw), channel = block_x() / (kh * kw) % c, out = block_x() / (kh * kw * c);
  float sum = 0.f;
  for (int image = 0; image < batch; image++) {
    const float *plane = x + ((image * groups + out / o) * c + channel) * h * w, *grad = dy + (image * groups * o + out) * oh * ow;
    for (int at = thread_x(); at < oh * ow; at += threads_x())
      sum += padded(plane, at / ow * sh - top + tap / kw, at % ow * sw - left + tap % kw, h, w) * grad[at];
  }
  sum = block_sum(sum, work);
  if (thread_x() == 0)
    dw[block_x()] = sum;
}
#endif
