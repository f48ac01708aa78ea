/* Predicates: logic, choice, comparison. */
#include "execute.h"
#include "vm.h"
#ifdef __AVX2__
#include <immintrin.h>
#endif

static inline void put(u32 *p, u32 bits, u32 lanes) { *p = (*p & ~lanes) | (bits & lanes); }

#define LOGIC(id, name, ...)                                                   \
  static void id(warp *w, const ins *in, u32 lanes) {                          \
    u32 x = BIT(in->a), y = in->b == NONE ? 0 : BIT(in->b);                    \
    (void)y;                                                                   \
    put(&BIT(in->d), __VA_ARGS__, lanes);                                      \
  }
LOGIC(and_pred, "and.pred", x & y)
OPERATION(and_pred, "and.pred", "ppp", and_pred)
LOGIC(or_pred, "or.pred", x | y)
OPERATION(or_pred, "or.pred", "ppp", or_pred)
LOGIC(xor_pred, "xor.pred", x ^ y)
OPERATION(xor_pred, "xor.pred", "ppp", xor_pred)
LOGIC(not_pred, "not.pred", ~x)
OPERATION(not_pred, "not.pred", "pp", not_pred)

void run_move1(warp *w, const ins *in, u32 lanes) { put(&BIT(in->d), BIT(in->a), lanes); }

#define SELECT(id, names, operands, T)                                         \
  static void id(warp *w, const ins *in, u32 lanes) {                          \
    T *d = ROW(T, in->d);                                                      \
    const T *a = ROW(T, in->a), *b = ROW(T, in->b);                            \
    u32 p = BIT(in->c);                                                        \
    EACH_LANE(lanes, T x = a[l]; T y = b[l]; d[l] = p >> l & 1 ? x : y;)       \
  }                                                                            \
  OPERATION(id, names, operands, id)
SELECT(selp16, "selp.b16 selp.u16 selp.s16 selp.f16 selp.bf16", "222p", u16)
SELECT(selp32, "selp.b32 selp.u32 selp.s32 selp.f32", "444p", u32)
SELECT(selp64, "selp.b64 selp.u64 selp.s64 selp.f64", "888p", u64)

/* Bit l is set where true[l] is not 0. */
static inline u32 bits_of(const i32 truth[LANES]) {
  u32 r = 0;
#ifdef __AVX2__
  for (int i = 0; i < 4; i++) {
    __m256i v = _mm256_cmpeq_epi32(_mm256_loadu_si256((const __m256i *)(truth + 8 * i)), _mm256_setzero_si256());
    r |= (u32)(~_mm256_movemask_ps(_mm256_castsi256_ps(v)) & 255) << (8 * i);
  }
#else
  for (int l = 0; l < LANES; l++)
    r |= (u32)(truth[l] != 0) << l;
#endif
  return r;
}

/* The result, joined with c where there is a join; d2 gets the joined opposite. */
static void finish(warp *w, const ins *in, u32 lanes, u32 r) {
  u32 no = ~r;
  if (in->mode) {
    u32 z = BIT(in->c);
    z = in->negated & 2 ? ~z : z;
    r = in->mode == JOIN_AND ? r & z : in->mode == JOIN_OR ? r | z : r ^ z;
    no = in->mode == JOIN_AND ? no & z : in->mode == JOIN_OR ? no | z : no ^ z;
  }
  put(&BIT(in->d), r, lanes);
  if (in->d2 != NONE)
    put(&BIT(in->d2), no, lanes);
}

#define TRUTH(T, UP, cond)                                                     \
  for (int l = 0; l < LANES; l++) {                                            \
    T x = UP(a[l]), y = UP(b[l]);                                              \
    (void)x, (void)y;                                                          \
    truth[l] = (cond);                                                         \
  }                                                                            \
  break;
#define COMPARE(id, S, T, UP, unordered)                                       \
  static void id(warp *w, const ins *in, u32 lanes) {                          \
    const S *a = ROW(S, in->a), *b = ROW(S, in->b);                            \
    i32 truth[LANES] __attribute__((aligned(64)));                             \
    switch (in->sub) {                                                         \
    case EQ: TRUTH(T, UP, x == y)                                              \
    case NE: TRUTH(T, UP, !(unordered) && x != y)                              \
    case LT: TRUTH(T, UP, x < y)                                               \
    case LE: TRUTH(T, UP, x <= y)                                              \
    case GT: TRUTH(T, UP, x > y)                                               \
    case GE: TRUTH(T, UP, x >= y)                                              \
    case EQU: TRUTH(T, UP, (unordered) || x == y)                              \
    case NEU: TRUTH(T, UP, x != y)                                             \
    case LTU: TRUTH(T, UP, !(x >= y))                                          \
    case LEU: TRUTH(T, UP, !(x > y))                                           \
    case GTU: TRUTH(T, UP, !(x <= y))                                          \
    case GEU: TRUTH(T, UP, !(x < y))                                           \
    case NUM: TRUTH(T, UP, !(unordered))                                       \
    default: TRUTH(T, UP, (unordered))                                         \
    }                                                                          \
    finish(w, in, lanes, bits_of(truth));                                      \
  }
#define ITSELF(x) (x)
COMPARE(compare_u16, u16, u16, ITSELF, 0)
COMPARE(compare_s16, i16, i16, ITSELF, 0)
COMPARE(compare_u32, u32, u32, ITSELF, 0)
COMPARE(compare_s32, i32, i32, ITSELF, 0)
COMPARE(compare_u64, u64, u64, ITSELF, 0)
COMPARE(compare_s64, i64, i64, ITSELF, 0)
COMPARE(compare_f32, f32, f32, ITSELF, x != x || y != y)
COMPARE(compare_f64, f64, f64, ITSELF, x != x || y != y)
COMPARE(compare_f16, u16, f32, half_to_float, x != x || y != y)
COMPARE(compare_bf16, u16, f32, bfloat_to_float, x != x || y != y)

exec *run_compare(enum type t) {
  switch (t) {
  case B16: case U16: return compare_u16;
  case S16: return compare_s16;
  case B32: case U32: return compare_u32;
  case S32: return compare_s32;
  case B64: case U64: return compare_u64;
  case S64: return compare_s64;
  case F32: return compare_f32;
  case F64: return compare_f64;
  case F16: return compare_f16;
  case BF16: return compare_bf16;
  default: return NULL;
  }
}
