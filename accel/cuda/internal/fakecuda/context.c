/* The driver's start, devices, contexts, and what is left when one ends. */
#include "driver.h"
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typeof(driver) driver;
int live_objects[8];
static pthread_mutex_t lock = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;
static __thread CUcontext stack[64];
static __thread int depth;
static struct CUctx_st primary[64];
static int visible[64], n_visible;

u64 setting(const char *name, u64 otherwise) {
  const char *s = getenv(name);
  return s && *s ? strtoull(s, NULL, 0) : otherwise;
}

int device_count(void) { return n_visible; }
int device_capability(void) { return (int)setting("FAKECUDA_CAPABILITY", 90); }
u64 device_memory(void) { return setting("FAKECUDA_MEM", 1ull << 30); }

/* The cards that CUDA_VISIBLE_DEVICES names, up to the first that there is not. */
static void find_devices(void) {
  int there = (int)setting("FAKECUDA_DEVICES", 1);
  const char *s = getenv("CUDA_VISIBLE_DEVICES");
  n_visible = 0;
  if (!s) {
    while (n_visible < there && n_visible < 64)
      visible[n_visible] = n_visible, n_visible++;
    return;
  }
  for (char *end; n_visible < 64; s = end + 1) {
    long i = strtol(s, &end, 10);
    if (end == s || i < 0 || i >= there)
      return;
    visible[n_visible++] = (int)i;
    if (*end != ',')
      return;
  }
}

CUresult api_enter(CUcontext *current, bool needs_context) {
  pthread_mutex_lock(&lock);
  if (!driver.ready)
    return CUDA_ERROR_NOT_INITIALIZED;
  *current = depth ? stack[depth - 1] : NULL;
  if (!needs_context)
    return CUDA_SUCCESS;
  if (!*current)
    return failed(CUDA_ERROR_INVALID_CONTEXT, "no context is current to this thread");
  if ((*current)->magic != CONTEXT)
    return failed(CUDA_ERROR_CONTEXT_IS_DESTROYED, "the current context has been destroyed");
  return (*current)->sticky;
}

void api_leave(int *unused) {
  (void)unused;
  pthread_mutex_unlock(&lock);
}

CUresult cuInit(unsigned flags) {
  if (flags)
    return CUDA_ERROR_INVALID_VALUE;
  pthread_mutex_lock(&lock);
  if (!driver.ready) {
    find_devices();
    driver.seed = (u32)setting("FAKECUDA_SEED", 1);
  }
  driver.ready = true;
  pthread_mutex_unlock(&lock);
  return n_visible ? CUDA_SUCCESS : CUDA_ERROR_NO_DEVICE;
}

CUresult cuDriverGetVersion(int *version) {
  *version = (int)setting("FAKECUDA_VERSION", 12040);
  return CUDA_SUCCESS;
}

static bool no_device(CUdevice d) { return d < 0 || d >= n_visible; }

CUresult cuDeviceGetCount(int *count) {
  API_ANYWHERE
  *count = n_visible;
  return CUDA_SUCCESS;
}

CUresult cuDeviceGet(CUdevice *device, int ordinal) {
  API_ANYWHERE
  *device = ordinal;
  return no_device(ordinal) ? CUDA_ERROR_INVALID_DEVICE : CUDA_SUCCESS;
}

CUresult cuDeviceGetName(char *name, int len, CUdevice d) {
  API_ANYWHERE
  if (no_device(d))
    return CUDA_ERROR_INVALID_DEVICE;
  snprintf(name, (size_t)len, "fakecuda %d (a double, not a GPU)", visible[d]);
  return CUDA_SUCCESS;
}

CUresult cuDeviceGetUuid(CUuuid *uuid, CUdevice d) {
  API_ANYWHERE
  if (no_device(d))
    return CUDA_ERROR_INVALID_DEVICE;
  memset(uuid, 0x5a, sizeof *uuid);
  uuid->bytes[15] = (char)visible[d];
  return CUDA_SUCCESS;
}

CUresult cuDeviceTotalMem(size_t *bytes, CUdevice d) {
  API_ANYWHERE
  *bytes = device_memory();
  return no_device(d) ? CUDA_ERROR_INVALID_DEVICE : CUDA_SUCCESS;
}

CUresult cuDeviceGetAttribute(int *value, CUdevice_attribute attribute, CUdevice d) {
  API_ANYWHERE
  static const struct { int attribute, value; } values[] = {
      {CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_BLOCK, 1024}, {CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_X, 1024},
      {CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_Y, 1024}, {CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_Z, 64},
      {CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_X, 2147483647}, {CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_Y, 65535},
      {CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_Z, 65535}, {CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK, 48 << 10},
      {CU_DEVICE_ATTRIBUTE_TOTAL_CONSTANT_MEMORY, 64 << 10}, {CU_DEVICE_ATTRIBUTE_WARP_SIZE, 32},
      {CU_DEVICE_ATTRIBUTE_MAX_REGISTERS_PER_BLOCK, 65536}, {CU_DEVICE_ATTRIBUTE_CLOCK_RATE, 1000000},
      {CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT, 1}, {CU_DEVICE_ATTRIBUTE_CONCURRENT_KERNELS, 1},
      {CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_MULTIPROCESSOR, 2048}, {CU_DEVICE_ATTRIBUTE_ASYNC_ENGINE_COUNT, 1},
      {CU_DEVICE_ATTRIBUTE_UNIFIED_ADDRESSING, 1}, {CU_DEVICE_ATTRIBUTE_STREAM_PRIORITIES_SUPPORTED, 1},
      {CU_DEVICE_ATTRIBUTE_MEMORY_CLOCK_RATE, 1000000}, {CU_DEVICE_ATTRIBUTE_GLOBAL_MEMORY_BUS_WIDTH, 512},
      {CU_DEVICE_ATTRIBUTE_L2_CACHE_SIZE, 4 << 20}, {115, 1} /* memory pools */};
  if (no_device(d))
    return CUDA_ERROR_INVALID_DEVICE;
  *value = 0;
  for (size_t i = 0; i < sizeof values / sizeof *values; i++)
    if (values[i].attribute == (int)attribute)
      *value = values[i].value;
  int capability = device_capability();
  if (attribute == CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR)
    *value = capability / 10;
  if (attribute == CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR)
    *value = capability % 10;
  if (attribute == CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN)
    *value = capability >= 90 ? 227 << 10 : capability == 80 ? 163 << 10 : capability >= 86 ? 99 << 10 : capability == 75 ? 64 << 10 : 96 << 10;
  return CUDA_SUCCESS;
}

static void begin(CUcontext c, int device, unsigned flags) {
  *c = (struct CUctx_st){.magic = CONTEXT, .device = device, .flags = flags};
  c->null = stream_new(c, 0, 0);
  live_objects[0]++;
  live_objects[STREAM - CONTEXT]--; /* the null stream is nobody's to destroy */
}

static bool on_device(allocation *a, void *device) { return !a->of_module && a->device == *(int *)device; }

static void report_leaks(CUcontext c) {
  int memory = memory_each(on_device, &c->device);
  if (!getenv("FAKECUDA_STATS"))
    return;
  fprintf(stderr, "fakecuda: %llu launches, %llu PTX instructions; left on device %d: %d allocations of %llu bytes\n",
          (unsigned long long)driver.launches, (unsigned long long)driver.steps, c->device, memory,
          (unsigned long long)memory_used(c->device));
}

/* What a program has made and not given back: in words, and how much. Not of NVIDIA; tests find it by its name. */
int fakecuda_leaks(char *text, size_t room) {
  static const char *const names[] = {"contexts", "streams", "events", "modules", "", "graphs", "executable graphs"};
  pthread_mutex_lock(&lock);
  int total = 0;
  size_t n = 0;
  text[0] = 0;
  for (int i = 0; i < 7; i++)
    if (live_objects[i] && names[i][0]) {
      total += live_objects[i];
      n += (size_t)snprintf(text + n, n < room ? room - n : 0, "%d %s; ", live_objects[i], names[i]);
    }
  for (int d = 0; d < 64; d++) {
    int memory = memory_each(on_device, &d);
    total += memory;
    if (memory)
      n += (size_t)snprintf(text + n, n < room ? room - n : 0, "%d allocations of %llu bytes on device %d; ", memory,
                            (unsigned long long)memory_used(d), d);
  }
  total += pinned_count();
  if (pinned_count())
    snprintf(text + n, n < room ? room - n : 0, "%d pieces of pinned memory; ", pinned_count());
  pthread_mutex_unlock(&lock);
  return total;
}

/* PTX instructions that threads have run so far. */
u64 fakecuda_instructions(void) { return driver.steps; }

static void end(CUcontext c) {
  if (!c->sticky)
    finish_context(c);
  report_leaks(c);
  c->magic = ENDED;
  live_objects[0]--;
}

CUresult cuCtxCreate(CUcontext *out, unsigned flags, CUdevice d) {
  API_ANYWHERE
  if (no_device(d))
    return CUDA_ERROR_INVALID_DEVICE;
  *out = calloc(1, sizeof **out);
  begin(*out, d, flags);
  return cuCtxPushCurrent(*out);
}

CUresult cuCtxDestroy(CUcontext c) {
  API_ANYWHERE
  if (!c || c->magic != CONTEXT || c == &primary[c->device])
    return CUDA_ERROR_INVALID_CONTEXT;
  end(c);
  if (depth && stack[depth - 1] == c)
    depth--;
  return CUDA_SUCCESS;
}

CUresult cuDevicePrimaryCtxRetain(CUcontext *out, CUdevice d) {
  API_ANYWHERE
  if (no_device(d))
    return CUDA_ERROR_INVALID_DEVICE;
  *out = &primary[d];
  if (!primary[d].retained)
    begin(&primary[d], d, 0);
  primary[d].retained++;
  return CUDA_SUCCESS;
}

CUresult cuDevicePrimaryCtxRelease(CUdevice d) {
  API_ANYWHERE
  if (no_device(d) || !primary[d].retained)
    return CUDA_ERROR_INVALID_CONTEXT;
  if (!--primary[d].retained)
    end(&primary[d]);
  return CUDA_SUCCESS;
}

CUresult cuCtxPushCurrent(CUcontext c) {
  API_ANYWHERE
  if (!c || c->magic != CONTEXT || depth == 64)
    return CUDA_ERROR_INVALID_CONTEXT;
  stack[depth++] = c;
  return CUDA_SUCCESS;
}

CUresult cuCtxPopCurrent(CUcontext *c) {
  API_ANYWHERE
  if (!depth)
    return CUDA_ERROR_INVALID_CONTEXT;
  depth--;
  if (c)
    *c = stack[depth];
  return CUDA_SUCCESS;
}

CUresult cuCtxSetCurrent(CUcontext c) {
  API_ANYWHERE
  if (c && c->magic != CONTEXT)
    return CUDA_ERROR_INVALID_CONTEXT;
  depth -= depth > 0;
  if (c)
    stack[depth++] = c;
  return CUDA_SUCCESS;
}

CUresult cuCtxGetCurrent(CUcontext *c) {
  API_ANYWHERE
  *c = ctx;
  return CUDA_SUCCESS;
}

CUresult cuCtxGetDevice(CUdevice *device) {
  API
  *device = ctx->device;
  return CUDA_SUCCESS;
}

CUresult cuCtxGetFlags(unsigned *flags) {
  API
  *flags = ctx->flags;
  return CUDA_SUCCESS;
}

CUresult cuCtxSynchronize(void) {
  API
  CUresult r = refuse_while_capturing(ctx);
  return r ? r : finish_context(ctx);
}

CUresult cuCtxGetStreamPriorityRange(int *least, int *greatest) {
  API
  *least = 0;
  *greatest = -5;
  return CUDA_SUCCESS;
}
