/* Small kernels and what tests of the driver hold in common. */
#ifndef FAKECUDA_SIMPLE_H
#define FAKECUDA_SIMPLE_H

#include "test.h"

extern const char simple_kernels[];
CUfunction simple(const char *name); /* in one module of the test's context */
uint32_t first(CUdeviceptr);         /* its first word */
CUdeviceptr word(uint32_t);
CUstream stream(unsigned flags);
CUevent event(void);
uint32_t *pinned(void);

#endif
