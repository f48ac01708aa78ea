/* Floating point operations of 32 and 64 bits. The .approx functions are computed in full, where a device is some units in the last
 * place off; subnormal numbers are kept. */
#include "vm.h"
#include <math.h>

OP2(add_f32, "add.f32 add.rn.f32", "444", f32, f32, f32, x + y)
OP2(add_f64, "add.f64 add.rn.f64", "888", f64, f64, f64, x + y)
OP2(sub_f32, "sub.f32 sub.rn.f32", "444", f32, f32, f32, x - y)
OP2(sub_f64, "sub.f64 sub.rn.f64", "888", f64, f64, f64, x - y)
OP2(mul_f32, "mul.f32 mul.rn.f32", "444", f32, f32, f32, x *y)
OP2(mul_f64, "mul.f64 mul.rn.f64", "888", f64, f64, f64, x *y)
OP3(fma_f32, "fma.rn.f32 mad.rn.f32", "4444", f32, f32, f32, f32, __builtin_fmaf(x, y, z))
OP3(fma_f64, "fma.rn.f64 mad.rn.f64", "8888", f64, f64, f64, f64, __builtin_fma(x, y, z))
OP2(div_f32, "div.rn.f32 div.full.f32 div.approx.f32", "444", f32, f32, f32, x / y)
OP2(div_f64, "div.rn.f64", "888", f64, f64, f64, x / y)
OP1(rcp_f32, "rcp.rn.f32 rcp.approx.f32", "44", f32, f32, 1.f / x)
OP1(rcp_f64, "rcp.rn.f64", "88", f64, f64, 1. / x)
OP1(sqrt_f32, "sqrt.rn.f32 sqrt.approx.f32", "44", f32, f32, __builtin_sqrtf(x))
OP1(sqrt_f64, "sqrt.rn.f64", "88", f64, f64, __builtin_sqrt(x))
OP1(rsqrt_f32, "rsqrt.approx.f32", "44", f32, f32, 1. / __builtin_sqrt(x))
OP1(rsqrt_f64, "rsqrt.approx.f64", "88", f64, f64, 1. / __builtin_sqrt(x))
OP1(ex2_f32, "ex2.approx.f32", "44", f32, f32, exp2((f64)x))
OP1(lg2_f32, "lg2.approx.f32", "44", f32, f32, log2((f64)x))
OP1(sin_f32, "sin.approx.f32", "44", f32, f32, sin((f64)x))
OP1(cos_f32, "cos.approx.f32", "44", f32, f32, cos((f64)x))
OP1(tanh_f32, "tanh.approx.f32", "44", f32, f32, tanh((f64)x))
OP1(neg_f32, "neg.f32", "44", f32, f32, -x)
OP1(neg_f64, "neg.f64", "88", f64, f64, -x)
OP1(abs_f32, "abs.f32", "44", f32, f32, __builtin_fabsf(x))
OP1(abs_f64, "abs.f64", "88", f64, f64, __builtin_fabs(x))

/* The sign of x on the magnitude of y. */
OP2(copysign_f32, "copysign.f32", "444", f32, f32, f32, __builtin_copysignf(y, x))
OP2(copysign_f64, "copysign.f64", "888", f64, f64, f64, __builtin_copysign(y, x))

/* The one that is a number, unless .NaN asks for the NaN; -0 is below +0. */
#define LESS(x, y) ((x) < (y) || ((x) == (y) && __builtin_signbit(x)))
#define LEAST(x, y) (x != x ? y : y != y ? x : LESS(x, y) ? x : y)
#define MOST(x, y) (x != x ? y : y != y ? x : LESS(x, y) ? y : x)
OP2(min_f32, "min.f32", "444", f32, f32, f32, LEAST(x, y))
OP2(max_f32, "max.f32", "444", f32, f32, f32, MOST(x, y))
OP2(min_f64, "min.f64", "888", f64, f64, f64, LEAST(x, y))
OP2(max_f64, "max.f64", "888", f64, f64, f64, MOST(x, y))
OP2(min_nan_f32, "min.NaN.f32", "444", f32, f32, f32, x != x ? x : y != y ? y : LESS(x, y) ? x : y)
OP2(max_nan_f32, "max.NaN.f32", "444", f32, f32, f32, x != x ? x : y != y ? y : LESS(x, y) ? y : x)
