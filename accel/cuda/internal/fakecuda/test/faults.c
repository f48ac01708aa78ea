/* What the double finds in kernels: each check is made to speak by a kernel that is wrong in that way (faults.ptx, copies.ptx). */
#include "test.h"

static CUdeviceptr memory; /* 64 words, 0 to 63 */

static CUresult run(const char *name, unsigned threads, unsigned n) {
  uint32_t words[64];
  for (uint32_t i = 0; i < 64; i++)
    words[i] = i;
  if (!memory)
    memory = upload(words, sizeof words);
  return finish(function_in(module_of_file(strncmp(name, "copy_", 5) ? "faults.ptx" : "copies.ptx"), name), 1, threads, 0, ARGS(&memory, &n));
}

#define FAULT(test, kernel, threads, n, code, words)                           \
  TEST(test) {                                                                 \
    FAILS(run(kernel, threads, n), code);                                      \
    TELLS(code, words);                                                        \
    TELLS(code, "kernel " kernel);                                             \
    TELLS(code, "PTX line ");                                                  \
    CUdeviceptr p;                                                             \
    FAILS(cuMemAlloc(&p, 4), code); /* a fault stays */                        \
  }

FAULT(a_store_past_an_allocation_is_found, "store_past", 32, 33, CUDA_ERROR_ILLEGAL_ADDRESS, "out-of-bounds global store of 4 bytes at 256 of 256")
FAULT(a_store_far_from_any_allocation_is_found, "store_past", 32, 100000, CUDA_ERROR_ILLEGAL_ADDRESS, "in no allocation")
FAULT(a_misaligned_load_is_found, "load_misaligned", 1, 0, CUDA_ERROR_MISALIGNED_ADDRESS, "misaligned global load of 4 bytes")
FAULT(a_misaligned_vector_is_found, "vector_misaligned", 1, 0, CUDA_ERROR_MISALIGNED_ADDRESS, "misaligned global load of 16 bytes")
FAULT(a_store_past_shared_memory_is_found, "shared_past", 32, 1, CUDA_ERROR_ILLEGAL_ADDRESS, "out-of-bounds shared store of 4 bytes at 128 of 128")
FAULT(a_misaligned_shared_load_is_found, "shared_misaligned", 1, 0, CUDA_ERROR_MISALIGNED_ADDRESS, "misaligned shared load")
FAULT(a_store_past_local_memory_is_found, "local_past", 32, 4, CUDA_ERROR_ILLEGAL_ADDRESS, "out-of-bounds local store of 4 bytes at 16 of 16")
FAULT(a_store_across_the_end_of_local_memory_is_found, "local_across", 1, 0, CUDA_ERROR_ILLEGAL_ADDRESS, "out-of-bounds local store of 8 bytes at 8 of 12")
FAULT(a_read_of_what_another_thread_writes_is_a_race, "race_read", 32, 1, CUDA_ERROR_LAUNCH_FAILED, "race: reads byte 4 that thread 1 wrote")
FAULT(a_read_across_warps_is_a_race, "race_read", 64, 32, CUDA_ERROR_LAUNCH_FAILED, "race: writes byte 128 that thread 0 read")
FAULT(a_write_of_what_another_thread_reads_is_a_race, "race_write", 32, 1, CUDA_ERROR_LAUNCH_FAILED, "race: writes byte 0 that thread 31 read")
FAULT(two_writes_of_one_word_are_a_race, "race_both_write", 32, 0, CUDA_ERROR_LAUNCH_FAILED, "race: writes byte 0 that thread 0 wrote")
FAULT(a_write_and_an_atomic_of_another_are_a_race, "atomics", 64, 1, CUDA_ERROR_LAUNCH_FAILED, "race: writes byte 0 that thread 0 wrote")
FAULT(an_atomic_and_a_read_of_another_are_a_race, "atomics", 64, 2, CUDA_ERROR_LAUNCH_FAILED, "race: reads byte 0 that several threads wrote")
FAULT(a_warp_barrier_does_not_order_the_block, "race_warps", 64, 32, CUDA_ERROR_LAUNCH_FAILED, "race: ")
FAULT(barriers_apart_within_a_warp_are_found, "barrier_apart", 32, 16, CUDA_ERROR_LAUNCH_FAILED, "divergent barrier")
FAULT(barriers_apart_across_warps_are_found, "barrier_apart", 64, 32, CUDA_ERROR_LAUNCH_FAILED, "divergent barrier")
FAULT(a_barrier_that_some_miss_is_found, "barrier_missed", 64, 40, CUDA_ERROR_LAUNCH_FAILED, "barrier reached by 40 of 64 threads")
FAULT(a_shuffle_with_lanes_that_have_exited_is_found, "shuffle_exited", 32, 20, CUDA_ERROR_LAUNCH_FAILED, "lanes 0xfff00000 of warp 0 are named, but have exited")
FAULT(a_shuffle_that_reads_a_lane_outside_is_found, "shuffle_outside", 32, 0, CUDA_ERROR_LAUNCH_FAILED, "shfl reads lane 16, which takes no part")
FAULT(a_shuffle_for_which_lanes_do_not_come_is_found, "shuffle_apart", 32, 0, CUDA_ERROR_LAUNCH_FAILED, "lanes 0xffff wait for the lanes 0xffff0000")
FAULT(a_lane_that_does_not_name_itself_is_found, "not_named", 32, 0, CUDA_ERROR_LAUNCH_FAILED, "the thread is not among the lanes 0xff")
FAULT(a_trap_is_told, "trapped", 1, 0, CUDA_ERROR_ILLEGAL_INSTRUCTION, "trap")
FAULT(a_copy_that_is_not_waited_for_is_found, "copy_forgotten", 1, 0, CUDA_ERROR_LAUNCH_FAILED, "asynchronous copies that it has not waited for")
FAULT(a_copy_read_by_others_without_a_barrier_is_a_race, "copy_race", 32, 0, CUDA_ERROR_LAUNCH_FAILED, "race: ")
FAULT(a_copy_that_lands_after_the_barrier_is_a_race, "copy_late", 32, 0, CUDA_ERROR_LAUNCH_FAILED, "race: ")

TEST_WITH(a_loop_without_end_is_found, "FAKECUDA_STEPS=100000") {
  FAILS(run("endless", 32, 0), CUDA_ERROR_LAUNCH_TIMEOUT);
  TELLS(CUDA_ERROR_LAUNCH_TIMEOUT, "no end after 100000 instructions");
}

TEST(reads_within_bounds_and_order_are_no_fault) {
  uint32_t got[64];
  OK(run("store_past", 32, 32));
  OK(run("shared_past", 32, 0));
  OK(run("local_past", 32, 3));
  OK(run("race_read", 32, 0));
  OK(run("race_write", 64, 0));
  OK(run("barrier_missed", 64, 64));
  OK(run("shuffle_exited", 32, 32));
  OK(run("barrier_apart", 64, 64));
  OK(run("race_warps", 32, 1));
  download(got, memory, sizeof got);
  for (uint32_t i = 0; i < 32; i++)
    CHECK(got[i] == (i + 1) % 32, "%u reads %u", i, got[i]);
  OK(run("atomics", 64, 0));
  OK(run("atomics", 1, 2)); /* one thread is in order with itself */
  OK(run("neighbours", 64, 0));
  download(got, memory, sizeof got);
  for (uint32_t i = 0; i < 64; i++)
    CHECK(got[i] == 2 * i, "%u reads %u", i, got[i]);
}

TEST(fresh_memory_is_nan) {
  uint32_t got[4] = {0};
  CUdeviceptr p = upload(NULL, sizeof got);
  OK(finish(function_in(module_of_file("faults.ptx"), "unwritten"), 1, 1, 0, ARGS(&p, &(unsigned){0})));
  download(got, p, sizeof got);
  for (int i = 0; i < 4; i++)
    CHECK(got[i] == 0xffffffff, "word %d is %x", i, got[i]);
  void *host;
  OK(cuMemHostAlloc(&host, 4, 0));
  CHECK(*(uint32_t *)host == 0xffffffff);
}

TEST(an_asynchronous_copy_lands_when_it_is_waited_for) {
  for (unsigned n = 0; n < 3; n++) {
    uint32_t words[64], got[64];
    for (uint32_t i = 0; i < 64; i++)
      words[i] = 1000 + i;
    CUdeviceptr p = upload(words, sizeof words);
    OK(finish(function_in(module_of_file("copies.ptx"), "copy_async"), 1, 16, 0, ARGS(&p, &n)));
    download(got, p, sizeof got);
    for (uint32_t t = 0; t < 16; t++) {
      CHECK(got[4 * t + 1] == (n == 1 ? words[4 * t] : 0xffffffff), "n %u thread %u reads %x early", n, t, got[4 * t + 1]);
      CHECK(got[4 * t + 2] == words[4 * t + 3], "n %u thread %u reads %x", n, t, got[4 * t + 2]);
    }
  }
}

TEST(freed_memory_is_found) {
  CUdeviceptr p = upload(NULL, 256);
  OK(cuMemFree(p));
  CUfunction f = function_in(module_of_file("faults.ptx"), "store_past");
  FAILS(finish(f, 1, 1, 0, ARGS(&p, &(unsigned){0})), CUDA_ERROR_ILLEGAL_ADDRESS);
  TELLS(CUDA_ERROR_ILLEGAL_ADDRESS, "in freed memory");
}

TEST_WITH(memory_of_another_card_is_found, "FAKECUDA_DEVICES=2") {
  CUcontext other;
  OK(cuCtxCreate(&other, 0, 1));
  CUdeviceptr p = upload(NULL, 256);
  OK(cuCtxPopCurrent(NULL));
  CUfunction f = function_in(module_of_file("faults.ptx"), "store_past");
  FAILS(finish(f, 1, 1, 0, ARGS(&p, &(unsigned){0})), CUDA_ERROR_ILLEGAL_ADDRESS);
  TELLS(CUDA_ERROR_ILLEGAL_ADDRESS, "in memory of device 1");
}

/* The lowest block that fails is told, however many cores run them and whichever fails first. */
static void lowest_block(unsigned rounds, unsigned rounds_of_others) {
  CUdeviceptr p = upload(NULL, 4096);
  CUfunction f = function_in(module_of_text(
      ".version 7.0\n.target sm_70\n.address_size 64\n"
      ".visible .entry late(.param .u64 p, .param .u32 a, .param .u32 b) {\n.reg .pred %p<4>;\n.reg .b32 %r<6>;\n.reg .b64 %rd<4>;\n"
      "ld.param.u64 %rd1, [p];\nld.param.u32 %r2, [a];\nld.param.u32 %r3, [b];\nmov.u32 %r1, %ctaid.x;\nsetp.lt.u32 %p1, %r1, 300;\n@%p1 bra END;\n"
      "setp.eq.u32 %p2, %r1, 300;\nselp.b32 %r4, %r2, %r3, %p2;\n"
      "AGAIN: sub.s32 %r4, %r4, 1;\nsetp.gt.s32 %p3, %r4, 0;\n@%p3 bra AGAIN;\n"
      "mul.wide.u32 %rd2, %r1, 65536;\nadd.s64 %rd3, %rd1, %rd2;\nst.global.u32 [%rd3], %r1;\nEND: ret;\n}\n"), "late");
  FAILS(finish(f, 1000, 256, 0, ARGS(&p, &rounds, &rounds_of_others)), CUDA_ERROR_ILLEGAL_ADDRESS);
  TELLS(CUDA_ERROR_ILLEGAL_ADDRESS, "block 300,0,0, thread 0)");
}
TEST_WITH(the_fault_of_the_lowest_block_is_told_by_one_core, "FAKECUDA_CORES=1") { lowest_block(1, 1); }
TEST_WITH(the_fault_of_the_lowest_block_is_told_if_it_comes_last, "FAKECUDA_CORES=4") { lowest_block(100000, 1); }
TEST_WITH(the_fault_of_the_lowest_block_is_told_if_it_comes_first, "FAKECUDA_CORES=4") { lowest_block(20000, 100000); }
