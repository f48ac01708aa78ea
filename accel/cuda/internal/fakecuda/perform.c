/* What a piece of work does when its turn has come. */
#include "driver.h"
#include <stdio.h>
#include <string.h>
#include <time.h>

static f64 now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (f64)t.tv_sec * 1e3 + (f64)t.tv_nsec / 1e6;
}

static CUresult run_kernel(CUcontext c, piece *p) {
  static const CUresult codes[] = {[FAULT_ADDRESS] = CUDA_ERROR_ILLEGAL_ADDRESS, [FAULT_MISALIGNED] = CUDA_ERROR_MISALIGNED_ADDRESS,
                                   [FAULT_LAUNCH] = CUDA_ERROR_LAUNCH_FAILED, [FAULT_TRAP] = CUDA_ERROR_ILLEGAL_INSTRUCTION,
                                   [FAULT_TIMEOUT] = CUDA_ERROR_LAUNCH_TIMEOUT};
  if (++driver.launches == setting("FAKECUDA_FAULT", 0))
    return failed(CUDA_ERROR_ILLEGAL_ADDRESS, "launch %llu fails, as FAKECUDA_FAULT asks", (unsigned long long)driver.launches);
  fault_report r = launch(p->k, p->grid, p->threads, p->dynamic, p->params, c->device, &driver.steps);
  return r.kind ? failed(codes[r.kind], "%s", r.text) : CUDA_SUCCESS;
}

static u8 *there(CUcontext c, u64 address, u64 bytes, const char *what) {
  u8 *host = memory_host(address, bytes, c->device);
  if (!host && bytes)
    failed(CUDA_ERROR_ILLEGAL_ADDRESS, "%s of %llu bytes at 0x%llx, which is not all in live memory of device %d", what,
           (unsigned long long)bytes, (unsigned long long)address, c->device);
  return host;
}

static CUresult run_copies(CUcontext c, piece *p) {
  u8 *to = p->kind == TO_HOST ? p->host : there(c, p->to, p->bytes, p->kind == FILL ? "fill" : "copy to memory");
  u8 *from = p->kind == TO_DEVICE ? p->host : p->kind == FILL ? NULL : there(c, p->from, p->bytes, "copy from memory");
  if (!p->bytes)
    return CUDA_SUCCESS;
  if (!to || (!from && p->kind != FILL))
    return CUDA_ERROR_ILLEGAL_ADDRESS;
  if (p->kind == FILL)
    for (u64 i = 0; i < p->bytes; i += p->width)
      memcpy(to + i, &p->value, p->width);
  else
    memmove(to, from, p->bytes);
  return CUDA_SUCCESS;
}

CUresult perform(CUcontext c, piece *p) {
  allocation *a;
  switch (p->kind) {
  case KERNEL: return run_kernel(c, p);
  case TO_DEVICE: case TO_HOST: case ON_DEVICE: case FILL: return run_copies(c, p);
  case MARK: p->event->time = now(); return CUDA_SUCCESS;
  case AWAIT: return CUDA_SUCCESS;
  case BEGIN_LIFE:
    if ((a = memory_exact(p->to)))
      a->life = LIVE;
    return CUDA_SUCCESS;
  case END_LIFE:
    if (!(a = memory_exact(p->to)))
      return failed(CUDA_ERROR_ILLEGAL_ADDRESS, "memory at 0x%llx is freed twice", (unsigned long long)p->to);
    memory_drop(a);
    return CUDA_SUCCESS;
  case CALL: return p->call(p->params);
  default: return replay(c, p->replayed);
  }
}
