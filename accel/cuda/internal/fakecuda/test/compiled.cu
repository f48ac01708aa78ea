// What compilers make of the constructs that kernels use: compiled by clang for each optimisation and card, run by compiled.c.
typedef unsigned int u32;
typedef unsigned long long u64;
#define KERNEL extern "C" __attribute__((global)) void
#define SHARED static __attribute__((shared))
#define DEV static inline __attribute__((device, always_inline))
DEV int tid() { return __nvvm_read_ptx_sreg_tid_x(); }
DEV int bid() { return __nvvm_read_ptx_sreg_ctaid_x(); }
DEV int threads() { return __nvvm_read_ptx_sreg_ntid_x(); }
extern __attribute__((shared)) float dynamic_memory[];
__attribute__((device)) float scale_factor = 1.5f;
__attribute__((constant)) int steps[4] = {3, 1, 4, 1};

// c[16 i + j] = sum_k a[16 i + k] b[16 k + j], blocks of 16 x 16 threads
KERNEL gemm(float *c, const float *a, const float *b, int n) {
  SHARED float x[16][17], y[16][17];
  int i = __nvvm_read_ptx_sreg_ctaid_y() * 16 + __nvvm_read_ptx_sreg_tid_y(), j = bid() * 16 + tid();
  int ty = __nvvm_read_ptx_sreg_tid_y(), tx = tid();
  float sum = 0;
  for (int k0 = 0; k0 < n; k0 += 16) {
    x[ty][tx] = i < n && k0 + tx < n ? a[i * n + k0 + tx] : 0.f;
    y[ty][tx] = k0 + ty < n && j < n ? b[(k0 + ty) * n + j] : 0.f;
    __syncthreads();
    for (int k = 0; k < 16; k++)
      sum += x[ty][k] * y[k][tx];
    __syncthreads();
  }
  if (i < n && j < n)
    c[i * n + j] = sum;
}

// the sum of each block, by shuffles and dynamic shared memory
KERNEL sums(float *out, const float *in, int n) {
  int i = bid() * threads() + tid();
  float v = i < n ? in[i] * scale_factor : 0.f;
  for (int o = 16; o > 0; o >>= 1)
    v += __nvvm_shfl_sync_bfly_f32(0xffffffffu, v, o, 31);
  if ((tid() & 31) == 0)
    dynamic_memory[tid() >> 5] = v;
  __syncthreads();
  if (tid() == 0) {
    float s = 0;
    for (int w = 0; w < threads() / 32; w++)
      s += dynamic_memory[w];
    out[bid()] = s;
  }
}

// branches, a loop of another length in each lane, a local array, division, bytes, 64 bits, double
KERNEL mixed(int *out, const signed char *bytes, int n) {
  int i = bid() * threads() + tid();
  if (i >= n)
    return;
  int v = bytes[i], work[8];
  for (int k = 0; k < 8; k++)
    work[(k * 3 + i) & 7] = v + k * steps[k & 3];
  switch (i % 5) {
  case 0: v = work[i & 7]; break;
  case 1: v = v / 3 + v % 7; break;
  case 2:
    for (int k = 0; k < i % 11; k++)
      v = v * 3 + work[k & 7];
    break;
  case 3: v = (int)(((u64)(u32)v * 0x9e3779b97f4a7c15ull) >> 40); break;
  default: v = (int)((double)v * 1.25 - 0.5);
  }
  out[i] = v < 0 ? -v * 2 : v;
}

// a histogram by atomics in shared memory, then in global memory
KERNEL histogram(u32 *out, const signed char *bytes, int n) {
  SHARED u32 count[16];
  if (tid() < 16)
    count[tid()] = 0;
  __syncthreads();
  int i = bid() * threads() + tid();
  if (i < n)
    __nvvm_atom_add_gen_i((int *)&count[bytes[i] & 15], 1);
  __syncthreads();
  if (tid() < 16)
    __nvvm_atom_add_gen_i((int *)&out[tid()], (int)count[tid()]);
}

// f16 in memory and in arithmetic
KERNEL halves(unsigned short *out, const __fp16 *in, int n) {
  int i = bid() * threads() + tid();
  if (i < n) {
    __fp16 y = (__fp16)((float)in[i] * 2.f);
    unsigned short x = ((const unsigned short *)in)[i], r = __builtin_bit_cast(unsigned short, y);
    asm("fma.rn.f16 %0, %1, %2, %1;" : "=h"(r) : "h"(x), "h"(r));
    out[i] = r;
  }
}

// wide loads and stores, and the functions that the hardware has
typedef float f4 __attribute__((ext_vector_type(4)));
KERNEL functions(f4 *out, const f4 *in, int n) {
  int i = bid() * threads() + tid();
  if (i < n) {
    f4 v = in[i];
    v.x = __nvvm_ex2_approx_f(v.x);
    v.y = __nvvm_sqrt_rn_f(v.y < 0.f ? -v.y : v.y);
    v.z = 1.f / (1.f + v.z * v.z);
    v.w = __builtin_fabsf(v.w) < 1.f ? -v.w : __builtin_floorf(v.w);
    out[i] = v;
  }
}

#if __CUDA_ARCH__ >= 800
// out[16][8] = a[16][16] b[8][16]^T in bf16: cp.async into shared memory, ldmatrix, mma.sync; one warp
KERNEL tensor(float *out, const unsigned short *a, const unsigned short *b) {
  SHARED unsigned short x[16 * 16] __attribute__((aligned(16))), y[8 * 16] __attribute__((aligned(16)));
  int l = tid();
  u32 to = (u32)(u64)(__attribute__((address_space(3))) void *)(x + 8 * l);
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(to), "l"(a + 8 * l));
  if (l < 16) {
    u32 ty = (u32)(u64)(__attribute__((address_space(3))) void *)(y + 8 * l);
    asm volatile("cp.async.ca.shared.global [%0], [%1], 16;" ::"r"(ty), "l"(b + 8 * l));
  }
  asm volatile("cp.async.commit_group;\n cp.async.wait_group 0;");
  __syncthreads();
  u32 a0, a1, a2, a3, b0, b1, px = (u32)(u64)(__attribute__((address_space(3))) void *)(x + l % 16 * 16 + l / 16 * 8);
  u32 py = (u32)(u64)(__attribute__((address_space(3))) void *)(y + l % 8 * 16 + l / 8 % 2 * 8);
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];" : "=r"(a0), "=r"(a1), "=r"(a2), "=r"(a3) : "r"(px));
  asm volatile("ldmatrix.sync.aligned.m8n8.x2.shared.b16 {%0, %1}, [%2];" : "=r"(b0), "=r"(b1) : "r"(py));
  float c0 = 0, c1 = 0, c2 = 0, c3 = 0;
  asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
               : "+f"(c0), "+f"(c1), "+f"(c2), "+f"(c3) : "r"(a0), "r"(a1), "r"(a2), "r"(a3), "r"(b0), "r"(b1));
  int row = l / 4, column = l % 4 * 2;
  out[row * 8 + column] = c0;
  out[row * 8 + column + 1] = c1;
  out[(row + 8) * 8 + column] = c2;
  out[(row + 8) * 8 + column + 1] = c3;
}

// bf16 by its conversion instructions
KERNEL rounded(unsigned short *out, const float *in, int n) {
  int i = bid() * threads() + tid();
  if (i < n) {
    unsigned short h;
    asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(h) : "f"(in[i]));
    out[i] = h;
  }
}
#endif
