/* Integer and bit operations. */
#include "vm.h"

/* What the hardware gives for a division by zero; the quotient that does not fit wraps. */
static inline i64 quotient(i64 x, i64 y) { return y == 0 ? -1 : y == -1 ? (i64)-(u64)x : x / y; }
static inline i64 remainder_of(i64 x, i64 y) { return y == 0 ? x : y == -1 ? 0 : x % y; }
static inline u64 quotient_u(u64 x, u64 y) { return y == 0 ? ~0ull : x / y; }
static inline u64 remainder_u(u64 x, u64 y) { return y == 0 ? x : x % y; }

OP2(add16, "add.s16 add.u16", "222", u16, u16, u16, x + y)
OP2(add32, "add.s32 add.u32", "444", u32, u32, u32, x + y)
OP2(add64, "add.s64 add.u64", "888", u64, u64, u64, x + y)
OP2(sub16, "sub.s16 sub.u16", "222", u16, u16, u16, x - y)
OP2(sub32, "sub.s32 sub.u32", "444", u32, u32, u32, x - y)
OP2(sub64, "sub.s64 sub.u64", "888", u64, u64, u64, x - y)
OP2(mul16, "mul.lo.s16 mul.lo.u16", "222", u16, u16, u16, (u32)x * y)
OP2(mul32, "mul.lo.s32 mul.lo.u32", "444", u32, u32, u32, x * y)
OP2(mul64, "mul.lo.s64 mul.lo.u64", "888", u64, u64, u64, x * y)
OP2(mul_hi_s16, "mul.hi.s16", "222", i16, i16, i16, (i32)x * y >> 16)
OP2(mul_hi_u16, "mul.hi.u16", "222", u16, u16, u16, (u32)x * y >> 16)
OP2(mul_hi_s32, "mul.hi.s32", "444", i32, i32, i32, (i64)x * y >> 32)
OP2(mul_hi_u32, "mul.hi.u32", "444", u32, u32, u32, (u64)x * y >> 32)
OP2(mul_hi_s64, "mul.hi.s64", "888", i64, i64, i64, (__int128)x * y >> 64)
OP2(mul_hi_u64, "mul.hi.u64", "888", u64, u64, u64, (unsigned __int128)x * y >> 64)
OP2(mul_wide_s16, "mul.wide.s16", "422", i32, i16, i16, (i32)x * y)
OP2(mul_wide_u16, "mul.wide.u16", "422", u32, u16, u16, (u32)x * y)
OP2(mul_wide_s32, "mul.wide.s32", "844", i64, i32, i32, (i64)x * y)
OP2(mul_wide_u32, "mul.wide.u32", "844", u64, u32, u32, (u64)x * y)
OP3(mad16, "mad.lo.s16 mad.lo.u16", "2222", u16, u16, u16, u16, (u32)x * y + z)
OP3(mad32, "mad.lo.s32 mad.lo.u32", "4444", u32, u32, u32, u32, x * y + z)
OP3(mad64, "mad.lo.s64 mad.lo.u64", "8888", u64, u64, u64, u64, x * y + z)
OP3(mad_hi_s32, "mad.hi.s32", "4444", u32, i32, i32, u32, (u32)((i64)x * y >> 32) + z)
OP3(mad_hi_u32, "mad.hi.u32", "4444", u32, u32, u32, u32, (u32)((u64)x * y >> 32) + z)
OP3(mad_wide_s16, "mad.wide.s16", "4224", u32, i16, i16, u32, (u32)((i32)x * y) + z)
OP3(mad_wide_u16, "mad.wide.u16", "4224", u32, u16, u16, u32, (u32)x * y + z)
OP3(mad_wide_s32, "mad.wide.s32", "8448", u64, i32, i32, u64, (u64)((i64)x * y) + z)
OP3(mad_wide_u32, "mad.wide.u32", "8448", u64, u32, u32, u64, (u64)x * y + z)
OP2(div_s16, "div.s16", "222", i16, i16, i16, quotient(x, y))
OP2(div_u16, "div.u16", "222", u16, u16, u16, quotient_u(x, y))
OP2(div_s32, "div.s32", "444", i32, i32, i32, quotient(x, y))
OP2(div_u32, "div.u32", "444", u32, u32, u32, y ? x / y : NONE)
OP2(div_s64, "div.s64", "888", i64, i64, i64, quotient(x, y))
OP2(div_u64, "div.u64", "888", u64, u64, u64, quotient_u(x, y))
OP2(rem_s16, "rem.s16", "222", i16, i16, i16, remainder_of(x, y))
OP2(rem_u16, "rem.u16", "222", u16, u16, u16, remainder_u(x, y))
OP2(rem_s32, "rem.s32", "444", i32, i32, i32, remainder_of(x, y))
OP2(rem_u32, "rem.u32", "444", u32, u32, u32, y ? x % y : x)
OP2(rem_s64, "rem.s64", "888", i64, i64, i64, remainder_of(x, y))
OP2(rem_u64, "rem.u64", "888", u64, u64, u64, remainder_u(x, y))
OP2(min_s16, "min.s16", "222", i16, i16, i16, x < y ? x : y)
OP2(min_u16, "min.u16", "222", u16, u16, u16, x < y ? x : y)
OP2(min_s32, "min.s32", "444", i32, i32, i32, x < y ? x : y)
OP2(min_u32, "min.u32", "444", u32, u32, u32, x < y ? x : y)
OP2(min_s64, "min.s64", "888", i64, i64, i64, x < y ? x : y)
OP2(min_u64, "min.u64", "888", u64, u64, u64, x < y ? x : y)
OP2(max_s16, "max.s16", "222", i16, i16, i16, x > y ? x : y)
OP2(max_u16, "max.u16", "222", u16, u16, u16, x > y ? x : y)
OP2(max_s32, "max.s32", "444", i32, i32, i32, x > y ? x : y)
OP2(max_u32, "max.u32", "444", u32, u32, u32, x > y ? x : y)
OP2(max_s64, "max.s64", "888", i64, i64, i64, x > y ? x : y)
OP2(max_u64, "max.u64", "888", u64, u64, u64, x > y ? x : y)
OP1(neg_s16, "neg.s16", "22", u16, u16, -x)
OP1(neg_s32, "neg.s32", "44", u32, u32, -x)
OP1(neg_s64, "neg.s64", "88", u64, u64, -x)
OP1(abs_s16, "abs.s16", "22", u16, i16, x < 0 ? -x : x)
OP1(abs_s32, "abs.s32", "44", u32, i32, x < 0 ? -(u32)x : (u32)x)
OP1(abs_s64, "abs.s64", "88", u64, i64, x < 0 ? -(u64)x : (u64)x)

OP2(and16, "and.b16", "222", u16, u16, u16, x & y)
OP2(and32, "and.b32", "444", u32, u32, u32, x & y)
OP2(and64, "and.b64", "888", u64, u64, u64, x & y)
OP2(or16, "or.b16", "222", u16, u16, u16, x | y)
OP2(or32, "or.b32", "444", u32, u32, u32, x | y)
OP2(or64, "or.b64", "888", u64, u64, u64, x | y)
OP2(xor16, "xor.b16", "222", u16, u16, u16, x ^ y)
OP2(xor32, "xor.b32", "444", u32, u32, u32, x ^ y)
OP2(xor64, "xor.b64", "888", u64, u64, u64, x ^ y)
OP1(not16, "not.b16", "22", u16, u16, ~x)
OP1(not32, "not.b32", "44", u32, u32, ~x)
OP1(not64, "not.b64", "88", u64, u64, ~x)
OP1(cnot32, "cnot.b32", "44", u32, u32, x == 0)
OP2(shl16, "shl.b16", "224", u16, u16, u32, y > 15 ? 0 : (u32)x << y)
OP2(shl32, "shl.b32", "444", u32, u32, u32, y > 31 ? 0 : x << (y & 31))
OP2(shl64, "shl.b64", "884", u64, u64, u32, y > 63 ? 0 : x << (y & 63))
OP2(shr_u16, "shr.u16 shr.b16", "224", u16, u16, u32, y > 15 ? 0 : x >> y)
OP2(shr_u32, "shr.u32 shr.b32", "444", u32, u32, u32, y > 31 ? 0 : x >> (y & 31))
OP2(shr_u64, "shr.u64 shr.b64", "884", u64, u64, u32, y > 63 ? 0 : x >> (y & 63))
OP2(shr_s16, "shr.s16", "224", i16, i16, u32, x >> (y > 15 ? 15 : y))
OP2(shr_s32, "shr.s32", "444", i32, i32, u32, x >> (y > 31 ? 31 : y))
OP2(shr_s64, "shr.s64", "884", i64, i64, u32, x >> (y > 63 ? 63 : y))
OP1(popc32, "popc.b32", "44", u32, u32, __builtin_popcount(x))
OP1(popc64, "popc.b64", "48", u32, u64, __builtin_popcountll(x))
OP1(clz32, "clz.b32", "44", u32, u32, x ? __builtin_clz(x) : 32)
OP1(clz64, "clz.b64", "48", u32, u64, x ? __builtin_clzll(x) : 64)

static inline u64 reversed(u64 x, int bits) {
  u64 r = 0;
  for (int i = 0; i < bits; i++)
    r |= (x >> i & 1) << (bits - 1 - i);
  return r;
}
OP1(brev32, "brev.b32", "44", u32, u32, reversed(x, 32))
OP1(brev64, "brev.b64", "88", u64, u64, reversed(x, 64))

/* The place of the highest bit that differs from the sign; all ones if there is none. */
OP1(bfind_u32, "bfind.u32", "44", u32, u32, x ? 31 - __builtin_clz(x) : -1)
OP1(bfind_s32, "bfind.s32", "44", u32, i32, (x < 0 ? ~x : x) ? 31 - __builtin_clz((u32)(x < 0 ? ~x : x)) : -1)

/* The field of n bits at p: outside the value there are zeros, or signs. */
static inline u64 field(u64 x, u32 p, u32 n, int bits, bool is_signed) {
  p &= 255, n &= 255;
  if (!n)
    return 0;
  u64 top = x >> (bits - 1) & 1, last = p + n - 1 < (u32)bits ? x >> (p + n - 1) & 1 : top;
  u64 r = p < (u32)bits ? x >> p : 0, mask = n > 63 ? ~0ull : (1ull << n) - 1;
  if (p + n > (u32)bits) /* the bits past the end are not in x */
    mask &= p < (u32)bits ? ~0ull >> (64 - (bits - p)) : 0;
  r &= mask;
  return is_signed && last ? r | ~mask : r;
}
OP3(bfe_u32, "bfe.u32", "4444", u32, u32, u32, u32, field(x, y, z, 32, false))
OP3(bfe_s32, "bfe.s32", "4444", u32, u32, u32, u32, field(x, y, z, 32, true))
OP3(bfe_u64, "bfe.u64", "8844", u64, u64, u32, u32, field(x, y, z, 64, false))
OP3(bfe_s64, "bfe.s64", "8844", u64, u64, u32, u32, field(x, y, z, 64, true))

#define OP4(id, names, operands, T, C, E, ...)                                 \
  static void id(warp *w, const ins *in, u32 lanes) {                          \
    T *d = ROW(T, in->d);                                                      \
    const T *a = ROW(T, in->a), *b = ROW(T, in->b);                            \
    const C *c = ROW(C, in->c);                                                \
    const E *e = ROW(E, in->e);                                                \
    EACH_LANE(lanes, T x = a[l]; T y = b[l]; C z = c[l]; E u = e[l]; d[l] = (T)(__VA_ARGS__);) \
  }                                                                            \
  OPERATION(id, names, operands, id)

static inline u64 inserted(u64 x, u64 into, u32 p, u32 n, u32 bits) {
  p &= 255, n &= 255;
  u64 mask = p >= bits || !n ? 0 : (n > 63 ? ~0ull : (1ull << n) - 1) << p;
  return (into & ~mask) | (p < bits ? x << p & mask : 0);
}
OP4(bfi32, "bfi.b32", "44444", u32, u32, u32, inserted(x, y, z, u, 32))
OP4(bfi64, "bfi.b64", "88844", u64, u32, u32, inserted(x, y, z, u, 64))

/* Each bit of the result is what the table u says for the bits of x, y and z. */
static inline u32 looked_up(u32 x, u32 y, u32 z, u32 table) {
  u32 r = 0;
  for (u32 i = 0; i < 8; i++)
    if (table >> i & 1)
      r |= (i & 4 ? x : ~x) & (i & 2 ? y : ~y) & (i & 1 ? z : ~z);
  return r;
}
OP4(lop3, "lop3.b32", "44444", u32, u32, u32, looked_up(x, y, z, u))

/* Four bytes chosen out of eight; bit 3 of a choice repeats the byte's sign. */
static inline u32 permuted(u32 x, u32 y, u32 choice) {
  u64 all = (u64)y << 32 | x;
  u32 r = 0;
  for (int i = 0; i < 4; i++) {
    u32 c = choice >> (4 * i) & 15;
    u32 byte = (u32)(all >> (8 * (c & 7))) & 255;
    r |= (c & 8 ? (byte & 128 ? 255u : 0) : byte) << (8 * i);
  }
  return r;
}
OP3(prmt, "prmt.b32", "4444", u32, u32, u32, u32, permuted(x, y, z))

static inline u32 at_most(u32 n, u32 most) { return n < most ? n : most; }
OP3(shf_l_wrap, "shf.l.wrap.b32", "4444", u32, u32, u32, u32, ((u64)y << 32 | x) << (z & 31) >> 32)
OP3(shf_l_clamp, "shf.l.clamp.b32", "4444", u32, u32, u32, u32, z > 31 ? x : ((u64)y << 32 | x) << z >> 32)
OP3(shf_r_wrap, "shf.r.wrap.b32", "4444", u32, u32, u32, u32, ((u64)y << 32 | x) >> (z & 31))
OP3(shf_r_clamp, "shf.r.clamp.b32", "4444", u32, u32, u32, u32, ((u64)y << 32 | x) >> at_most(z, 32))
