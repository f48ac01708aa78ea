/* f16 and bf16, alone and in pairs. Each operation is computed in f64, whose one rounding to 16 bits is right: sums and products of 16-bit
 * numbers fit, and an fma's error is far below the rounding's. */
#include "vm.h"
#include <math.h>

u16 bfloat_from(f64 v) {
  f32 f = (f32)v; /* exact for what is computed here, or far from where rounding turns */
  u32 b;
  __builtin_memcpy(&b, &f, 4);
  return f != f ? 0x7fff : (u16)((b + 0x7fff + (b >> 16 & 1)) >> 16);
}

#define UP_f16(h) ((f64)half_to_float(h))
#define DOWN_f16(v) half_from(v)
#define UP_bf16(h) ((f64)bfloat_to_float(h))
#define DOWN_bf16(v) bfloat_from(v)
#define LEAST(x, y) (x != x ? y : y != y ? x : x < y || (x == y && __builtin_signbit(x)) ? x : y)
#define MOST(x, y) (x != x ? y : y != y ? x : x < y || (x == y && __builtin_signbit(x)) ? y : x)

/* An operation of a format on one number a register and on two. */
#define HALF2(id, T, names, pair_names, ...)                                   \
  static inline u16 id##_of(u16 h, u16 i) {                                    \
    f64 x = UP_##T(h), y = UP_##T(i);                                          \
    (void)y;                                                                   \
    return DOWN_##T(__VA_ARGS__);                                              \
  }                                                                            \
  OP2(id, names, "222", u16, u16, u16, id##_of(x, y))                          \
  OP2(id##_pair, pair_names, "444", u32, u32, u32, id##_of((u16)x, (u16)y) | (u32)id##_of((u16)(x >> 16), (u16)(y >> 16)) << 16)
#define HALF3(id, T, names, pair_names, ...)                                   \
  static inline u16 id##_of(u16 h, u16 i, u16 j) {                             \
    f64 x = UP_##T(h), y = UP_##T(i), z = UP_##T(j);                           \
    return DOWN_##T(__VA_ARGS__);                                              \
  }                                                                            \
  OP3(id, names, "2222", u16, u16, u16, u16, id##_of(x, y, z))                 \
  OP3(id##_pair, pair_names, "4444", u32, u32, u32, u32,                       \
      id##_of((u16)x, (u16)y, (u16)z) | (u32)id##_of((u16)(x >> 16), (u16)(y >> 16), (u16)(z >> 16)) << 16)

HALF2(add_f16, f16, "add.f16 add.rn.f16", "add.f16x2 add.rn.f16x2", x + y)
HALF2(sub_f16, f16, "sub.f16 sub.rn.f16", "sub.f16x2 sub.rn.f16x2", x - y)
HALF2(mul_f16, f16, "mul.f16 mul.rn.f16", "mul.f16x2 mul.rn.f16x2", x *y)
HALF2(min_f16, f16, "min.f16", "min.f16x2", LEAST(x, y))
HALF2(max_f16, f16, "max.f16", "max.f16x2", MOST(x, y))
HALF3(fma_f16, f16, "fma.rn.f16", "fma.rn.f16x2", x *y + z)
HALF2(add_bf16, bf16, "add.bf16 add.rn.bf16", "add.bf16x2 add.rn.bf16x2", x + y)
HALF2(sub_bf16, bf16, "sub.bf16 sub.rn.bf16", "sub.bf16x2 sub.rn.bf16x2", x - y)
HALF2(mul_bf16, bf16, "mul.bf16 mul.rn.bf16", "mul.bf16x2 mul.rn.bf16x2", x *y)
HALF2(min_bf16, bf16, "min.bf16", "min.bf16x2", LEAST(x, y))
HALF2(max_bf16, bf16, "max.bf16", "max.bf16x2", MOST(x, y))
HALF3(fma_bf16, bf16, "fma.rn.bf16", "fma.rn.bf16x2", x *y + z)
OP1(neg_16, "neg.f16 neg.bf16", "22", u16, u16, x ^ 0x8000)
OP1(abs_16, "abs.f16 abs.bf16", "22", u16, u16, x & 0x7fff)
OP1(neg_16_pair, "neg.f16x2 neg.bf16x2", "44", u32, u32, x ^ 0x80008000u)
OP1(abs_16_pair, "abs.f16x2 abs.bf16x2", "44", u32, u32, x & 0x7fff7fffu)
OP1(ex2_f16, "ex2.approx.f16", "22", u16, u16, half_from(exp2(UP_f16(x))))
OP1(tanh_f16, "tanh.approx.f16", "22", u16, u16, half_from(tanh(UP_f16(x))))
