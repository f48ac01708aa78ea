/* Dropout by the random numbers of package rng, so that a mask is the same on every device. */
#include "gk.h"

/* Philox4x32-10 (Salmon et al. 2011), as package rng. */
DEV void philox(u32 c[4], u32 k0, u32 k1) {
  for (int round = 0; round < 10; round++) {
    u64 a = (u64)0xD2511F53 * c[0], b = (u64)0xCD9E8D57 * c[2];
    u32 c1 = c[1], c3 = c[3];
    c[0] = (u32)(b >> 32) ^ c1 ^ k0;
    c[1] = (u32)b;
    c[2] = (u32)(a >> 32) ^ c3 ^ k1;
    c[3] = (u32)a;
    k0 += 0x9E3779B9;
    k1 += 0xBB67AE85;
  }
}

/* y[i] = 0 where word i%4 of block i/4 of the step is below threshold, else keep x[i]. A thread a block of 4. */
KERNEL dropout_train(float *y, const float *x, const int *step, int n, float keep, u64 threshold, u32 key0, u32 key1) {
  int block = index();
  u32 words[4] = {(u32)block, 0, (u32)*step, 0};
  philox(words, key0, key1);
  for (int j = 0; j < 4; j++)
    if (4 * block + j < n)
      y[4 * block + j] = words[j] < threshold ? 0.f : keep * x[4 * block + j];
}
