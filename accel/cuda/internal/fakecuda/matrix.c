/* Tensor-core products and the loads that feed them. Sums are exact products added in f64 and rounded once to f32; a device rounds on
 * the way, in an order of its own. */
#include "execute.h"
#include <string.h>

typedef struct { int m, n, k, per; } shape; /* per: numbers of a and b a register */

static f64 element(u32 reg, int part, enum type t) {
  f32 f;
  switch (t) {
  case F16: return half_to_float((u16)(reg >> (16 * part)));
  case BF16: return bfloat_to_float((u16)(reg >> (16 * part)));
  default: /* tf32: the lower 13 bits are not looked at */
    reg &= 0xffffe000u;
    memcpy(&f, &reg, 4);
    return f;
  }
}

/* v holds the offsets of d (4), a, b, c (4). Lane l has row l/4 of a and of c, column l/4 of b; register r of a holds rows below by 8 if
 * r is odd, and columns further right by 4 registers' worth if r is 2 or 3. */
void run_mma(warp *w, const ins *in, u32 lanes) {
  if (lanes != NONE) {
    fault(w, in, __builtin_ctz(lanes), FAULT_LAUNCH, "mma by lanes 0x%x, which must be all 32", lanes);
    return;
  }
  int per = in->from == TF32 ? 1 : 2, deep = in->mode == M16N8K16 ? 16 : in->mode == M16N8K8 ? 8 : 4;
  int na = 16 * deep / 32 / per, nb = 8 * deep / 32 / per;
  f64 a[16][16], b[16][8];
  const u32 *va = in->v + 4, *vb = va + na, *vc = vb + nb;
  for (int l = 0; l < LANES; l++) {
    int group = l / 4, in_group = l % 4;
    for (int r = 0; r < na; r++)
      for (int i = 0; i < per; i++)
        a[group + 8 * (r & 1)][in_group * per + i + (r >> 1) * 4 * per] = element(ROW(u32, va[r])[l], i, in->from);
    for (int r = 0; r < nb; r++)
      for (int i = 0; i < per; i++)
        b[in_group * per + i + r * 4 * per][group] = element(ROW(u32, vb[r])[l], i, in->from);
  }
  f32 out[4][LANES];
  for (int l = 0; l < LANES; l++)
    for (int r = 0; r < 4; r++) {
      int row = l / 4 + 8 * (r >> 1), column = l % 4 * 2 + (r & 1);
      f64 sum = ROW(f32, vc[r])[l];
      for (int k = 0; k < deep; k++)
        sum += a[row][k] * b[k][column];
      out[r][l] = (f32)sum;
    }
  for (int r = 0; r < 4; r++)
    memcpy(ROW(f32, in->v[r]), out[r], sizeof out[r]);
}

/* ldmatrix: lane 8 j + i has the address of row i of matrix j, 8 numbers of 16 bits; lane l gets numbers 2 (l % 4) and the next of row l/4
 * of each, or of the transpose. */
void run_ldmatrix(warp *w, const ins *in, u32 lanes) {
  if (lanes != NONE) {
    fault(w, in, __builtin_ctz(lanes), FAULT_LAUNCH, "ldmatrix by lanes 0x%x, which must be all 32", lanes);
    return;
  }
  u64 at[LANES];
  addresses(w, in, at);
  u16 matrix[4][8][8];
  for (int l = 0; l < 8 * in->count; l++) {
    u8 *host = resolve(w, in, l, at[l], 16, READ);
    if (!host)
      return;
    memcpy(matrix[l / 8][l % 8], host, 16);
  }
  for (int j = 0; j < in->count; j++)
    for (int l = 0; l < LANES; l++) {
      int row = l / 4, column = l % 4 * 2;
      u32 low = in->sub ? matrix[j][column][row] : matrix[j][row][column];
      u32 high = in->sub ? matrix[j][column + 1][row] : matrix[j][row][column + 1];
      ROW(u32, in->v[j])[l] = low | high << 16;
    }
}
