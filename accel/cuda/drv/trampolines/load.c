/* A libcuda that loads the real one when it is first asked for devices, so that one binary starts on every machine: linked the usual
 * way, a binary needs libcuda.so.1 to start at all, and gorgonia.org/cu ends it where cuInit finds no device.
 *
 * Each function of cuda.h (names.h, which package drv's generator writes) is a jump through a table. Until the driver is loaded the
 * table leads to an answer of "no device"; what an old driver lacks leads to "not supported".
 *
 * All symbols are hidden (-fvisibility=hidden): the real libraries must never find these in place of their own. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include "cuda.h"

enum {
#define NAME(i, name) slot_##name = i,
#include "names.h"
#undef NAME
  slots
};

void *pipe_cuda_table[slots];

static const char *const names[slots] = {
#define NAME(i, name) [i] = #name,
#include "names.h"
#undef NAME
};

#if defined(__x86_64__)
#define NAME(i, name) \
  __asm__(".text\n.globl " #name "\n.hidden " #name "\n.type " #name ",@function\n" #name ":\n\tjmp *pipe_cuda_table+8*" #i "(%rip)\n");
#elif defined(__aarch64__)
#define NAME(i, name) \
  __asm__(".text\n.globl " #name "\n.hidden " #name "\n.type " #name ",@function\n" #name ":\n\tadrp x16, pipe_cuda_table+8*" #i \
          "\n\tldr x16, [x16, #:lo12:pipe_cuda_table+8*" #i "]\n\tbr x16\n");
#else
#error "CUDA is built for amd64 and arm64"
#endif
#include "names.h"

static CUresult no_device(void) { return CUDA_ERROR_NO_DEVICE; }
static CUresult not_supported(void) { return CUDA_ERROR_NOT_SUPPORTED; }

static char reason[512];
static CUresult (*count)(int *);

__attribute__((constructor)) static void closed(void) {
  for (int i = 0; i < slots; i++)
    pipe_cuda_table[i] = (void *)no_device;
}

static void load(void) {
  void *driver = dlopen("libcuda.so.1", RTLD_NOW | RTLD_GLOBAL);
  if (!driver) {
    snprintf(reason, sizeof reason, "no NVIDIA driver: %s", dlerror());
    return;
  }
  CUresult (*init)(unsigned) = (CUresult(*)(unsigned))dlsym(driver, "cuInit");
  CUresult (*text)(CUresult, const char **) = (CUresult(*)(CUresult, const char **))dlsym(driver, "cuGetErrorString");
  count = (CUresult(*)(int *))dlsym(driver, "cuDeviceGetCount");
  if (!init || !count) {
    snprintf(reason, sizeof reason, "libcuda.so.1 is no CUDA driver: it has no cuInit");
    count = NULL;
    return;
  }
  CUresult r = init(0);
  if (r != CUDA_SUCCESS) {
    const char *s = NULL;
    if (text)
      text(r, &s);
    snprintf(reason, sizeof reason, "the NVIDIA driver does not start: %s (error %d of cuInit)", s ? s : "no text", (int)r);
    count = NULL;
    return;
  }
  for (int i = 0; i < slots; i++) {
    void *f = dlsym(driver, names[i]);
    pipe_cuda_table[i] = f ? f : (void *)not_supported;
  }
}

/* cuInit does nothing, so that starting the binary does not start the driver. */
CUresult cuInit(unsigned int flags) { return flags ? CUDA_ERROR_INVALID_VALUE : CUDA_SUCCESS; }

CUresult cuDeviceGetCount(int *n) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, load);
  if (count)
    return count(n);
  *n = 0;
  return CUDA_SUCCESS;
}

/* Why cuDeviceGetCount gives 0; empty if the driver runs. */
const char *pipe_cuda_reason(void) { return reason; }
