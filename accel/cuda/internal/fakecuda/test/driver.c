/* The driver's calls: contexts and threads, memory, order of work, limits. */
#include "test.h"
#include <pthread.h>

CUresult cuMemAllocAsync(CUdeviceptr *, size_t, CUstream);
CUresult cuMemFreeAsync(CUdeviceptr, CUstream);
CUresult cuMemHostRegister_v2(void *, size_t, unsigned);
CUresult cuMemHostUnregister(void *);
CUresult cuLaunchHostFunc(CUstream, CUhostFn, void *);
CUresult cuDeviceGetDefaultMemPool(void **, CUdevice);

/* add: p[i] += n; scale: p[i] *= n; wide: 64 KiB of dynamic shared memory, p[i] = its last word */
static const char kernels[] =
    ".version 7.0\n.target sm_70\n.address_size 64\n.extern .shared .align 16 .b8 dyn[];\n"
#define ONE(name, op)                                                                                                                   \
  ".visible .entry " name "(.param .u64 p, .param .u32 n)\n{\n.reg .b32 %r<8>;\n.reg .b64 %rd<4>;\nld.param.u64 %rd1, [p];\n"           \
  "ld.param.u32 %r1, [n];\nmov.u32 %r2, %tid.x;\nmul.wide.u32 %rd2, %r2, 4;\nadd.s64 %rd3, %rd1, %rd2;\nld.global.u32 %r3, [%rd3];\n"    \
  op " %r4, %r3, %r1;\nst.global.u32 [%rd3], %r4;\nret;\n}\n"
    ONE("add", "add.s32") ONE("scale", "mul.lo.s32")
    ".visible .entry wide(.param .u64 p)\n{\n.reg .b32 %r<8>;\n.reg .b64 %rd<4>;\nld.param.u64 %rd1, [p];\nmov.u32 %r1, dyn;\n"
    "mov.u32 %r2, 7;\nst.shared.u32 [%r1+65532], %r2;\nld.shared.u32 %r3, [%r1+65532];\nst.global.u32 [%rd1], %r3;\nret;\n}\n"
    ".visible .entry few(.param .u64 p)\n.maxntid 64, 1, 1\n{\nret;\n}\n";

static CUfunction kernel(const char *name) {
  static CUmodule m;
  if (!m)
    m = module_of_text(kernels);
  return function_in(m, name);
}

static uint32_t first(CUdeviceptr p) {
  uint32_t v;
  download(&v, p, 4);
  return v;
}

static CUdeviceptr word(uint32_t v) { return upload(&v, 4); }

static CUstream stream(unsigned flags) {
  CUstream s;
  OK(cuStreamCreate(&s, flags));
  return s;
}

static CUevent event(void) {
  CUevent e;
  OK(cuEventCreate(&e, CU_EVENT_DISABLE_TIMING));
  return e;
}

static uint32_t *pinned(void) {
  void *p;
  OK(cuMemHostAlloc(&p, 4096, 0));
  return p;
}

/* ---- devices ---- */

BARE(without_a_card_there_is_none, "FAKECUDA_DEVICES=0") {
  int n = 9;
  FAILS(cuInit(0), CUDA_ERROR_NO_DEVICE);
  OK(cuDeviceGetCount(&n));
  CHECK(n == 0);
}

BARE(calls_before_the_start_fail, "") {
  int n;
  FAILS(cuDeviceGetCount(&n), CUDA_ERROR_NOT_INITIALIZED);
}

BARE(several_cards_are_counted_and_chosen, "FAKECUDA_DEVICES=3 CUDA_VISIBLE_DEVICES=2,0,7,1 FAKECUDA_VERSION=11040 FAKECUDA_MEM=1048576 FAKECUDA_CAPABILITY=86") {
  int n, major, minor, version;
  CUdevice d;
  char name[64];
  size_t bytes;
  OK(cuInit(0));
  OK(cuDeviceGetCount(&n));
  CHECK(n == 2);
  FAILS(cuDeviceGet(&d, 2), CUDA_ERROR_INVALID_DEVICE);
  OK(cuDeviceGetName(name, sizeof name, 0));
  CHECK(strstr(name, "fakecuda 2"), "%s", name);
  OK(cuDeviceTotalMem(&bytes, 0));
  CHECK(bytes == 1048576);
  OK(cuDeviceGetAttribute(&major, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR, 0));
  OK(cuDeviceGetAttribute(&minor, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR, 0));
  OK(cuDriverGetVersion(&version));
  CHECK(major == 8 && minor == 6 && version == 11040);
}

/* ---- contexts and threads ---- */

static void *elsewhere(void *arg) {
  CUdeviceptr p;
  *(CUresult *)arg = cuMemAlloc(&p, 4);
  return NULL;
}

TEST(a_thread_without_the_context_is_refused) {
  CUresult r;
  pthread_t t;
  pthread_create(&t, NULL, elsewhere, &r);
  pthread_join(t, NULL);
  FAILS(r, CUDA_ERROR_INVALID_CONTEXT);
  TELLS(r, "no context is current to this thread");
  OK(cuCtxSynchronize());
}

TEST(handles_of_another_context_are_refused) {
  CUstream s = stream(0);
  CUevent e = event();
  CUfunction f = kernel("add");
  CUdeviceptr p = word(1);
  CUcontext other;
  OK(cuCtxCreate(&other, 0, 0));
  FAILS(cuStreamSynchronize(s), CUDA_ERROR_INVALID_HANDLE);
  FAILS(cuEventRecord(e, NULL), CUDA_ERROR_INVALID_HANDLE);
  FAILS(finish(f, 1, 1, 0, ARGS(&p, &(unsigned){1})), CUDA_ERROR_INVALID_HANDLE);
  OK(cuCtxDestroy(other));
  OK(cuStreamSynchronize(s));
}

TEST(handles_after_their_end_are_refused) {
  CUstream s = stream(0);
  CUevent e = event();
  CUmodule m = module_of_text(kernels);
  CUfunction f = function_in(m, "add");
  CUdeviceptr p = word(1);
  OK(cuStreamDestroy(s));
  OK(cuEventDestroy(e));
  OK(cuModuleUnload(m));
  FAILS(cuStreamSynchronize(s), CUDA_ERROR_INVALID_HANDLE);
  FAILS(cuEventSynchronize(e), CUDA_ERROR_INVALID_HANDLE);
  FAILS(cuModuleUnload(m), CUDA_ERROR_INVALID_HANDLE);
  FAILS(finish(f, 1, 1, 0, ARGS(&p, &(unsigned){1})), CUDA_ERROR_INVALID_HANDLE);
}

TEST(the_primary_context_is_counted) {
  CUcontext a, b;
  OK(cuDevicePrimaryCtxRetain(&a, 0));
  OK(cuDevicePrimaryCtxRetain(&b, 0));
  CHECK(a == b);
  OK(cuCtxPushCurrent(a));
  OK(cuDevicePrimaryCtxRelease(0));
  OK(cuCtxSynchronize());
  OK(cuDevicePrimaryCtxRelease(0));
  FAILS(cuCtxSynchronize(), CUDA_ERROR_CONTEXT_IS_DESTROYED);
}

TEST(leaks_are_told) {
  char text[512];
  CHECK(fakecuda_leaks(text, sizeof text) == 1, "%s", text); /* the context */
  CUstream s = stream(0);
  CUevent e = event();
  CUdeviceptr p = word(1);
  uint32_t *host = pinned();
  CUmodule m = module_of_text(kernels);
  CHECK(fakecuda_leaks(text, sizeof text) == 6, "%s", text);
  CHECK(strstr(text, "1 allocations of 4 bytes") && strstr(text, "1 modules") && strstr(text, "1 pieces of pinned memory"), "%s", text);
  OK(cuStreamDestroy(s));
  OK(cuEventDestroy(e));
  OK(cuMemFree(p));
  OK(cuMemFreeHost(host));
  OK(cuModuleUnload(m));
  OK(cuCtxDestroy(context));
  CHECK(fakecuda_leaks(text, sizeof text) == 0, "%s", text);
}

/* ---- memory ---- */

TEST_WITH(memory_ends, "FAKECUDA_MEM=1000000") {
  CUdeviceptr a, b;
  size_t left, total;
  OK(cuMemAlloc(&a, 600000));
  FAILS(cuMemAlloc(&b, 400001), CUDA_ERROR_OUT_OF_MEMORY);
  TELLS(CUDA_ERROR_OUT_OF_MEMORY, "400001 bytes wanted, 600000 of 1000000 in use");
  FAILS(cuMemAlloc(&b, ~0ull), CUDA_ERROR_OUT_OF_MEMORY);
  OK(cuMemGetInfo(&left, &total));
  CHECK(left == 400000 && total == 1000000);
  OK(cuMemAlloc(&b, 400000));
  OK(cuMemFree(a));
  OK(cuMemAlloc(&a, 600000)); /* no error stays */
}

TEST(frees_that_are_wrong_are_refused) {
  CUdeviceptr p = word(1);
  FAILS(cuMemFree(p + 1), CUDA_ERROR_INVALID_VALUE);
  OK(cuMemFree(p));
  FAILS(cuMemFree(p), CUDA_ERROR_INVALID_VALUE);
  TELLS(CUDA_ERROR_INVALID_VALUE, "freed already");
  FAILS(cuMemFreeHost(&p), CUDA_ERROR_INVALID_VALUE);
}

TEST(copies_and_fills) {
  uint32_t in[4] = {1, 2, 3, 4}, out[4];
  CUdeviceptr a = upload(in, 16), b = upload(NULL, 16), base;
  size_t size;
  OK(cuMemcpyDtoD(b + 4, a, 12));
  OK(cuMemsetD32(b, 9, 1));
  download(out, b, 16);
  CHECK(out[0] == 9 && out[1] == 1 && out[3] == 3);
  OK(cuMemsetD8(b, 0xab, 3));
  OK(cuMemsetD16(b + 4, 0x1234, 2));
  download(out, b, 16);
  CHECK(out[0] == 0xababab && out[1] == 0x12341234);
  OK(cuMemGetAddressRange(&base, &size, b + 5));
  CHECK(base == b && size == 16);
  FAILS(cuMemcpyHtoD(a + 4, in, 16), CUDA_ERROR_ILLEGAL_ADDRESS);
}

TEST(pageable_memory_is_refused_in_asynchronous_copies) {
  uint32_t here = 5;
  CUdeviceptr p = word(1);
  FAILS(cuMemcpyHtoDAsync(p, &here, 4, NULL), CUDA_ERROR_INVALID_VALUE);
  TELLS(CUDA_ERROR_INVALID_VALUE, "which is not pinned");
  FAILS(cuMemcpyDtoHAsync(&here, p, 4, NULL), CUDA_ERROR_INVALID_VALUE);
  OK(cuMemHostRegister_v2(&here, 4, 0));
  OK(cuMemcpyHtoDAsync(p, &here, 4, NULL));
  CHECK(first(p) == 5);
  OK(cuMemHostUnregister(&here));
  FAILS(cuMemcpyHtoDAsync(p, &here, 4, NULL), CUDA_ERROR_INVALID_VALUE);
}

/* ---- order ---- */

TEST(nothing_is_done_before_something_waits) {
  CUstream s = stream(CU_STREAM_NON_BLOCKING);
  uint32_t *host = pinned();
  CUdeviceptr p = word(5);
  *host = 0;
  OK(start(kernel("add"), 1, 1, 0, s, ARGS(&p, &(unsigned){1})));
  OK(cuMemcpyDtoHAsync(host, p, 4, s));
  CHECK(*host == 0, "the copy was done before the stream was waited for");
  FAILS(cuStreamQuery(s), CUDA_ERROR_NOT_READY);
  OK(cuStreamSynchronize(s));
  CHECK(*host == 6);
  OK(cuStreamQuery(s));
}

TEST(a_fault_shows_when_something_waits) {
  CUdeviceptr p = word(5), gone = p + 100000;
  OK(start(kernel("add"), 1, 1, 0, NULL, ARGS(&gone, &(unsigned){1})));
  FAILS(cuCtxSynchronize(), CUDA_ERROR_ILLEGAL_ADDRESS);
  FAILS(cuMemFree(p), CUDA_ERROR_ILLEGAL_ADDRESS);
}

/* (p + 1) * 10 with the two steps in streams of their own. */
static uint32_t two_streams(bool ordered, unsigned flags) {
  CUstream a = stream(flags), b = stream(flags);
  CUdeviceptr p = word(1);
  CUevent e = event();
  OK(cuCtxSynchronize());
  OK(start(kernel("add"), 1, 1, 0, a, ARGS(&p, &(unsigned){1})));
  OK(cuEventRecord(e, a));
  if (ordered)
    OK(cuStreamWaitEvent(b, e, 0));
  OK(start(kernel("scale"), 1, 1, 0, b, ARGS(&p, &(unsigned){10})));
  OK(cuCtxSynchronize());
  return first(p);
}

TEST(a_forgotten_event_between_streams_shows) {
  bool seen[2] = {false, false};
  for (int i = 0; i < 40; i++) {
    CHECK(two_streams(true, CU_STREAM_NON_BLOCKING) == 20);
    seen[two_streams(false, CU_STREAM_NON_BLOCKING) == 20] = true;
  }
  CHECK(seen[0] && seen[1], "work that nothing orders came in one order alone");
}

/* The seed settles the order. */
TEST_WITH(a_seed_gives_one_order, "FAKECUDA_SEED=17") {
  uint32_t order = 0;
  for (int i = 0; i < 12; i++)
    order = 2 * order + (two_streams(false, 0) == 20);
  CHECK(order == 0xa1, "%x", order);
}

TEST(the_null_stream_orders_blocking_streams) {
  for (int i = 0; i < 40; i++) {
    CUstream a = stream(0), b = stream(0);
    CUdeviceptr p = word(1);
    OK(start(kernel("add"), 1, 1, 0, a, ARGS(&p, &(unsigned){1})));
    OK(start(kernel("scale"), 1, 1, 0, NULL, ARGS(&p, &(unsigned){10})));
    OK(start(kernel("add"), 1, 1, 0, b, ARGS(&p, &(unsigned){3})));
    CHECK(first(p) == 23);
  }
}

TEST(a_copy_does_not_wait_for_a_stream_that_does_not_block) {
  bool stale = false;
  for (int i = 0; i < 40; i++) {
    CUstream s = stream(CU_STREAM_NON_BLOCKING);
    CUdeviceptr p = word(1);
    OK(start(kernel("add"), 1, 1, 0, s, ARGS(&p, &(unsigned){1})));
    stale |= first(p) == 1;
    OK(cuStreamSynchronize(s));
    CHECK(first(p) == 2);
  }
  CHECK(stale, "a forgotten synchronisation did not show");
}

TEST(events_are_reached) {
  CUstream s = stream(0);
  CUevent a, b;
  CUdeviceptr p = word(1);
  float ms;
  OK(cuEventCreate(&a, 0));
  OK(cuEventCreate(&b, 0));
  OK(cuEventQuery(a)); /* never recorded */
  OK(cuEventRecord(a, s));
  OK(start(kernel("add"), 1, 1, 0, s, ARGS(&p, &(unsigned){1})));
  OK(cuEventRecord(b, s));
  FAILS(cuEventQuery(b), CUDA_ERROR_NOT_READY);
  FAILS(cuEventElapsedTime(&ms, a, b), CUDA_ERROR_NOT_READY);
  OK(cuEventSynchronize(b));
  OK(cuEventElapsedTime(&ms, a, b));
  CHECK(ms > 0);
}

static void note(void *p) { *(int *)p += 1; }

TEST(calls_of_the_host_come_in_order) {
  CUstream s = stream(0);
  int n = 0;
  OK(cuLaunchHostFunc(s, note, &n));
  CHECK(n == 0);
  OK(cuStreamSynchronize(s));
  CHECK(n == 1);
}

TEST(many_launches_do_not_pile_up) {
  CUdeviceptr p = word(0);
  for (int i = 0; i < 5000; i++)
    OK(start(kernel("add"), 1, 1, 0, NULL, ARGS(&p, &(unsigned){1})));
  CHECK(first(p) == 5000);
}

TEST(memory_in_stream_order) {
  CUstream s = stream(CU_STREAM_NON_BLOCKING);
  CUdeviceptr p;
  void *pool;
  OK(cuDeviceGetDefaultMemPool(&pool, 0));
  OK(cuMemAllocAsync(&p, 4, s));
  OK(cuMemsetD32Async(p, 4, 1, s));
  OK(start(kernel("add"), 1, 1, 0, s, ARGS(&p, &(unsigned){1})));
  OK(cuStreamSynchronize(s));
  CHECK(first(p) == 5);
  OK(cuMemFreeAsync(p, s));
  OK(start(kernel("add"), 1, 1, 0, s, ARGS(&p, &(unsigned){1})));
  FAILS(cuStreamSynchronize(s), CUDA_ERROR_ILLEGAL_ADDRESS);
  TELLS(CUDA_ERROR_ILLEGAL_ADDRESS, "in freed memory");
}

TEST(memory_of_another_stream_may_not_be_there_yet) {
  bool found = false;
  for (int i = 0; i < 60 && !found; i++) {
    CUcontext c;
    OK(cuCtxCreate(&c, 0, 0));
    CUstream a = stream(CU_STREAM_NON_BLOCKING), b = stream(CU_STREAM_NON_BLOCKING);
    CUfunction f = function_in(module_of_text(kernels), "add");
    CUdeviceptr p;
    OK(cuMemAllocAsync(&p, 4, a));
    OK(start(f, 1, 1, 0, b, ARGS(&p, &(unsigned){1})));
    CUresult r = cuCtxSynchronize();
    if (r) {
      TELLS(r, "has not allocated yet");
      found = true;
    }
    OK(cuCtxPopCurrent(NULL));
  }
  CHECK(found);
}

/* ---- limits ---- */

TEST(blocks_have_limits) {
  CUdeviceptr p = word(1);
  CUfunction f = kernel("add");
  void **args = ARGS(&p, &(unsigned){1});
  FAILS(start(f, 1, 1025, 0, NULL, args), CUDA_ERROR_INVALID_VALUE);
  TELLS(CUDA_ERROR_INVALID_VALUE, "kernel add: ");
  FAILS(start(f, 0, 1, 0, NULL, args), CUDA_ERROR_INVALID_VALUE);
  FAILS(cuLaunchKernel(f, 1, 1, 1, 32, 33, 1, 0, NULL, args, NULL), CUDA_ERROR_INVALID_VALUE);
  FAILS(cuLaunchKernel(f, 1, 1, 1, 1, 1, 65, 0, NULL, args, NULL), CUDA_ERROR_INVALID_VALUE);
  FAILS(cuLaunchKernel(f, 1, 65536, 1, 1, 1, 1, 0, NULL, args, NULL), CUDA_ERROR_INVALID_VALUE);
  FAILS(start(kernel("few"), 1, 65, 0, NULL, args), CUDA_ERROR_INVALID_VALUE);
  OK(start(kernel("few"), 1, 64, 0, NULL, args));
  FAILS(start(f, 1, 1, 0, NULL, ARGS(&p, NULL)), CUDA_ERROR_INVALID_VALUE);
  OK(cuCtxSynchronize());
}

TEST(more_than_48_KiB_of_shared_memory_must_be_asked_for) {
  CUdeviceptr p = word(1);
  CUfunction f = kernel("wide");
  FAILS(start(f, 1, 1, 65536, NULL, ARGS(&p)), CUDA_ERROR_INVALID_VALUE);
  TELLS(CUDA_ERROR_INVALID_VALUE, "65536 of dynamic shared memory");
  FAILS(cuFuncSetAttribute(f, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, 240 << 10), CUDA_ERROR_INVALID_VALUE);
  OK(cuFuncSetAttribute(f, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, 65536));
  OK(start(f, 1, 1, 65536, NULL, ARGS(&p)));
  CHECK(first(p) == 7);
  FAILS(start(f, 1, 1, 65540, NULL, ARGS(&p)), CUDA_ERROR_INVALID_VALUE);
}

/* ---- graphs ---- */

TEST(a_captured_graph_runs_again) {
  CUstream s = stream(CU_STREAM_NON_BLOCKING);
  CUdeviceptr p = word(1);
  CUgraph g;
  CUgraphExec e;
  OK(cuStreamBeginCapture(s, CU_STREAM_CAPTURE_MODE_THREAD_LOCAL));
  OK(start(kernel("add"), 1, 1, 0, s, ARGS(&p, &(unsigned){1})));
  OK(start(kernel("scale"), 1, 1, 0, s, ARGS(&p, &(unsigned){2})));
  OK(cuStreamEndCapture(s, &g));
  CHECK(first(p) == 1, "a capture is no launch");
  OK(cuGraphInstantiateWithFlags(&e, g, 0));
  OK(cuGraphDestroy(g));
  for (int i = 0; i < 3; i++)
    OK(cuGraphLaunch(e, s));
  OK(cuStreamSynchronize(s));
  CHECK(first(p) == 22);
  OK(cuGraphExecDestroy(e));
  FAILS(cuGraphLaunch(e, s), CUDA_ERROR_INVALID_HANDLE);
}

TEST(a_capture_forks_and_joins) {
  CUstream a = stream(CU_STREAM_NON_BLOCKING), b = stream(CU_STREAM_NON_BLOCKING);
  CUdeviceptr p = word(1), q = word(2);
  CUevent fork = event(), join = event();
  CUgraph g;
  CUgraphExec e;
  OK(cuStreamBeginCapture(a, CU_STREAM_CAPTURE_MODE_GLOBAL));
  OK(start(kernel("add"), 1, 1, 0, a, ARGS(&p, &(unsigned){1})));
  OK(cuEventRecord(fork, a));
  OK(cuStreamWaitEvent(b, fork, 0));
  OK(start(kernel("add"), 1, 1, 0, b, ARGS(&q, &(unsigned){1})));
  OK(cuEventRecord(join, b));
  OK(cuStreamWaitEvent(a, join, 0));
  FAILS(cuEventSynchronize(join), CUDA_ERROR_CAPTURED_EVENT);
  OK(cuStreamEndCapture(a, &g));
  OK(cuGraphInstantiateWithFlags(&e, g, 0));
  OK(cuGraphLaunch(e, a));
  OK(cuCtxSynchronize());
  CHECK(first(p) == 2 && first(q) == 3);
  OK(start(kernel("add"), 1, 1, 0, b, ARGS(&q, &(unsigned){1}))); /* no capture any more */
  OK(cuCtxSynchronize());
  CHECK(first(q) == 4);
}

TEST(a_capture_that_does_not_join_fails) {
  CUstream a = stream(CU_STREAM_NON_BLOCKING), b = stream(CU_STREAM_NON_BLOCKING);
  CUdeviceptr p = word(1);
  CUevent fork = event();
  CUgraph g;
  OK(cuStreamBeginCapture(a, CU_STREAM_CAPTURE_MODE_GLOBAL));
  OK(cuEventRecord(fork, a));
  OK(cuStreamWaitEvent(b, fork, 0));
  OK(start(kernel("add"), 1, 1, 0, b, ARGS(&p, &(unsigned){1})));
  FAILS(cuStreamEndCapture(a, &g), CUDA_ERROR_STREAM_CAPTURE_UNJOINED);
  CHECK(first(p) == 1);
}

TEST(a_capture_that_waits_fails) {
  for (int i = 0; i < 4; i++) {
    CUstream s = stream(CU_STREAM_NON_BLOCKING);
    CUdeviceptr p = word(1);
    CUgraph g;
    OK(cuStreamBeginCapture(s, CU_STREAM_CAPTURE_MODE_GLOBAL));
    CUresult r = i == 0 ? cuStreamSynchronize(s) : i == 1 ? cuCtxSynchronize() : i == 2 ? cuMemFree(p) : cuMemcpyHtoD(p, &i, 4);
    FAILS(r, CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
    FAILS(start(kernel("add"), 1, 1, 0, s, ARGS(&p, &(unsigned){1})), CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
    FAILS(cuStreamEndCapture(s, &g), CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
    OK(cuStreamSynchronize(s));
  }
}

TEST(errors_have_names_and_texts) {
  const char *s;
  OK(cuGetErrorName(CUDA_ERROR_ILLEGAL_ADDRESS, &s));
  CHECK(!strcmp(s, "CUDA_ERROR_ILLEGAL_ADDRESS"));
  OK(cuGetErrorString(CUDA_ERROR_OUT_OF_MEMORY, &s));
  CHECK(!strcmp(s, "out of memory"));
  FAILS(cuGetErrorString((CUresult)12345, &s), CUDA_ERROR_INVALID_VALUE);
}
