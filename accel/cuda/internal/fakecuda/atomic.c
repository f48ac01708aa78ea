/* Atomics: lane after lane, in order. */
#include "execute.h"
#include <string.h>

static u64 added(u64 old, u64 v, enum type t) {
  f32 f, g;
  f64 d, e;
  u64 r = 0;
  switch (t) {
  case F32:
    memcpy(&f, &old, 4), memcpy(&g, &v, 4);
    f += g;
    memcpy(&r, &f, 4);
    return r;
  case F64:
    memcpy(&d, &old, 8), memcpy(&e, &v, 8);
    d += e;
    memcpy(&r, &d, 8);
    return r;
  case F16: return half_from((f64)half_to_float((u16)old) + half_to_float((u16)v));
  case BF16: return bfloat_from((f64)bfloat_to_float((u16)old) + bfloat_to_float((u16)v));
  case F16X2: case BF16X2: {
    enum type one = t == F16X2 ? F16 : BF16;
    return added(old & 0xffff, v & 0xffff, one) | added(old >> 16, v >> 16, one) << 16;
  }
  default: return old + v;
  }
}

static bool less(u64 x, u64 y, const ins *in) {
  int unused = 64 - 8 * in->size;
  return type_signed[in->type] ? (i64)(x << unused) < (i64)(y << unused) : x < y;
}

static u64 combined(const ins *in, u64 old, u64 v, u64 other) {
  switch (in->sub) {
  case ADD: return added(old, v, in->type);
  case MIN: return less(v, old, in) ? v : old;
  case MAX: return less(old, v, in) ? v : old;
  case AND: return old & v;
  case OR: return old | v;
  case XOR: return old ^ v;
  case EXCHANGE: return v;
  case CAS: return old == v ? other : old;
  case INC: return old >= v ? 0 : old + 1;
  default: return old == 0 || old > v ? v : old - 1;
  }
}

void run_atomic(warp *w, const ins *in, u32 lanes) {
  u64 at[LANES];
  addresses(w, in, at);
  for (u32 rest = lanes; rest; rest &= rest - 1) {
    int l = __builtin_ctz(rest);
    u8 *host = resolve(w, in, l, at[l], in->size, ATOMIC_WRITE);
    if (!host)
      return;
    u64 old = 0, v = 0, other = 0;
    memcpy(&old, host, in->size);
    memcpy(&v, w->file + in->b + l * in->size, in->size);
    if (in->sub == CAS)
      memcpy(&other, w->file + in->c + l * in->size, in->size);
    u64 now = combined(in, old, v, other);
    memcpy(host, &now, in->size);
    if (in->d != NONE)
      memcpy(w->file + in->d + l * in->size, &old, in->size);
  }
}
