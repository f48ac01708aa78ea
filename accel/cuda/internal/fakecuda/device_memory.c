/* Device memory: allocation at once and in stream order. */
#include "driver.h"

/* Names of functions that cuda.h does not have. */
typedef struct CUmemPool_st { u32 magic; int device; } *CUmemoryPool;
CUresult cuMemAllocAsync(CUdeviceptr *, size_t, CUstream);
CUresult cuMemFreeAsync(CUdeviceptr, CUstream);
CUresult cuDeviceGetDefaultMemPool(CUmemoryPool *, CUdevice);
CUresult cuDeviceGetMemPool(CUmemoryPool *, CUdevice);
CUresult cuMemPoolSetAttribute(CUmemoryPool, int, void *);
CUresult cuMemPoolTrimTo(CUmemoryPool, size_t);

static CUresult allocate(CUcontext c, CUdeviceptr *out, size_t bytes, enum life life) {
  if (!out || !bytes)
    return failed(CUDA_ERROR_INVALID_VALUE, "an allocation of %zu bytes", bytes);
  u64 used = memory_used(c->device), total = device_memory();
  if (bytes > total || used > total - bytes || !(*out = memory_new(bytes, c->device, life)))
    return failed(CUDA_ERROR_OUT_OF_MEMORY, "%zu bytes wanted, %llu of %llu in use", bytes, (unsigned long long)used,
                  (unsigned long long)total);
  return CUDA_SUCCESS;
}

CUresult cuMemAlloc(CUdeviceptr *out, size_t bytes) {
  API
  CUresult r = refuse_while_capturing(ctx);
  return r ? r : allocate(ctx, out, bytes, LIVE);
}

CUresult cuMemAllocAsync(CUdeviceptr *out, size_t bytes, CUstream handle) {
  API
  stream *s;
  CUresult r = stream_of(ctx, handle, &s);
  if (!r && s->capture)
    return failed(CUDA_ERROR_NOT_SUPPORTED, "the double captures no allocations");
  if (!r)
    r = allocate(ctx, out, bytes, PENDING);
  return r ? r : submit(s, (piece){.kind = BEGIN_LIFE, .to = *out});
}

/* The device is waited for first, as a driver does. */
CUresult cuMemFree(CUdeviceptr p) {
  API
  if (!p)
    return CUDA_SUCCESS;
  CUresult r = refuse_while_capturing(ctx);
  if (!r)
    r = finish_context(ctx);
  if (r)
    return r;
  allocation *a = memory_exact(p), *held = memory_find(p);
  if (!a || a->of_module || a->device != ctx->device)
    return failed(CUDA_ERROR_INVALID_VALUE, "0x%llx is freed, but is %s", p,
                  held && held->life == FREED ? "freed already" : "no allocation of this device");
  memory_drop(a);
  return CUDA_SUCCESS;
}

CUresult cuMemFreeAsync(CUdeviceptr p, CUstream handle) {
  API
  stream *s;
  CUresult r = stream_of(ctx, handle, &s);
  if (r)
    return r;
  if (s->capture)
    return failed(CUDA_ERROR_NOT_SUPPORTED, "the double captures no allocations");
  if (!memory_exact(p))
    return failed(CUDA_ERROR_INVALID_VALUE, "0x%llx is freed, but is no allocation", p);
  return submit(s, (piece){.kind = END_LIFE, .to = p});
}

/* Pools hold nothing back here: they are names. */
static struct CUmemPool_st pools[64];

CUresult cuDeviceGetDefaultMemPool(CUmemoryPool *pool, CUdevice d) {
  API_ANYWHERE
  if (d < 0 || d >= device_count())
    return CUDA_ERROR_INVALID_DEVICE;
  *pool = &pools[d];
  return CUDA_SUCCESS;
}

CUresult cuDeviceGetMemPool(CUmemoryPool *pool, CUdevice d) { return cuDeviceGetDefaultMemPool(pool, d); }

CUresult cuMemPoolSetAttribute(CUmemoryPool pool, int attribute, void *value) {
  API_ANYWHERE
  return pool && attribute > 0 && value ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

CUresult cuMemPoolTrimTo(CUmemoryPool pool, size_t bytes) {
  (void)bytes;
  API_ANYWHERE
  return pool ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

CUresult cuMemGetInfo(size_t *free, size_t *total) {
  API
  *total = device_memory();
  *free = *total - memory_used(ctx->device);
  return CUDA_SUCCESS;
}

CUresult cuMemGetAddressRange(CUdeviceptr *base, size_t *size, CUdeviceptr p) {
  API
  allocation *a = memory_find(p);
  if (!a || a->life == FREED)
    return CUDA_ERROR_NOT_FOUND;
  if (base)
    *base = a->base;
  if (size)
    *size = a->bytes;
  return CUDA_SUCCESS;
}
