/* Instructions on registers, one at a time: lane i computes d = op(a, b, c) of the i-th case. */
#include "test.h"
#include <math.h>

/* A kernel around one instruction: inputs are 8 bytes each, a, b, c of a lane side by side; the result is 8 bytes. kinds: the register
 * classes of d, a, b, c (h 16, r 32, f f32, d 64, g f64, p predicate). */
static char *kernel_of(const char *text, const char *kinds, int sm) {
  char *ptx = malloc(8192);
  int n = sprintf(ptx, ".version 7.8\n.target sm_%d\n.address_size 64\n.visible .entry op(.param .u64 out, .param .u64 in)\n{\n"
                       ".reg .pred %%p<4>;\n.reg .b16 %%h<4>;\n.reg .b32 %%r<8>;\n.reg .f32 %%f<4>;\n.reg .b64 %%d<4>;\n.reg .f64 %%g<4>;\n"
                       ".reg .b64 %%x<6>;\n.reg .b32 %%t<4>;\n"
                       "ld.param.u64 %%x1, [out];\nld.param.u64 %%x2, [in];\nmov.u32 %%t1, %%tid.x;\nmul.wide.u32 %%x3, %%t1, 24;\n"
                       "add.s64 %%x2, %%x2, %%x3;\nmul.wide.u32 %%x3, %%t1, 8;\nadd.s64 %%x1, %%x1, %%x3;\nmov.u64 %%x4, 0;\n"
                       "st.global.u64 [%%x1], %%x4;\n", sm);
  const char *loads[128] = {['h'] = "b16", ['r'] = "b32", ['f'] = "f32", ['d'] = "b64", ['g'] = "f64"};
  for (int i = 1; kinds[i]; i++) {
    int k = kinds[i];
    if (k == 'p')
      n += sprintf(ptx + n, "ld.global.b32 %%t2, [%%x2+%d];\nsetp.ne.s32 %%p%d, %%t2, 0;\n", 8 * (i - 1), i);
    else
      n += sprintf(ptx + n, "ld.global.%s %%%c%d, [%%x2+%d];\n", loads[k], k, i, 8 * (i - 1));
  }
  n += sprintf(ptx + n, "%s\n", text);
  if (kinds[0] == 'p')
    n += sprintf(ptx + n, "selp.b32 %%t3, 1, 0, %%p0;\nst.global.u32 [%%x1], %%t3;\n");
  else
    n += sprintf(ptx + n, "st.global.%s [%%x1], %%%c0;\n", loads[(int)kinds[0]], kinds[0]);
  sprintf(ptx + n, "ret;\n}\n");
  return ptx;
}

typedef struct { uint64_t a, b, c, want; } example;

static double tolerance; /* relative, of float32 results; 0: all bits are right */

static bool right(char kind, uint64_t got, uint64_t want) {
  float x, y;
  memcpy(&x, &got, 4), memcpy(&y, &want, 4);
  if (got == want || kind != 'f')
    return got == want;
  return (x != x && y != y) || fabs((double)x - y) <= tolerance * fabs(y);
}

static void check(const char *text, const char *kinds, const example *e, int n) {
  CUmodule m = module_of_text(kernel_of(text, kinds, 90));
  uint64_t in[32 * 3], out[32];
  for (int i = 0; i < n; i++)
    memcpy(in + 3 * i, &e[i], 24);
  CUdeviceptr from = upload(in, (size_t)n * 24), to = upload(NULL, (size_t)n * 8);
  OK(finish(function_in(m, "op"), 1, (unsigned)n, 0, ARGS(&to, &from)));
  download(out, to, (size_t)n * 8);
  for (int i = 0; i < n; i++)
    CHECK(right(kinds[0], out[i], e[i].want), "%s case %d (%llx %llx %llx) gives %llx, not %llx", text, i, (long long)e[i].a, (long long)e[i].b,
          (long long)e[i].c, (long long)out[i], (long long)e[i].want);
  OK(cuMemFree(from));
  OK(cuMemFree(to));
  OK(cuModuleUnload(m));
}
#define OP(text, kinds, ...) check(text, kinds, (example[]){__VA_ARGS__}, sizeof((example[]){__VA_ARGS__}) / sizeof(example))

static uint64_t f(float x) { uint32_t b; memcpy(&b, &x, 4); return b; }
static uint64_t g(double x) { uint64_t b; memcpy(&b, &x, 8); return b; }
#define NAN32 0x7fc00000ull

CARD(integers) {
  OP("add.s32 %r0, %r1, %r2;", "rrr", {0xffffffff, 2, 0, 1}, {5, 7, 0, 12});
  OP("sub.u16 %h0, %h1, %h2;", "hhh", {1, 2, 0, 0xffff});
  OP("mul.lo.s32 %r0, %r1, %r2;", "rrr", {0x10001, 0x10001, 0, 0x20001});
  OP("mul.hi.s32 %r0, %r1, %r2;", "rrr", {0xffffffff, 2, 0, 0xffffffff}, {0x40000000, 8, 0, 2});
  OP("mul.hi.u32 %r0, %r1, %r2;", "rrr", {0xffffffff, 2, 0, 1});
  OP("mul.hi.u64 %d0, %d1, %d2;", "ddd", {1ull << 63, 6, 0, 3});
  OP("mul.wide.s32 %d0, %r1, %r2;", "drr", {0xffffffff, 3, 0, -3ull});
  OP("mul.wide.u16 %r0, %h1, %h2;", "rhh", {0xffff, 0xffff, 0, 0xfffe0001});
  OP("mad.lo.s32 %r0, %r1, %r2, %r3;", "rrrr", {3, 4, 5, 17});
  OP("mad.wide.s32 %d0, %r1, %r2, %d3;", "drrd", {0xffffffff, 4, 5, 1});
  OP("div.s32 %r0, %r1, %r2;", "rrr", {-7u, 2, 0, 0xfffffffd}, {7, 0, 0, 0xffffffff}, {0x80000000, 0xffffffff, 0, 0x80000000});
  OP("div.s64 %d0, %d1, %d2;", "ddd", {1ull << 63, ~0ull, 0, 1ull << 63}, {-9ull, 2, 0, -4ull}, {1, 0, 0, ~0ull});
  OP("rem.s64 %d0, %d1, %d2;", "ddd", {1ull << 63, ~0ull, 0, 0}, {-9ull, 2, 0, -1ull}, {5, 0, 0, 5});
  OP("div.u32 %r0, %r1, %r2;", "rrr", {0xfffffff9, 2, 0, 0x7ffffffc}, {7, 0, 0, 0xffffffff});
  OP("rem.s32 %r0, %r1, %r2;", "rrr", {-7u, 2, 0, 0xffffffff}, {0x80000000, 0xffffffff, 0, 0});
  OP("rem.u64 %d0, %d1, %d2;", "ddd", {~0ull, 10, 0, 5});
  OP("min.s32 %r0, %r1, %r2;", "rrr", {-1u, 1, 0, 0xffffffff});
  OP("min.u32 %r0, %r1, %r2;", "rrr", {-1u, 1, 0, 1});
  OP("abs.s32 %r0, %r1;", "rr", {-5u, 0, 0, 5});
  OP("neg.s64 %d0, %d1;", "dd", {5, 0, 0, -5ull});
}

CARD(bits) {
  OP("shl.b32 %r0, %r1, %r2;", "rrr", {1, 31, 0, 0x80000000}, {1, 32, 0, 0}, {1, 0xffffffff, 0, 0});
  OP("shr.s32 %r0, %r1, %r2;", "rrr", {0x80000000, 4, 0, 0xf8000000}, {0x80000000, 99, 0, 0xffffffff});
  OP("shr.u64 %d0, %d1, %r2;", "ddr", {1ull << 63, 63, 0, 1}, {1ull << 63, 64, 0, 0});
  OP("not.b16 %h0, %h1;", "hh", {0x00ff, 0, 0, 0xff00});
  OP("popc.b32 %r0, %r1;", "rr", {0xf0f0, 0, 0, 8});
  OP("clz.b32 %r0, %r1;", "rr", {0, 0, 0, 32}, {1, 0, 0, 31});
  OP("clz.b64 %r0, %d1;", "rd", {1, 0, 0, 63});
  OP("brev.b32 %r0, %r1;", "rr", {1, 0, 0, 0x80000000}, {0x12345678, 0, 0, 0x1e6a2c48});
  OP("bfe.u32 %r0, %r1, %r2, %r3;", "rrrr", {0xabcd1234, 8, 8, 0x12}, {0xabcd1234, 28, 8, 0xa}, {0xabcd1234, 0, 0, 0}, {0xffffffff, 40, 4, 0});
  OP("bfe.s32 %r0, %r1, %r2, %r3;", "rrrr", {0x0000f000, 12, 4, 0xffffffff}, {0x80000000, 28, 8, 0xfffffff8}, {0x80000000, 40, 4, 0xffffffff}, {0x7000, 12, 4, 7});
  OP("bfi.b32 %r0, %r1, 0xffffffff, %r2, %r3;", "rrrr", {0x5, 4, 4, 0xffffff5f}, {0, 0, 32, 0}, {0, 32, 4, 0xffffffff});
  OP("bfind.s32 %r0, %r1;", "rr", {0, 0, 0, 0xffffffff}, {0xffffffff, 0, 0, 0xffffffff}, {0x100, 0, 0, 8});
  OP("prmt.b32 %r0, %r1, %r2, %r3;", "rrrr", {0x33221100, 0x77665544, 0x7410, 0x77441100}, {0x80, 0, 0x8888, 0xffffffff}, {0x44332211, 0x88776655, 0x5410, 0x66552211});
  OP("lop3.b32 %r0, %r1, %r2, %r3, 0x96;", "rrrr", {0xf0f0, 0xff00, 0xaaaa, 0xf0f0 ^ 0xff00 ^ 0xaaaa});
  OP("lop3.b32 %r0, %r1, %r2, %r3, 0xe8;", "rrrr", {0xc, 0xa, 0x9, 0x8});
  OP("shf.l.wrap.b32 %r0, %r1, %r2, %r3;", "rrrr", {0x80000000, 1, 1, 3}, {0xdeadbeef, 0xdeadbeef, 8, 0xadbeefde});
  OP("shf.r.clamp.b32 %r0, %r1, %r2, %r3;", "rrrr", {0x1, 0xabc, 32, 0xabc}, {0x10, 0x1, 4, 0x10000001});
}

CARD(floats) {
  OP("add.rn.f32 %f0, %f1, %f2;", "fff", {f(1), f(0x1p-24f), 0, f(1)}, {f(INFINITY), f(1), 0, f(INFINITY)});
  OP("fma.rn.f32 %f0, %f1, %f2, %f3;", "ffff", {f(1 + 0x1p-12f), f(1 + 0x1p-12f), f(-1), f(0x1p-11f + 0x1p-24f)});
  OP("mul.f64 %g0, %g1, %g2;", "ggg", {g(3), g(0.1), 0, g(3 * 0.1)});
  OP("div.rn.f32 %f0, %f1, %f2;", "fff", {f(1), f(3), 0, f(1.f / 3)}, {f(1), f(0), 0, f(INFINITY)});
  OP("sqrt.rn.f32 %f0, %f1;", "ff", {f(2), 0, 0, f(sqrtf(2))});
  OP("min.f32 %f0, %f1, %f2;", "fff", {NAN32, f(2), 0, f(2)}, {f(2), NAN32, 0, f(2)}, {f(-0.f), f(0), 0, f(-0.f)});
  OP("max.f32 %f0, %f1, %f2;", "fff", {NAN32, f(2), 0, f(2)}, {f(-0.f), f(0), 0, f(0)}, {f(3), f(2), 0, f(3)});
  OP("max.NaN.f32 %f0, %f1, %f2;", "fff", {f(2), NAN32, 0, NAN32});
  OP("copysign.f32 %f0, %f1, %f2;", "fff", {f(-1), f(5), 0, f(-5)});
  OP("abs.f32 %f0, %f1;", "ff", {f(-0.f), 0, 0, 0});
  OP("neg.f32 %f0, %f1;", "ff", {f(0), 0, 0, f(-0.f)});
}

/* A card computes these to some units in the last place. */
CARD(approximations) {
  tolerance = 1e-5;
  OP("rcp.approx.f32 %f0, %f1;", "ff", {f(4), 0, 0, f(.25f)});
  OP("rsqrt.approx.f32 %f0, %f1;", "ff", {f(4), 0, 0, f(.5f)}, {f(0), 0, 0, f(INFINITY)});
  OP("ex2.approx.f32 %f0, %f1;", "ff", {f(10), 0, 0, f(1024)}, {f(-INFINITY), 0, 0, 0});
  OP("lg2.approx.f32 %f0, %f1;", "ff", {f(8), 0, 0, f(3)}, {f(0), 0, 0, f(-INFINITY)});
  OP("sin.approx.f32 %f0, %f1;", "ff", {f(1), 0, 0, f((float)sin(1))});
  OP("cos.approx.f32 %f0, %f1;", "ff", {f(1), 0, 0, f((float)cos(1))});
  OP("tanh.approx.f32 %f0, %f1;", "ff", {f(1), 0, 0, f((float)tanh(1))});
}

CARD(halves) {
  OP("add.f16 %h0, %h1, %h2;", "hhh", {0x3c00, 0x3c00, 0, 0x4000}, {0x7bff, 0x7bff, 0, 0x7c00}, {0x3c00, 0x1000, 0, 0x3c00});
  OP("fma.rn.f16 %h0, %h1, %h2, %h3;", "hhhh", {0x4000, 0x4200, 0x3c00, 0x4700});
  OP("mul.f16x2 %r0, %r1, %r2;", "rrr", {0x40003c00, 0x42004000, 0, 0x46004000});
  OP("fma.rn.bf16 %h0, %h1, %h2, %h3;", "hhhh", {0x4000, 0x4040, 0x3f80, 0x40e0});
  OP("fma.rn.bf16x2 %r0, %r1, %r2, %r3;", "rrrr", {0x40003f80, 0x40404000, 0x3f800000, 0x40e04000});
  OP("max.bf16 %h0, %h1, %h2;", "hhh", {0x7fc0, 0x3f80, 0, 0x3f80});
  OP("fma.rn.bf16 %h0, %h1, %h2, %h3;", "hhhh", {0x3f81, 0x3b80, 0x3f80, 0x3f81}, {0x3f7f, 0x3b80, 0x3f80, 0x3f80}, {0x7f7f, 0x4000, 0, 0x7f80});
  OP("neg.bf16 %h0, %h1;", "hh", {0x3f80, 0, 0, 0xbf80});
  OP("setp.lt.f16 %p0, %h1, %h2;", "phh", {0x3c00, 0x4000, 0, 1}, {0x7e00, 0x4000, 0, 0});
}

CARD(conversions) {
  OP("cvt.rn.bf16.f32 %h0, %f1;", "hf", {f(1), 0, 0, 0x3f80}, {0x3f808000, 0, 0, 0x3f80}, {0x3f818000, 0, 0, 0x3f82}, {0x3f808001, 0, 0, 0x3f81}, {NAN32, 0, 0, 0x7fff}, {0x7f7fffff, 0, 0, 0x7f80});
  OP("cvt.rn.f16.f32 %h0, %f1;", "hf", {f(65504), 0, 0, 0x7bff}, {f(65520), 0, 0, 0x7c00}, {f(0x1p-24f), 0, 0, 1}, {f(1 + 0x1p-11f), 0, 0, 0x3c00}, {f(1 + 3 * 0x1p-11f), 0, 0, 0x3c02});
  OP("cvt.f32.f16 %f0, %h1;", "fh", {0x3c00, 0, 0, f(1)}, {1, 0, 0, f(0x1p-24f)});
  OP("cvt.f32.bf16 %f0, %h1;", "fh", {0xbf80, 0, 0, f(-1)});
  OP("cvt.rn.bf16x2.f32 %r0, %f1, %f2;", "rff", {f(1), f(2), 0, 0x3f804000});
  OP("cvt.rn.f16x2.f32 %r0, %f1, %f2;", "rff", {f(1), f(2), 0, 0x3c004000});
  OP("cvt.rna.tf32.f32 %r0, %f1;", "rf", {0x3f801000, 0, 0, 0x3f802000}, {0x3f800fff, 0, 0, 0x3f800000});
  OP("cvt.rzi.s32.f32 %r0, %f1;", "rf", {f(-1.9f), 0, 0, 0xffffffff}, {f(3e9f), 0, 0, 0x7fffffff}, {f(-3e9f), 0, 0, 0x80000000}, {NAN32, 0, 0, 0});
  OP("cvt.rni.s32.f32 %r0, %f1;", "rf", {f(2.5f), 0, 0, 2}, {f(3.5f), 0, 0, 4});
  OP("cvt.rzi.u32.f32 %r0, %f1;", "rf", {f(-1), 0, 0, 0}, {f(4e9f), 0, 0, 4000000000}, {f(5e9f), 0, 0, 0xffffffff});
  OP("cvt.rmi.f32.f32 %f0, %f1;", "ff", {f(-1.5f), 0, 0, f(-2)});
  OP("cvt.rpi.f32.f32 %f0, %f1;", "ff", {f(1.5f), 0, 0, f(2)});
  OP("cvt.sat.f32.f32 %f0, %f1;", "ff", {f(1.5f), 0, 0, f(1)}, {f(-1), 0, 0, 0}, {NAN32, 0, 0, 0});
  OP("cvt.rn.f32.s32 %f0, %r1;", "fr", {-5u, 0, 0, f(-5)}, {16777217, 0, 0, f(16777216)});
  OP("cvt.rn.f32.u64 %f0, %d1;", "fd", {~0ull, 0, 0, f(0x1p64f)});
  OP("cvt.rn.f32.f64 %f0, %g1;", "fg", {g(0.1), 0, 0, f(0.1f)});
  OP("cvt.f64.f32 %g0, %f1;", "gf", {f(0.5f), 0, 0, g(0.5)});
  OP("cvt.s64.s32 %d0, %r1;", "dr", {-5u, 0, 0, -5ull});
  OP("cvt.u64.u32 %d0, %r1;", "dr", {-5u, 0, 0, 0xfffffffb});
  OP("cvt.u32.u64 %r0, %d1;", "rd", {0x123456789ull, 0, 0, 0x23456789});
  OP("cvt.u32.u16 %r0, %h1;", "rh", {0x8000, 0, 0, 0x8000});
  OP("cvt.s32.s16 %r0, %h1;", "rh", {0x8000, 0, 0, 0xffff8000});
  OP("cvt.s32.s8 %r0, %r1;", "rr", {0x180, 0, 0, 0xffffff80});
  OP("cvt.u16.u32 %h0, %r1;", "hr", {0x12345, 0, 0, 0x2345});
  OP("cvt.sat.u16.s32 %h0, %r1;", "hr", {-5u, 0, 0, 0}, {70000, 0, 0, 65535});
  OP("mov.b32 %r0, {%h1, %h2};", "rhh", {0x1111, 0x2222, 0, 0x22221111});
  OP("mov.b64 %d0, {%r1, %r2};", "drr", {1, 2, 0, 0x200000001});
  OP("mov.b32 {%h0, %h3}, %r1;", "hr", {0x22221111, 0, 0, 0x1111});
  OP("mov.b64 {%r3, %r0}, %d1;", "rd", {0x200000001, 0, 0, 2});
}

CARD(predicates) {
  OP("setp.lt.s32 %p0, %r1, %r2;", "prr", {-1u, 1, 0, 1}, {1, 1, 0, 0});
  OP("setp.lo.u32 %p0, %r1, %r2;", "prr", {-1u, 1, 0, 0});
  OP("setp.eq.s64 %p0, %d1, %d2;", "pdd", {1ull << 32, 1ull << 32, 0, 1}, {1ull << 32, 0, 0, 0});
  OP("setp.ne.f32 %p0, %f1, %f2;", "pff", {NAN32, f(1), 0, 0}, {f(1), f(2), 0, 1});
  OP("setp.neu.f32 %p0, %f1, %f2;", "pff", {NAN32, f(1), 0, 1}, {f(1), f(1), 0, 0});
  OP("setp.ltu.f32 %p0, %f1, %f2;", "pff", {NAN32, f(1), 0, 1}, {f(2), f(1), 0, 0});
  OP("setp.geu.f32 %p0, %f1, %f2;", "pff", {NAN32, f(1), 0, 1}, {f(0), f(1), 0, 0});
  OP("setp.num.f32 %p0, %f1, %f2;", "pff", {NAN32, f(1), 0, 0}, {f(0), f(1), 0, 1});
  OP("setp.nan.f32 %p0, %f1, %f2;", "pff", {NAN32, f(1), 0, 1}, {f(0), f(1), 0, 0});
  OP("setp.lt.and.s32 %p0, %r1, %r2, %p3;", "prrp", {1, 2, 1, 1}, {1, 2, 0, 0});
  OP("setp.lt.or.s32 %p0|%p2, %r1, %r2, !%p3;", "prrp", {3, 2, 0, 1}, {3, 2, 1, 0});
  OP("and.pred %p0, %p1, %p2;", "ppp", {1, 1, 0, 1}, {1, 0, 0, 0});
  OP("not.pred %p0, %p1;", "pp", {1, 0, 0, 0}, {0, 0, 0, 1});
  OP("mov.pred %p0, %p1;", "pp", {1, 0, 0, 1}, {0, 0, 0, 0});
  OP("selp.f32 %f0, %f1, %f2, %p3;", "fffp", {1, 2, 1, 1}, {1, 2, 0, 2});
  OP("@%p2 mov.u32 %r1, 7;\n mov.u32 %r0, %r1;", "rrp", {1, 1, 0, 7}, {1, 0, 0, 1});
  OP("@!%p2 bra OUT;\n mov.u32 %r1, 7;\nOUT: mov.u32 %r0, %r1;", "rrp", {1, 1, 0, 7}, {1, 0, 0, 1}, {2, 0, 0, 2}, {3, 1, 0, 7});
}

CARD(memory_widths) {
  OP("ld.global.s8 %r0, [%x2];", "rr", {0x80, 0, 0, 0xffffff80});
  OP("ld.global.u8 %h0, [%x2+1];", "hr", {0x8000, 0, 0, 0x80});
  OP("ld.global.s16 %d0, [%x2];", "dr", {0x8000, 0, 0, -0x8000ull});
  OP("ld.global.v2.u32 {%r3, %r0}, [%x2];", "rr", {0x200000001, 0, 0, 2});
  OP("ld.global.v4.u16 {%h1, %h2, %h0, %h3}, [%x2];", "hr", {0x0004000300020001, 0, 0, 3});
  OP("st.global.u8 [%x2], %r1;\nld.global.u32 %r0, [%x2];", "rr", {0x11223344, 0, 0, 0x11223344});
  OP("st.global.v2.b32 [%x2], {%r2, %r1};\nld.global.u64 %d0, [%x2];", "drr", {1, 2, 0, 0x100000002});
  OP("atom.global.add.u32 %r0, [%x2], 5;\nld.global.u32 %r3, [%x2];\nadd.s32 %r0, %r0, %r3;", "rr", {10, 0, 0, 25});
  OP("atom.global.add.f32 %f0, [%x2], %f2;\nld.global.f32 %f0, [%x2];", "fff", {f(1), f(2), 0, f(3)});
  OP("atom.global.cas.b32 %r0, [%x2], %r2, 9;\nld.global.u32 %r0, [%x2];", "rrr", {4, 4, 0, 9}, {4, 5, 0, 4});
  OP("atom.global.max.s32 %r3, [%x2], 1;\nld.global.u32 %r0, [%x2];", "rr", {-4u, 0, 0, 1});
  OP("atom.global.exch.b64 %d0, [%x2], 7;", "dd", {4, 0, 0, 4});
  OP("atom.global.inc.u32 %r3, [%x2], 4;\nld.global.u32 %r0, [%x2];", "rr", {4, 0, 0, 0}, {3, 0, 0, 4});
  OP("red.global.add.f64 [%x2], %g2;\nld.global.f64 %g0, [%x2];", "ggg", {g(1), g(2), 0, g(3)});
  OP("atom.global.add.noftz.f16x2 %r3, [%x2], %r2;\nld.global.u32 %r0, [%x2];", "rrr", {0x3c003c00, 0x3c004000, 0, 0x40004200});
}

/* ---- what is not understood ---- */

static void refused(const char *text, const char *words) {
  CUmodule m;
  FAILS(cuModuleLoadData(&m, text), CUDA_ERROR_INVALID_PTX);
  TELLS(CUDA_ERROR_INVALID_PTX, words);
}

TEST(what_is_not_understood_is_told_with_its_line) {
  refused("no PTX", "this is no PTX text");
  refused(kernel_of("wgmma.fence.sync.aligned;", "rr", 90), "instruction 'wgmma.fence.sync.aligned' is outside");
  refused(kernel_of("\n\nadd.rz.f32 %f0, %f1, %f1;", "ff", 90), "PTX line 26: instruction 'add.rz.f32'");
  refused(kernel_of("add.s32 %r0, %r1, %d1;", "rr", 90), "register %d1 has 8 bytes");
  refused(kernel_of("add.s32 %r0, %r1, %nothing;", "rr", 90), "operand '%nothing' is not known");
  refused(kernel_of("bra NOWHERE;", "rr", 90), "there is no label NOWHERE");
  refused(kernel_of("bar.sync 0, 32;", "rr", 90), "barriers of a part of a block");
  refused(kernel_of("add.s32 %r0, %r1", "rr", 90), "stands where");
  refused(kernel_of("shfl.bfly.b32 %r0, %r1, 1, 31;", "rr", 90), "use shfl.sync");
  refused(".version 7.0\n.target sm_70\n.func (.param .b32 r) f() { ret; }\n", "PTX line 3: functions that are called");
}

TEST_WITH(ptx_for_a_newer_card_is_refused, "FAKECUDA_CAPABILITY=75") {
  refused(kernel_of("", "rr", 80), "target sm_80 does not run on a device of capability 7.5");
  module_of_text(kernel_of("", "rr", 75));
}

TEST(the_reason_goes_to_the_error_log) {
  CUmodule m;
  char log[256] = "";
  CUjit_option options[] = {CU_JIT_ERROR_LOG_BUFFER, CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES};
  FAILS(cuModuleLoadDataEx(&m, kernel_of("frobnicate;", "rr", 80), 2, options, ARGS(log, (void *)sizeof log)), CUDA_ERROR_INVALID_PTX);
  CHECK(strstr(log, "frobnicate"), "log: %s", log);
}

CARD(variables_of_a_module) {
  CUmodule m = module_of_text(".version 7.0\n.target sm_70\n.address_size 64\n"
                              ".visible .global .align 4 .u32 counts[3] = {1, 2};\n.visible .const .align 4 .f32 half = 0f3F000000;\n"
                              ".visible .entry read(.param .u64 p) {\n.reg .b32 %r<4>;\n.reg .f32 %f1;\n.reg .b64 %rd1;\n"
                              "ld.param.u64 %rd1, [p];\nld.global.u32 %r1, [counts+4];\nld.const.f32 %f1, [half];\n"
                              "st.global.u32 [%rd1], %r1;\nst.global.f32 [%rd1+4], %f1;\nret;\n}\n");
  CUdeviceptr p, out = upload(NULL, 8);
  size_t n;
  OK(cuModuleGetGlobal(&p, &n, m, "counts"));
  uint32_t got[3];
  CHECK(n == 12);
  download(got, p, 12);
  CHECK(got[0] == 1 && got[1] == 2 && got[2] == 0);
  OK(finish(function_in(m, "read"), 1, 1, 0, ARGS(&out)));
  download(got, out, 8);
  CHECK(got[0] == 2 && got[1] == 0x3f000000);
  FAILS(cuModuleGetGlobal(&p, &n, m, "none"), CUDA_ERROR_NOT_FOUND);
}
