/* Lanes that part and meet, exchange, vote and wait. */
#include "test.h"

/* A kernel of one body over %r1 = the thread, which leaves its result in %r2 for out[thread]. */
static char *body(const char *text) {
  char *ptx = malloc(8192);
  sprintf(ptx, ".version 7.1\n.target sm_80\n.address_size 64\n.extern .shared .align 16 .b8 dyn[];\n.visible .entry k(.param .u64 out)\n{\n"
               ".reg .pred %%p<8>;\n.reg .b32 %%r<32>;\n.reg .b64 %%rd<4>;\n.reg .f32 %%f<4>;\n.shared .align 4 .b8 s[4096];\n"
               "ld.param.u64 %%rd1, [out];\nmov.u32 %%r1, %%tid.x;\n%s\nmul.wide.u32 %%rd2, %%r1, 4;\nadd.s64 %%rd3, %%rd1, %%rd2;\n"
               "st.global.u32 [%%rd3], %%r2;\nret;\n}\n", text);
  return ptx;
}

static uint32_t out[1024];
static void run(const char *text, unsigned threads) {
  CUdeviceptr p = upload(NULL, sizeof out);
  OK(finish(function_in(module_of_text(body(text)), "k"), 1, threads, 256, ARGS(&p)));
  download(out, p, sizeof out);
}
#define EACH(threads, ...)                                                     \
  for (uint32_t t = 0; t < (threads); t++) {                                   \
    uint32_t want = (uint32_t)(__VA_ARGS__);                                   \
    CHECK(out[t] == want, "thread %u gives %u, not %u", t, out[t], want);      \
  }

CARD(shuffles) {
  run("shfl.sync.bfly.b32 %r2, %r1, 5, 31, -1;", 32);
  EACH(32, t ^ 5)
  run("shfl.sync.down.b32 %r2|%p1, %r1, 4, 31, -1;\n@!%p1 mov.u32 %r2, 99;", 32);
  EACH(32, t < 28 ? t + 4 : 99)
  run("shfl.sync.up.b32 %r2|%p1, %r1, 4, 0, -1;\n@!%p1 add.s32 %r2, %r2, 100;", 32);
  EACH(32, t >= 4 ? t - 4 : t + 100)
  run("shfl.sync.idx.b32 %r2, %r1, 3, 31, -1;", 32);
  EACH(32, 3)
  run("shfl.sync.bfly.b32 %r2, %r1, 8, 0x101f, -1;", 32); /* halves of 16 */
  EACH(32, t ^ 8)
  run("shfl.sync.idx.b32 %r2, %r1, 1, 0x181f, -1;", 32); /* groups of 8 */
  EACH(32, t / 8 * 8 + 1)
  run("shfl.sync.up.b32 %r2, %r1, 1, 0, -1;", 20); /* a warp that is not full */
  EACH(20, t ? t - 1 : 0)
}

CARD(votes) {
  run("setp.gt.u32 %p1, %r1, 20;\nvote.sync.ballot.b32 %r2, %p1, -1;", 32);
  EACH(32, 0xffe00000)
  run("setp.lt.u32 %p1, %r1, 99;\nvote.sync.all.pred %p2, %p1, -1;\nselp.b32 %r2, 1, 0, %p2;", 32);
  EACH(32, 1)
  run("setp.lt.u32 %p1, %r1, 31;\nvote.sync.all.pred %p2, %p1, -1;\nselp.b32 %r2, 1, 0, %p2;", 32);
  EACH(32, 0)
  run("setp.eq.u32 %p1, %r1, 7;\nvote.sync.any.pred %p2, %p1, -1;\nselp.b32 %r2, 1, 0, %p2;", 32);
  EACH(32, 1)
  run("setp.eq.u32 %p1, %r1, 7;\nvote.sync.uni.pred %p2, !%p1, -1;\nselp.b32 %r2, 1, 0, %p2;", 32);
  EACH(32, 0)
}

CARD(reductions_and_matches) {
  run("redux.sync.add.u32 %r2, %r1, -1;", 32);
  EACH(32, 496)
  run("sub.s32 %r3, %r1, 16;\nredux.sync.min.s32 %r2, %r3, -1;", 32);
  EACH(32, -16)
  run("redux.sync.xor.b32 %r2, %r1, -1;", 31);
  EACH(31, 31)
  run("and.b32 %r3, %r1, 1;\nmatch.any.sync.b32 %r2, %r3, -1;", 32);
  EACH(32, t & 1 ? 0xaaaaaaaa : 0x55555555)
}

TEST(special_registers) {
  run("mov.u32 %r2, %laneid;\nmov.u32 %r3, %warpid;\nmad.lo.s32 %r2, %r3, 100, %r2;", 96);
  EACH(96, t / 32 * 100 + t % 32)
  run("mov.u32 %r2, %lanemask_lt;\nmov.u32 %r3, %lanemask_ge;\nand.b32 %r4, %r2, %r3;\nor.b32 %r5, %r2, %r3;\nadd.s32 %r2, %r4, %r5;", 32);
  EACH(32, 0xffffffff)
  run("mov.u32 %r2, %ntid.x;\nmov.u32 %r3, %nctaid.x;\nadd.s32 %r2, %r2, %r3;", 40);
  EACH(40, 41)
}

/* Lanes go round a loop as often as their number says, then all shuffle. */
TEST(lanes_that_part_meet_again) {
  run("mov.u32 %r3, 0;\nmov.u32 %r4, 0;\nAGAIN:\nsetp.ge.u32 %p1, %r3, %r1;\n@%p1 bra DONE;\nadd.s32 %r4, %r4, %r3;\nadd.s32 %r3, %r3, 1;\n"
      "bra AGAIN;\nDONE:\nshfl.sync.bfly.b32 %r2, %r4, 1, 31, -1;", 64);
  EACH(64, (t ^ 1) * ((t ^ 1) - 1) / 2)
  /* branches within branches, back to one activemask */
  run("and.b32 %r3, %r1, 1;\nand.b32 %r4, %r1, 2;\nmov.u32 %r5, 0;\nsetp.eq.u32 %p1, %r3, 0;\nsetp.eq.u32 %p2, %r4, 0;\n@%p1 bra EVEN;\n"
      "@%p2 bra ODD_LOW;\nadd.s32 %r5, %r5, 1;\nbra OUT;\nODD_LOW:\nadd.s32 %r5, %r5, 10;\nbra OUT;\nEVEN:\nadd.s32 %r5, %r5, 100;\n"
      "OUT:\nactivemask.b32 %r6;\npopc.b32 %r6, %r6;\nmad.lo.s32 %r2, %r6, 1000, %r5;", 32);
  EACH(32, 32000 + (t & 1 ? t & 2 ? 1 : 10 : 100))
}

/* A shuffle of the lanes of one branch, and one of the other. */
CARD(groups_exchange_apart) {
  run("setp.lt.u32 %p1, %r1, 16;\n@%p1 bra LOW;\nshfl.sync.bfly.b32 %r2, %r1, 1, 31, 0xffff0000;\nbra OUT;\n"
      "LOW:\nshfl.sync.bfly.b32 %r2, %r1, 2, 31, 0xffff;\nOUT:", 32);
  EACH(32, t < 16 ? t ^ 2 : t ^ 1)
}

CARD(barriers_order_shared_memory) {
  run("mov.u32 %r3, s;\nshl.b32 %r4, %r1, 2;\nadd.s32 %r3, %r3, %r4;\nst.shared.u32 [%r3], %r1;\nbar.sync 0;\nmov.u32 %r5, s;\n"
      "mov.u32 %r6, %ntid.x;\nsub.s32 %r6, %r6, 1;\nsub.s32 %r6, %r6, %r1;\nshl.b32 %r6, %r6, 2;\nadd.s32 %r5, %r5, %r6;\n"
      "ld.shared.u32 %r2, [%r5];\nbarrier.sync.aligned 0;\nst.shared.u32 [%r3], %r2;", 200);
  EACH(200, 199 - t)
  run("setp.lt.u32 %p1, %r1, 70;\nbar.red.popc.u32 %r2, 0, %p1;", 128);
  EACH(128, 70)
  run("setp.lt.u32 %p1, %r1, 70;\nbar.red.and.pred %p2, 0, %p1;\nbar.red.or.pred %p3, 0, %p1;\nselp.b32 %r2, 1, 0, %p2;\nselp.b32 %r3, 2, 0, %p3;\n"
      "add.s32 %r2, %r2, %r3;", 128);
  EACH(128, 2)
}

/* Generic addresses of shared and local memory, and dynamic shared memory behind the static. */
TEST(windows_of_shared_and_local_memory) {
  run(".local .align 8 .b8 depot[16];\n.reg .b64 %q<6>;\nmov.u64 %q1, depot;\ncvta.local.u64 %q2, %q1;\nst.u32 [%q2+8], %r1;\n"
      "ld.local.u32 %r3, [%q1+8];\nmov.u64 %q3, dyn;\ncvta.shared.u64 %q4, %q3;\nmul.wide.u32 %rd2, %r1, 4;\nadd.s64 %q4, %q4, %rd2;\n"
      "st.u32 [%q4], %r3;\nld.u32 %r4, [%q4];\ncvta.to.shared.u64 %q5, %q4;\nld.shared.u32 %r5, [%q5];\nadd.s32 %r2, %r4, %r5;", 64);
  EACH(64, 2 * t)
  CUdeviceptr p = upload(NULL, sizeof out);
  CUfunction f = function_in(module_of_text(body("mov.u32 %r3, dyn;\nst.shared.u32 [%r3+256], %r1;")), "k");
  FAILS(finish(f, 1, 1, 256, ARGS(&p)), CUDA_ERROR_ILLEGAL_ADDRESS);
  TELLS(CUDA_ERROR_ILLEGAL_ADDRESS, "out-of-bounds shared store of 4 bytes at 4352 of 4352");
}

CARD(grids_and_blocks_of_three_dimensions) {
  CUmodule m = module_of_text(
      ".version 7.0\n.target sm_70\n.address_size 64\n.visible .entry k(.param .u64 out)\n{\n.reg .b32 %r<20>;\n.reg .b64 %rd<4>;\n"
      "ld.param.u64 %rd1, [out];\nmov.u32 %r1, %tid.x;\nmov.u32 %r2, %tid.y;\nmov.u32 %r3, %tid.z;\nmov.u32 %r4, %ctaid.x;\nmov.u32 %r5, %ctaid.y;\n"
      "mov.u32 %r6, %ctaid.z;\nmad.lo.s32 %r7, %r6, 2, %r5;\nmad.lo.s32 %r7, %r7, 3, %r4;\nmad.lo.s32 %r7, %r7, 2, %r3;\nmad.lo.s32 %r7, %r7, 3, %r2;\n"
      "mad.lo.s32 %r7, %r7, 5, %r1;\nmul.wide.u32 %rd2, %r7, 4;\nadd.s64 %rd3, %rd1, %rd2;\nst.global.u32 [%rd3], %r7;\nret;\n}\n");
  CUdeviceptr p = upload(NULL, sizeof out);
  OK(cuLaunchKernel(function_in(m, "k"), 3, 2, 2, 5, 3, 2, 0, NULL, ARGS(&p), NULL));
  download(out, p, 4 * 360);
  EACH(360, t)
}

/* What is not ordered gives the same with any number of cores. */
static uint64_t many_blocks(void) {
  CUmodule m = module_of_text(
      ".version 7.0\n.target sm_70\n.address_size 64\n.visible .entry k(.param .u64 out, .param .u64 sum)\n{\n.reg .b32 %r<20>;\n.reg .f32 %f<4>;\n"
      ".reg .b64 %rd<6>;\nld.param.u64 %rd1, [out];\nld.param.u64 %rd4, [sum];\nmov.u32 %r1, %tid.x;\nmov.u32 %r2, %ctaid.x;\nmad.lo.s32 %r3, %r2, 256, %r1;\n"
      "cvt.rn.f32.u32 %f1, %r3;\nsin.approx.f32 %f2, %f1;\nmul.wide.u32 %rd2, %r3, 4;\nadd.s64 %rd3, %rd1, %rd2;\nst.global.f32 [%rd3], %f2;\n"
      "atom.global.add.f32 %f3, [%rd4], %f2;\nret;\n}\n");
  float zero = 0, *all = malloc(4 << 18);
  CUdeviceptr p = upload(NULL, 4 << 18), sum = upload(&zero, 4);
  OK(finish(function_in(m, "k"), 1 << 10, 256, 0, ARGS(&p, &sum)));
  download(all, p, 4 << 18);
  uint64_t hash = 1;
  for (int i = 0; i < 1 << 18; i++) {
    uint32_t bits;
    memcpy(&bits, &all[i], 4);
    hash = hash * 31 + bits;
  }
  uint32_t bits;
  download(&bits, sum, 4);
  return hash * 31 + bits;
}
TEST(cores_do_not_change_results) {
  setenv("FAKECUDA_CORES", "1", 1);
  uint64_t one = many_blocks();
  setenv("FAKECUDA_CORES", "4", 1);
  CHECK(many_blocks() == one);
}
