/* Devices, contexts and threads, memory, limits, errors. */
#include "simple.h"
#include <pthread.h>

CUresult cuMemHostRegister_v2(void *, size_t, unsigned);
CUresult cuMemHostUnregister(void *);

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
  CUfunction f = simple("add");
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
  CUmodule m = module_of_text(simple_kernels);
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
  CUmodule m = module_of_text(simple_kernels);
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

/* ---- limits ---- */

TEST(blocks_have_limits) {
  CUdeviceptr p = word(1);
  CUfunction f = simple("add");
  void **args = ARGS(&p, &(unsigned){1});
  FAILS(start(f, 1, 1025, 0, NULL, args), CUDA_ERROR_INVALID_VALUE);
  TELLS(CUDA_ERROR_INVALID_VALUE, "kernel add: ");
  FAILS(start(f, 0, 1, 0, NULL, args), CUDA_ERROR_INVALID_VALUE);
  FAILS(cuLaunchKernel(f, 1, 1, 1, 32, 33, 1, 0, NULL, args, NULL), CUDA_ERROR_INVALID_VALUE);
  FAILS(cuLaunchKernel(f, 1, 1, 1, 1, 1, 65, 0, NULL, args, NULL), CUDA_ERROR_INVALID_VALUE);
  FAILS(cuLaunchKernel(f, 1, 65536, 1, 1, 1, 1, 0, NULL, args, NULL), CUDA_ERROR_INVALID_VALUE);
  FAILS(start(simple("few"), 1, 65, 0, NULL, args), CUDA_ERROR_INVALID_VALUE);
  OK(start(simple("few"), 1, 64, 0, NULL, args));
  FAILS(start(f, 1, 1, 0, NULL, ARGS(&p, NULL)), CUDA_ERROR_INVALID_VALUE);
  OK(cuCtxSynchronize());
}

TEST(more_than_48_KiB_of_shared_memory_must_be_asked_for) {
  CUdeviceptr p = word(1);
  CUfunction f = simple("wide");
  FAILS(start(f, 1, 1, 65536, NULL, ARGS(&p)), CUDA_ERROR_INVALID_VALUE);
  TELLS(CUDA_ERROR_INVALID_VALUE, "65536 of dynamic shared memory");
  FAILS(start(simple("much"), 1, 1, 9153, NULL, ARGS(&p)), CUDA_ERROR_INVALID_VALUE); /* 40000 static */
  OK(start(simple("much"), 1, 1, 9152, NULL, ARGS(&p)));
  FAILS(cuFuncSetAttribute(f, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, 240 << 10), CUDA_ERROR_INVALID_VALUE);
  OK(cuFuncSetAttribute(f, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, 65536));
  OK(start(f, 1, 1, 65536, NULL, ARGS(&p)));
  CHECK(first(p) == 7);
  FAILS(start(f, 1, 1, 65540, NULL, ARGS(&p)), CUDA_ERROR_INVALID_VALUE);
}

/* ---- errors ---- */

TEST(errors_have_names_and_texts) {
  const char *s;
  OK(cuGetErrorName(CUDA_ERROR_ILLEGAL_ADDRESS, &s));
  CHECK(!strcmp(s, "CUDA_ERROR_ILLEGAL_ADDRESS"));
  OK(cuGetErrorString(CUDA_ERROR_OUT_OF_MEMORY, &s));
  CHECK(!strcmp(s, "out of memory"));
  FAILS(cuGetErrorString((CUresult)12345, &s), CUDA_ERROR_INVALID_VALUE);
}
