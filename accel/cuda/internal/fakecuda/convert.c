/* Moves and conversions. */
#include "execute.h"
#include <math.h>
#include <string.h>

#define MOVE(id, T)                                                            \
  void id(warp *w, const ins *in, u32 lanes) {                                 \
    T *d = ROW(T, in->d);                                                      \
    const T *a = ROW(T, in->a);                                                \
    EACH_LANE(lanes, d[l] = a[l];)                                             \
  }
MOVE(run_move2, u16)
MOVE(run_move4, u32)
MOVE(run_move8, u64)

void run_nothing(warp *w, const ins *in, u32 lanes) { (void)w, (void)in, (void)lanes; }

void run_offset(warp *w, const ins *in, u32 lanes) {
  u64 *d = ROW(u64, in->d);
  const u64 *a = ROW(u64, in->a);
  u64 by = (u64)in->imm;
  EACH_LANE(lanes, d[l] = a[l] + by;)
}

static u64 lane_value(const u8 *row, int l, int size) {
  u64 v = 0;
  memcpy(&v, row + l * size, (size_t)size);
  return v;
}

void run_pack(warp *w, const ins *in, u32 lanes) {
  for (u32 rest = lanes; rest; rest &= rest - 1) {
    int l = __builtin_ctz(rest);
    u64 v = 0;
    for (int i = 0; i < in->count; i++)
      v |= lane_value(w->file + in->v[i], l, in->size) << (8 * in->size * i);
    memcpy(w->file + in->d + l * in->width, &v, in->width);
  }
}

void run_unpack(warp *w, const ins *in, u32 lanes) {
  for (u32 rest = lanes; rest; rest &= rest - 1) {
    int l = __builtin_ctz(rest);
    u64 v = lane_value(w->file + in->a, l, in->width);
    for (int i = 0; i < in->count; i++, v >>= 8 * in->size)
      memcpy(w->file + in->v[i] + l * in->size, &v, in->size);
  }
}

static bool is_float(enum type t) { return t >= F16 && t <= F64; }

static f64 float_in(u64 bits, enum type t) {
  f32 f;
  f64 d;
  switch (t) {
  case F16: return half_to_float((u16)bits);
  case BF16: return bfloat_to_float((u16)bits);
  case F32: memcpy(&f, &bits, 4); return f;
  default: memcpy(&d, &bits, 8); return d;
  }
}

/* v is exact: a rounding of an f32, or an f64. */
static u64 float_out(f64 v, enum type t) {
  u64 bits = 0;
  f32 f = (f32)v;
  switch (t) {
  case F16: return half_from(v);
  case BF16: return bfloat_from(v);
  case F32: memcpy(&bits, &f, 4); return bits;
  case TF32: /* 10 bits of mantissa, the nearest, ties away from zero */
    memcpy(&bits, &f, 4);
    return f != f ? 0x7fffffff : isinf(f) ? bits : (bits + 0x1000) & 0xffffe000u;
  default: memcpy(&bits, &v, 8); return bits;
  }
}

static f64 rounded(f64 v, int mode) {
  switch (mode) {
  case TO_ZERO: return trunc(v);
  case TO_NEAREST: return nearbyint(v);
  case DOWN: return floor(v);
  case UP: return ceil(v);
  default: return v;
  }
}

/* Out of range gives the nearest value there is, NaN gives 0. */
static u64 integer_out(f64 v, enum type t) {
  int bits = 8 * type_bytes[t];
  if (v != v)
    return 0;
  f64 low = type_signed[t] ? -ldexp(1, bits - 1) : 0, end = ldexp(1, bits - type_signed[t]);
  if (v <= low)
    return type_signed[t] ? ~0ull << (bits - 1) : 0;
  if (v >= end)
    return type_signed[t] ? (1ull << (bits - 1)) - 1 : bits == 64 ? ~0ull : (1ull << bits) - 1;
  return type_signed[t] ? (u64)(i64)v : (u64)v;
}

static i64 extended(u64 v, enum type t) {
  int unused = 64 - 8 * type_bytes[t];
  return type_signed[t] ? (i64)(v << unused) >> unused : (i64)(v << unused >> unused);
}

static u64 saturated(i64 v, enum type from, enum type to) {
  int bits = 8 * type_bytes[to];
  bool below = type_signed[from] && v < 0;
  i64 low = type_signed[to] ? -(i64)(1ull << (bits - 1)) : 0;
  u64 high = (1ull << (bits - type_signed[to] - 1)) * 2 - 1;
  if (below)
    return (u64)(v < low ? low : v);
  return (u64)v > high ? high : (u64)v;
}

static u64 converted(const ins *in, u64 v) {
  enum type to = in->type, from = in->from;
  if (is_float(from)) {
    f64 x = rounded(float_in(v, from), in->mode);
    if (!is_float(to) && to != TF32)
      return integer_out(x, to);
    if (in->sub & SATURATE)
      x = x != x || x < 0 ? 0 : x > 1 ? 1 : x;
    if (in->sub & RELU)
      x = x < 0 ? 0 : x;
    return float_out(x, to);
  }
  i64 i = extended(v, from);
  if (!is_float(to))
    return in->sub & SATURATE ? saturated(i, from, to) : (u64)i;
  f32 f = type_signed[from] ? (f32)i : (f32)(u64)i;
  f64 d = type_signed[from] ? (f64)i : (f64)(u64)i;
  return to == F32 ? float_out(f, F32) : float_out(d, to);
}

/* The plain conversions in vector form; the others lane by lane. */
static bool quick(warp *w, const ins *in, u32 lanes) {
#define QUICK(T, F, to_type, from_type)                                                  \
  if (in->type == to_type && in->from == from_type && in->width == sizeof(T) && in->size == sizeof(F)) { \
    T *d = ROW(T, in->d);                                                      \
    const F *a = ROW(F, in->a);                                                \
    EACH_LANE(lanes, d[l] = (T)a[l];)                                          \
    return true;                                                               \
  }
  if (in->sub || in->mode)
    return false;
  QUICK(i64, i32, S64, S32)
  QUICK(u64, u32, U64, U32)
  QUICK(u32, u64, U32, U64)
  QUICK(f32, i32, F32, S32)
  QUICK(f32, u32, F32, U32)
  return false;
}

void run_convert(warp *w, const ins *in, u32 lanes) {
  if (quick(w, in, lanes))
    return;
  for (u32 rest = lanes; rest; rest &= rest - 1) {
    int l = __builtin_ctz(rest);
    u64 v = converted(in, lane_value(w->file + in->a, l, in->size));
    if (!type_signed[in->type]) /* a wider register gets zeros above, or signs */
      v = v << (64 - 8 * type_bytes[in->type]) >> (64 - 8 * type_bytes[in->type]);
    else
      v = (u64)extended(v, in->type);
    memcpy(w->file + in->d + l * in->width, &v, in->width);
  }
}

/* d = {a, b}, a in the upper half. */
void run_convert_pair(warp *w, const ins *in, u32 lanes) {
  u32 *d = ROW(u32, in->d);
  const f32 *a = ROW(f32, in->a), *b = ROW(f32, in->b);
  for (u32 rest = lanes; rest; rest &= rest - 1) {
    int l = __builtin_ctz(rest);
    f64 x = a[l], y = b[l];
    if (in->sub & RELU)
      x = x < 0 ? 0 : x, y = y < 0 ? 0 : y;
    d[l] = in->type == F16X2 ? (u32)half_from(x) << 16 | half_from(y) : (u32)bfloat_from(x) << 16 | bfloat_from(y);
  }
}
