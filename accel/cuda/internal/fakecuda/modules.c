/* Modules, functions, launches. */
#include "driver.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

CUresult cuLaunchHostFunc(CUstream, CUhostFn, void *);

CUresult cuModuleLoadData(CUmodule *out, const void *image) {
  API
  char text[512];
  module *m = module_load(image, device_capability(), ctx->device, text);
  if (!m)
    return failed(CUDA_ERROR_INVALID_PTX, "%s", text);
  *out = calloc(1, sizeof **out);
  **out = (struct CUmod_st){.magic = MODULE, .ctx = ctx, .m = m};
  live_objects[MODULE - CONTEXT]++;
  return CUDA_SUCCESS;
}

/* The reason of a failure goes to the error log, if there is one. */
CUresult cuModuleLoadDataEx(CUmodule *out, const void *image, unsigned n, CUjit_option *options, void **values) {
  CUresult r = cuModuleLoadData(out, image);
  char *log = NULL;
  u64 room = 0;
  for (unsigned i = 0; i < n; i++) {
    if (options[i] == CU_JIT_ERROR_LOG_BUFFER)
      log = values[i];
    if (options[i] == CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES)
      room = (u64)(uintptr_t)values[i];
  }
  const char *text;
  if (log && room && cuGetErrorString(r, &text) == CUDA_SUCCESS)
    snprintf(log, room, "%s", r ? text : "");
  return r;
}

CUresult cuModuleLoad(CUmodule *out, const char *file) {
  FILE *f = fopen(file, "rb");
  if (!f)
    return CUDA_ERROR_FILE_NOT_FOUND;
  fseek(f, 0, SEEK_END);
  long size = ftell(f);
  rewind(f);
  char *text = calloc(1, (size_t)size + 1);
  size_t got = fread(text, 1, (size_t)size, f);
  fclose(f);
  CUresult r = got == (size_t)size ? cuModuleLoadData(out, text) : CUDA_ERROR_FILE_NOT_FOUND;
  free(text);
  return r;
}

CUresult cuModuleLoadFatBinary(CUmodule *out, const void *image) {
  (void)out, (void)image;
  API_ANYWHERE
  return failed(CUDA_ERROR_INVALID_IMAGE, "the double reads PTX text alone");
}

static CUresult module_of(CUcontext c, CUmodule m) {
  if (!m || m->magic != MODULE || m->ctx != c)
    return failed(CUDA_ERROR_INVALID_HANDLE, "the module is unloaded, none, or of another context than the current one");
  return CUDA_SUCCESS;
}

CUresult cuModuleUnload(CUmodule m) {
  API
  CUresult r = module_of(ctx, m);
  if (!r)
    r = finish_context(ctx);
  if (r)
    return r;
  for (CUfunction f = m->functions; f; f = f->next)
    f->magic = ENDED;
  module_free(m->m);
  m->magic = ENDED;
  live_objects[MODULE - CONTEXT]--;
  return CUDA_SUCCESS;
}

CUresult cuModuleGetFunction(CUfunction *out, CUmodule m, const char *name) {
  API
  CUresult r = module_of(ctx, m);
  if (r)
    return r;
  kernel *k = module_kernel(m->m, name);
  if (!k)
    return failed(CUDA_ERROR_NOT_FOUND, "the module has no kernel %s", name);
  *out = calloc(1, sizeof **out);
  **out = (struct CUfunc_st){.magic = FUNCTION, .of = m, .k = k, .next = m->functions};
  m->functions = *out;
  return CUDA_SUCCESS;
}

CUresult cuModuleGetGlobal(CUdeviceptr *at, size_t *bytes, CUmodule m, const char *name) {
  API
  CUresult r = module_of(ctx, m);
  u64 a = 0, n = 0;
  if (!r && !module_global(m->m, name, &a, &n))
    r = failed(CUDA_ERROR_NOT_FOUND, "the module has no variable %s", name);
  if (at)
    *at = a;
  if (bytes)
    *bytes = n;
  return r;
}

static CUresult function_of(CUcontext c, CUfunction f) {
  if (!f || f->magic != FUNCTION)
    return failed(CUDA_ERROR_INVALID_HANDLE, "the function's module is unloaded, or it is none");
  if (f->of->ctx != c)
    return failed(CUDA_ERROR_INVALID_HANDLE, "kernel %s belongs to another context than the current one", f->k->name);
  return CUDA_SUCCESS;
}

CUresult cuFuncGetAttribute(int *value, CUfunction_attribute attribute, CUfunction f) {
  API
  CUresult r = function_of(ctx, f);
  if (r)
    return r;
  switch ((int)attribute) {
  case CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK: *value = (int)f->k->max_threads; break;
  case CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES: *value = (int)f->k->shared; break;
  case CU_FUNC_ATTRIBUTE_LOCAL_SIZE_BYTES: *value = (int)f->k->local; break;
  case CU_FUNC_ATTRIBUTE_NUM_REGS: *value = 32; break;
  case CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES: *value = (int)f->k->most_dynamic; break;
  case CU_FUNC_ATTRIBUTE_BINARY_VERSION: *value = device_capability(); break;
  default: *value = 0;
  }
  return CUDA_SUCCESS;
}

/* More than 48 KiB of shared memory a block must be asked for, up to what the device has. */
CUresult cuFuncSetAttribute(CUfunction f, CUfunction_attribute attribute, int value) {
  API
  CUresult r = function_of(ctx, f);
  if (r)
    return r;
  int most;
  cuDeviceGetAttribute(&most, CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN, ctx->device);
  if (attribute != CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES)
    return (int)attribute == 9 ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE; /* 9: a wish for the division between cache and memory */
  if (value < 0 || f->k->shared + (u64)value > (u64)most)
    return failed(CUDA_ERROR_INVALID_VALUE, "kernel %s: %d bytes of dynamic and %llu of static shared memory, the device has %d a block",
                  f->k->name, value, (unsigned long long)f->k->shared, most);
  f->k->most_dynamic = (u32)value;
  return CUDA_SUCCESS;
}

CUresult cuFuncSetCacheConfig(CUfunction f, CUfunc_cache config) {
  (void)config;
  API
  return function_of(ctx, f);
}

static CUresult check_shape(CUfunction f, const piece *p) {
  const kernel *k = f->k;
  for (int i = 0; i < 3; i++)
    if (!p->grid[i] || !p->threads[i] || (i && p->grid[i] > 65535) || p->grid[i] > 2147483647u || p->threads[i] > (i == 2 ? 64 : 1024))
      return failed(CUDA_ERROR_INVALID_VALUE, "kernel %s: a grid of %u,%u,%u blocks of %u,%u,%u threads", k->name, p->grid[0], p->grid[1],
                    p->grid[2], p->threads[0], p->threads[1], p->threads[2]);
  if (p->threads[0] * p->threads[1] * p->threads[2] > k->max_threads)
    return failed(CUDA_ERROR_INVALID_VALUE, "kernel %s: %u threads a block, at most %u", k->name,
                  p->threads[0] * p->threads[1] * p->threads[2], k->max_threads);
  bool usual = k->shared + p->dynamic <= 48 << 10;
  if (k->most_dynamic == 48 << 10 ? !usual : p->dynamic > k->most_dynamic)
    return failed(CUDA_ERROR_INVALID_VALUE, "kernel %s: %llu bytes of static and %u of dynamic shared memory, %s", k->name,
                  (unsigned long long)k->shared, p->dynamic, "more than 48 KiB or than was asked for by cuFuncSetAttribute");
  return CUDA_SUCCESS;
}

CUresult cuLaunchKernel(CUfunction f, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz, unsigned dynamic,
                        CUstream handle, void **params, void **extra) {
  API
  stream *s;
  CUresult r = function_of(ctx, f);
  if (!r)
    r = stream_of(ctx, handle, &s);
  if (r)
    return r;
  piece p = {.kind = KERNEL, .k = f->k, .grid = {gx, gy, gz}, .threads = {bx, by, bz}, .dynamic = dynamic};
  if ((r = check_shape(f, &p)))
    return r;
  if (extra || (f->k->n_params && !params))
    return failed(CUDA_ERROR_NOT_SUPPORTED, "kernel %s: arguments are taken from kernelParams alone", f->k->name);
  p.bytes = f->k->param_bytes;
  p.params = calloc(1, p.bytes + 16);
  for (u32 i = 0; i < f->k->n_params; i++) {
    if (!params[i]) {
      free(p.params);
      return failed(CUDA_ERROR_INVALID_VALUE, "kernel %s: argument %u is missing", f->k->name, i);
    }
    memcpy(p.params + f->k->params[i].at, params[i], f->k->params[i].size);
  }
  return submit(s, p);
}

/* ---- calls of the host in stream order ---- */

typedef struct { CUhostFn f; void *data; } host_call;

static CUresult call_host(void *arg) {
  host_call *h = arg;
  h->f(h->data);
  return CUDA_SUCCESS;
}

/* Work of another double, with a copy of its arguments. Not of NVIDIA. */
CUresult fakecuda_submit(CUstream handle, CUresult (*call)(void *), const void *args, size_t bytes) {
  API
  stream *s;
  CUresult r = stream_of(ctx, handle, &s);
  if (r)
    return r;
  piece p = {.kind = CALL, .call = call, .bytes = bytes, .params = malloc(bytes)};
  memcpy(p.params, args, bytes);
  return submit(s, p);
}

/* Where live device memory is on the host; NULL, and a reason kept, if it is not all live. Not of NVIDIA. */
void *fakecuda_host(CUdeviceptr at, size_t bytes, const char *what) {
  allocation *a = memory_find(at);
  void *host = a ? memory_host(at, bytes, a->device) : NULL;
  if (!host)
    failed(CUDA_ERROR_ILLEGAL_ADDRESS, "%s: %zu bytes at 0x%llx are not all in live device memory", what, bytes, at);
  return host;
}

CUresult cuLaunchHostFunc(CUstream s, CUhostFn f, void *data) {
  host_call h = {f, data};
  return fakecuda_submit(s, call_host, &h, sizeof h);
}
