/* The kernels of simple.h in the machine's own words. */
#include "simple.h"

/* add: p[i] += n; scale: p[i] *= n; wide: 64 KiB of dynamic shared memory, p[i] = its last word */
const char simple_kernels[] =
    ".version 7.0\n.target sm_70\n.address_size 64\n.extern .shared .align 16 .b8 dyn[];\n"
#define ONE(name, op)                                                                                                                   \
  ".visible .entry " name "(.param .u64 p, .param .u32 n)\n{\n.reg .b32 %r<8>;\n.reg .b64 %rd<4>;\nld.param.u64 %rd1, [p];\n"           \
  "ld.param.u32 %r1, [n];\nmov.u32 %r2, %tid.x;\nmul.wide.u32 %rd2, %r2, 4;\nadd.s64 %rd3, %rd1, %rd2;\nld.global.u32 %r3, [%rd3];\n"    \
  op " %r4, %r3, %r1;\nst.global.u32 [%rd3], %r4;\nret;\n}\n"
    ONE("add", "add.s32") ONE("scale", "mul.lo.s32")
    ".visible .entry wide(.param .u64 p)\n{\n.reg .b32 %r<8>;\n.reg .b64 %rd<4>;\nld.param.u64 %rd1, [p];\nmov.u32 %r1, dyn;\n"
    "mov.u32 %r2, 7;\nst.shared.u32 [%r1+65532], %r2;\nld.shared.u32 %r3, [%r1+65532];\nst.global.u32 [%rd1], %r3;\nret;\n}\n"
    ".visible .entry much(.param .u64 p)\n{\n.shared .align 4 .b8 s[40000];\nret;\n}\n"
    ".visible .entry few(.param .u64 p)\n.maxntid 64, 1, 1\n{\nret;\n}\n";

CUfunction simple(const char *name) {
  static CUmodule m;
  if (!m)
    m = module_of_text(simple_kernels);
  return function_in(m, name);
}

uint32_t first(CUdeviceptr p) {
  uint32_t v;
  download(&v, p, 4);
  return v;
}

CUdeviceptr word(uint32_t v) { return upload(&v, 4); }

CUstream stream(unsigned flags) {
  CUstream s;
  OK(cuStreamCreate(&s, flags));
  return s;
}

CUevent event(void) {
  CUevent e;
  OK(cuEventCreate(&e, CU_EVENT_DISABLE_TIMING));
  return e;
}

uint32_t *pinned(void) {
  void *p;
  OK(cuMemHostAlloc(&p, 4096, 0));
  return p;
}
