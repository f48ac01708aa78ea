/* The C dialect of the kernels: what CUDA's headers would give, and the arithmetic that kernels share. Compiled by clang alone; see
 * `make ptx`.
 *
 * A kernel is `KERNEL name(outputs, inputs, scalars)`: pointers to float unless said, int, float. Blocks have at most 256 threads unless
 * the Go side says otherwise, a multiple of 32. Every thread of a block reaches every barrier, block_sum and block_max. */
#ifndef GK_H
#define GK_H

typedef unsigned int u32;
typedef unsigned long long u64;

#define KERNEL extern "C" __attribute__((global)) void
#define DEV static inline __attribute__((device, always_inline))
#define SHARED static __attribute__((shared))

DEV int thread_x() { return __nvvm_read_ptx_sreg_tid_x(); }
DEV int thread_y() { return __nvvm_read_ptx_sreg_tid_y(); }
DEV int block_x() { return __nvvm_read_ptx_sreg_ctaid_x(); }
DEV int block_y() { return __nvvm_read_ptx_sreg_ctaid_y(); }
DEV int block_z() { return __nvvm_read_ptx_sreg_ctaid_z(); }
DEV int threads_x() { return __nvvm_read_ptx_sreg_ntid_x(); }
DEV int index() { return block_x() * threads_x() + thread_x(); }

DEV int min_(int a, int b) { return a < b ? a : b; }
DEV int max_(int a, int b) { return a > b ? a : b; }
DEV float bits_to_float(u32 b) { return __builtin_bit_cast(float, b); }
DEV u32 float_to_bits(float x) { return __builtin_bit_cast(u32, x); }

/* ---- sums in a fixed order: lanes of a warp as a tree, then warps as a tree. Blocks are one-dimensional. ---- */

#define ALL_LANES 0xffffffffu

DEV float warp_sum(float v) {
  for (int o = 16; o > 0; o >>= 1)
    v += __nvvm_shfl_sync_bfly_f32(ALL_LANES, v, o, 31);
  return v;
}

DEV float larger(float a, float b) { return b > a || b != b ? b : a; } /* NaN wins */

DEV float warp_max(float v) {
  for (int o = 16; o > 0; o >>= 1)
    v = larger(v, __nvvm_shfl_sync_bfly_f32(ALL_LANES, v, o, 31));
  return v;
}

/* The sum of v over the block, in every thread. work is 32 floats of shared memory, free again on return. */
DEV float block_sum(float v, float *work) {
  int lane = thread_x() & 31, warp = thread_x() >> 5, warps = threads_x() >> 5;
  v = warp_sum(v);
  if (lane == 0)
    work[warp] = v;
  __syncthreads();
  v = warp_sum(lane < warps ? work[lane] : 0.f);
  __syncthreads();
  return v;
}

DEV float block_max(float v, float *work) {
  int lane = thread_x() & 31, warp = thread_x() >> 5, warps = threads_x() >> 5;
  v = warp_max(v);
  if (lane == 0)
    work[warp] = v;
  __syncthreads();
  v = warp_max(work[lane < warps ? lane : 0]);
  __syncthreads();
  return v;
}

/* ---- places in a tensor of which dimensions are repeated, moved or summed ---- */

/* Sizes and steps, the innermost first; the last size is not needed. Go: walk.args. */
#define WALK(p) int p##rank, int p##n0, int p##n1, int p##n2, int p##n3, int p##n4, int p##s0, int p##s1, int p##s2, int p##s3, int p##s4, int p##s5
#define WALKED(p, i) walk(i, p##rank, p##n0, p##n1, p##n2, p##n3, p##n4, p##s0, p##s1, p##s2, p##s3, p##s4, p##s5)

/* Where element i of the walked shape lies. */
DEV int walk(int i, WALK()) {
  if (rank == 1)
    return i * s0;
  int at = i % n0 * s0;
  i /= n0;
  if (rank == 2)
    return at + i * s1;
  at += i % n1 * s1;
  i /= n1;
  if (rank == 3)
    return at + i * s2;
  at += i % n2 * s2;
  i /= n2;
  if (rank == 4)
    return at + i * s3;
  at += i % n3 * s3;
  i /= n3;
  if (rank == 5)
    return at + i * s4;
  at += i % n4 * s4;
  return at + i / n4 * s5;
}

/* ---- functions, with the coefficients of package cpu ---- */

DEV float sqrt_(float x) { return __nvvm_sqrt_rn_f(x); }
DEV float rsqrt_(float x) { return 1.f / __nvvm_sqrt_rn_f(x); }

/* e^x to 1 unit in the last place from -87.6 to 88.3, where it ends. NaN stays NaN. */
DEV float exp_(float x) {
  x = -88.f > x ? -88.f : x;
  x = 89.f < x ? 89.f : x;
  float shifted = x * 0x1.715476p+0f + 0x1.8p23f;
  float n = shifted - 0x1.8p23f;
  float r = x - n * 0x1.63p-1f;
  r -= n * -0x1.bd0106p-13f;
  float p = 0x1.6a2404p-10f;
  p = p * r + 0x1.123ap-7f;
  p = p * r + 0x1.5558f2p-5f;
  p = p * r + 0x1.555492p-3f;
  p = p * r + 0x1.fffffcp-2f;
  p = p * (r * r) + r + 1.f;
  return p * bits_to_float((u32)max_((int)float_to_bits(shifted) - 0x4b400000 + 127, 0) << 23);
}

DEV float sigmoid_(float x) { return 1.f / (1.f + exp_(-x)); }

/* The distribution function of the standard normal, and e^(-x^2/2). */
DEV float normal_(float x, float *density) {
  float e = exp_(-0.5f * x * x);
  float t = 1.f / (1.f + 0.26f * (x < 0.f ? -x : x));
  float p = 0x1.ef4a66p-6f;
  p = p * t + -0x1.364256p-3f;
  p = p * t + 0x1.fd6718p-3f;
  p = p * t + -0x1.2eab66p-3f;
  p = p * t + 0x1.4522dp-3f;
  p = p * t + 0x1.a9b2ecp-5f;
  p = p * t + 0x1.a505a6p-4f;
  p = p * t + 0x1.a618cap-4f;
  p = p * t + 0x1.a8fd2p-4f;
  float q = e * (p * t);
  *density = e;
  return x < 0.f ? q : 1.f - q;
}

/* log x of a normal x > 0: x = m 2^e with m in [sqrt(1/2), sqrt(2)), log m = 2 atanh((m - 1) / (m + 1)). */
DEV float log_(float x) {
  u32 b = float_to_bits(x) - 0x3f3504f3; /* sqrt(1/2) */
  float e = (float)((int)b >> 23);
  float m = bits_to_float((b & 0x7fffff) + 0x3f3504f3);
  float t = (m - 1.f) / (m + 1.f), q = t * t;
  float p = 0x1.745d18p-4f;          /* 1/11 */
  p = p * q + 0x1.c71c72p-4f;        /* 1/9 */
  p = p * q + 0x1.24924ap-3f;        /* 1/7 */
  p = p * q + 0x1.99999ap-3f;        /* 1/5 */
  p = p * q + 0x1.555556p-2f;        /* 1/3 */
  float f = 2.f * t + 2.f * t * (q * p);
  return e * 0x1.62e4p-1f + (e * 0x1.7f7d1cp-20f + f); /* ln 2 in two parts */
}

#endif
