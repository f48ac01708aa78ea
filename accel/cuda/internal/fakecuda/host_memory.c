/* Pinned memory of the host, and copies. An asynchronous copy keeps the host's address, so it must be pinned: a driver takes other memory
 * too, but then a program that reuses it too early, or a collector that moves it, is wrong in silence. */
#include "driver.h"
#include <stdlib.h>
#include <string.h>

CUresult cuMemAllocHost_v2(void **, size_t);
CUresult cuMemHostRegister_v2(void *, size_t, unsigned);
CUresult cuMemHostUnregister(void *);

typedef struct pinned { u8 *at; u64 bytes; bool registered; struct pinned *next; } pinned;
static pinned *all;

bool is_pinned(const void *host, u64 bytes) {
  for (pinned *p = all; p; p = p->next)
    if ((u8 *)host >= p->at && (u8 *)host + bytes <= p->at + p->bytes)
      return true;
  return false;
}

int pinned_count(void) {
  int n = 0;
  for (pinned *p = all; p; p = p->next)
    n++;
  return n;
}

static void add(void *at, u64 bytes, bool registered) {
  pinned *p = malloc(sizeof *p);
  *p = (pinned){at, bytes, registered, all};
  all = p;
}

/* Takes one out of the list; the work that may use it is finished first. */
static CUresult drop(CUcontext c, void *at, bool registered) {
  CUresult r = finish_context(c);
  for (pinned **p = &all; *p; p = &(*p)->next)
    if ((*p)->at == at && (*p)->registered == registered) {
      pinned *gone = *p;
      *p = gone->next;
      if (!registered)
        free(gone->at);
      free(gone);
      return r;
    }
  return failed(CUDA_ERROR_INVALID_VALUE, "host memory at %p is not pinned", at);
}

CUresult cuMemHostAlloc(void **out, size_t bytes, unsigned flags) {
  API
  if (!bytes || flags & ~7u)
    return CUDA_ERROR_INVALID_VALUE;
  if (!(*out = aligned_alloc(4096, (bytes + 4095) / 4096 * 4096)))
    return CUDA_ERROR_OUT_OF_MEMORY;
  memset(*out, 0xff, bytes);
  add(*out, bytes, false);
  return CUDA_SUCCESS;
}

CUresult cuMemAllocHost_v2(void **out, size_t bytes) { return cuMemHostAlloc(out, bytes, 0); }

CUresult cuMemFreeHost(void *p) {
  API
  return drop(ctx, p, false);
}

CUresult cuMemHostRegister_v2(void *p, size_t bytes, unsigned flags) {
  API
  if (!p || !bytes || flags & ~7u)
    return CUDA_ERROR_INVALID_VALUE;
  if (is_pinned(p, 1))
    return CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED;
  add(p, bytes, true);
  return CUDA_SUCCESS;
}

CUresult cuMemHostUnregister(void *p) {
  API
  return drop(ctx, p, true);
}

/* A copy or fill that returns when it is done: work of the null stream. */
static CUresult at_once(CUcontext c, piece p) {
  CUresult r = refuse_while_capturing(c);
  if (!r)
    r = submit(c->null, p);
  return r ? r : finish_stream(c->null);
}

static CUresult in_stream(CUcontext c, CUstream handle, piece p) {
  stream *s;
  CUresult r = stream_of(c, handle, &s);
  if (!r && (p.kind == TO_DEVICE || p.kind == TO_HOST) && !is_pinned(p.host, p.bytes))
    return failed(CUDA_ERROR_INVALID_VALUE, "an asynchronous copy of %llu bytes with host memory at %p, which is not pinned",
                  (unsigned long long)p.bytes, p.host);
  return r ? r : submit(s, p);
}

CUresult cuMemcpyHtoD(CUdeviceptr to, const void *from, size_t bytes) {
  API
  return at_once(ctx, (piece){.kind = TO_DEVICE, .to = to, .host = (void *)from, .bytes = bytes});
}

CUresult cuMemcpyDtoH(void *to, CUdeviceptr from, size_t bytes) {
  API
  return at_once(ctx, (piece){.kind = TO_HOST, .host = to, .from = from, .bytes = bytes});
}

CUresult cuMemcpyDtoD(CUdeviceptr to, CUdeviceptr from, size_t bytes) {
  API
  return at_once(ctx, (piece){.kind = ON_DEVICE, .to = to, .from = from, .bytes = bytes});
}

CUresult cuMemcpyHtoDAsync(CUdeviceptr to, const void *from, size_t bytes, CUstream s) {
  API
  return in_stream(ctx, s, (piece){.kind = TO_DEVICE, .to = to, .host = (void *)from, .bytes = bytes});
}

CUresult cuMemcpyDtoHAsync(void *to, CUdeviceptr from, size_t bytes, CUstream s) {
  API
  return in_stream(ctx, s, (piece){.kind = TO_HOST, .host = to, .from = from, .bytes = bytes});
}

CUresult cuMemcpyDtoDAsync(CUdeviceptr to, CUdeviceptr from, size_t bytes, CUstream s) {
  API
  return in_stream(ctx, s, (piece){.kind = ON_DEVICE, .to = to, .from = from, .bytes = bytes});
}

/* Addresses of the device and of the host are told apart by what is allocated. */
static piece any_copy(CUdeviceptr to, CUdeviceptr from, size_t bytes) {
  bool to_device = to >= GLOBAL_BASE && memory_find(to), from_device = from >= GLOBAL_BASE && memory_find(from);
  piece p = {.kind = to_device ? from_device ? ON_DEVICE : TO_DEVICE : TO_HOST, .to = to, .from = from, .bytes = bytes};
  p.host = (void *)(uintptr_t)(to_device ? from : to);
  return p;
}

CUresult cuMemcpy(CUdeviceptr to, CUdeviceptr from, size_t bytes) {
  API
  return at_once(ctx, any_copy(to, from, bytes));
}

CUresult cuMemcpyAsync(CUdeviceptr to, CUdeviceptr from, size_t bytes, CUstream s) {
  API
  return in_stream(ctx, s, any_copy(to, from, bytes));
}

#define FILL_CALLS(name, T)                                                    \
  CUresult cuMemset##name##_v2(CUdeviceptr to, T value, size_t n) {            \
    API                                                                        \
    return at_once(ctx, (piece){.kind = FILL, .to = to, .value = value, .width = sizeof(T), .bytes = n * sizeof(T)}); \
  }                                                                            \
  CUresult cuMemset##name##Async(CUdeviceptr to, T value, size_t n, CUstream s) { \
    API                                                                        \
    return in_stream(ctx, s, (piece){.kind = FILL, .to = to, .value = value, .width = sizeof(T), .bytes = n * sizeof(T)}); \
  }
FILL_CALLS(D8, unsigned char)
FILL_CALLS(D16, unsigned short)
FILL_CALLS(D32, unsigned)
