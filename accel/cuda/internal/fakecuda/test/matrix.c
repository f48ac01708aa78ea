/* mma and ldmatrix against plain products. */
#include "test.h"
#include <math.h>

static float bf16_of(uint16_t h) { uint32_t b = (uint32_t)h << 16; float x; memcpy(&x, &b, 4); return x; }
static float f16_of(uint16_t h) { _Float16 x; memcpy(&x, &h, 2); return x; }
static uint16_t to_bf16(float x) { uint32_t b; memcpy(&b, &x, 4); return (uint16_t)(b >> 16); } /* exact for small numbers */
static uint16_t to_f16(float x) { _Float16 y = (_Float16)x; uint16_t h; memcpy(&h, &y, 2); return h; }

static uint32_t random_state = 7;
static float small(void) { return (float)((int)((random_state = random_state * 1664525 + 1013904223) >> 24) - 128) / 16; }

/* One warp loads whole matrices from memory by the documented place of each number, multiplies, and stores: a of 16 x deep by rows, b of
 * deep x 8 by columns, c of 16 x 8. */
static void product(const char *shape, const char *type, int deep, int size) {
  int na = 16 * deep * size / 128, nb = 8 * deep * size / 128; /* registers of a lane */
  char *ptx = malloc(1 << 15);
  int n = sprintf(ptx, ".version 7.1\n.target sm_80\n.address_size 64\n.visible .entry k(.param .u64 pa, .param .u64 pb, .param .u64 pc)\n{\n"
                       ".reg .b32 %%a<4>, %%b<4>, %%r<20>;\n.reg .f32 %%c<4>;\n.reg .b64 %%pa, %%pb, %%pc, %%o, %%t;\nld.param.u64 %%pa, [pa];\n"
                       "ld.param.u64 %%pb, [pb];\nld.param.u64 %%pc, [pc];\nmov.u32 %%r1, %%laneid;\nshr.u32 %%r2, %%r1, 2;\nand.b32 %%r3, %%r1, 3;\n");
  for (int i = 0; i < na; i++) /* row group + 8 (i odd), bytes 4 in_group + 16 (i / 2) */
    n += sprintf(ptx + n, "mad.lo.s32 %%r4, %%r2, %d, %d;\nmad.lo.s32 %%r4, %%r3, 4, %%r4;\nmul.wide.u32 %%o, %%r4, 1;\nadd.s64 %%t, %%pa, %%o;\n"
                          "ld.global.b32 %%a%d, [%%t];\n", deep * size, i % 2 * 8 * deep * size + i / 2 * 16, i);
  for (int i = 0; i < nb; i++)
    n += sprintf(ptx + n, "mad.lo.s32 %%r4, %%r2, %d, %d;\nmad.lo.s32 %%r4, %%r3, 4, %%r4;\nmul.wide.u32 %%o, %%r4, 1;\nadd.s64 %%t, %%pb, %%o;\n"
                          "ld.global.b32 %%b%d, [%%t];\n", deep * size, i * 16, i);
  for (int i = 0; i < 4; i++)
    n += sprintf(ptx + n, "mad.lo.s32 %%r4, %%r2, 32, %d;\nmad.lo.s32 %%r4, %%r3, 8, %%r4;\nmul.wide.u32 %%o, %%r4, 1;\nadd.s64 %%t, %%pc, %%o;\n"
                          "ld.global.f32 %%c%d, [%%t];\n", i / 2 * 8 * 32 + i % 2 * 4, i);
  n += sprintf(ptx + n, "mma.sync.aligned.%s.row.col.f32.%s.%s.f32 {%%c0, %%c1, %%c2, %%c3}, {", shape, type, type);
  for (int i = 0; i < na; i++)
    n += sprintf(ptx + n, "%s%%a%d", i ? ", " : "", i);
  n += sprintf(ptx + n, "}, {");
  for (int i = 0; i < nb; i++)
    n += sprintf(ptx + n, "%s%%b%d", i ? ", " : "", i);
  n += sprintf(ptx + n, "}, {%%c0, %%c1, %%c2, %%c3};\n");
  for (int i = 0; i < 4; i++)
    n += sprintf(ptx + n, "mad.lo.s32 %%r4, %%r2, 32, %d;\nmad.lo.s32 %%r4, %%r3, 8, %%r4;\nmul.wide.u32 %%o, %%r4, 1;\nadd.s64 %%t, %%pc, %%o;\n"
                          "st.global.f32 [%%t], %%c%d;\n", i / 2 * 8 * 32 + i % 2 * 4, i);
  sprintf(ptx + n, "ret;\n}\n");
  bool is_bf16 = !strcmp(type, "bf16");
  uint8_t a[16 * 16 * 4], b[16 * 8 * 4];
  float x[16][16], y[16][8], c[16][8], got[16][8];
  for (int i = 0; i < 16 * deep; i++) {
    float v = x[i / deep][i % deep] = small();
    uint16_t h = is_bf16 ? to_bf16(v) : to_f16(v);
    CHECK(size == 4 || (is_bf16 ? bf16_of(h) : f16_of(h)) == v);
    memcpy(a + i * size, size == 4 ? (void *)&v : (void *)&h, (size_t)size);
  }
  for (int i = 0; i < 8 * deep; i++) {
    float v = y[i % deep][i / deep] = small();
    uint16_t h = is_bf16 ? to_bf16(v) : to_f16(v);
    memcpy(b + i * size, size == 4 ? (void *)&v : (void *)&h, (size_t)size);
  }
  for (int i = 0; i < 128; i++)
    c[i / 8][i % 8] = small();
  CUdeviceptr pa = upload(a, sizeof a), pb = upload(b, sizeof b), pc = upload(c, sizeof c);
  OK(finish(function_in(module_of_text(ptx), "k"), 1, 32, 0, ARGS(&pa, &pb, &pc)));
  download(got, pc, sizeof got);
  for (int i = 0; i < 16; i++)
    for (int j = 0; j < 8; j++) {
      double want = c[i][j];
      for (int k = 0; k < deep; k++)
        want += (double)x[i][k] * y[k][j];
      CHECK(fabs(got[i][j] - want) < 1e-3, "%s %s (%d,%d) is %g, not %g", shape, type, i, j, got[i][j], want);
    }
}
CARD(mma_of_bf16) { product("m16n8k16", "bf16", 16, 2), product("m16n8k8", "bf16", 8, 2); }
CARD(mma_of_f16) { product("m16n8k16", "f16", 16, 2), product("m16n8k8", "f16", 8, 2); }
CARD(mma_of_tf32) { product("m16n8k8", "tf32", 8, 4), product("m16n8k4", "tf32", 4, 4); }

static void load_matrices(const char *trans) {
  char ptx[4096];
  sprintf(ptx, ".version 7.1\n.target sm_80\n.address_size 64\n.visible .entry k(.param .u64 p)\n{\n.reg .b32 %%r<20>;\n.reg .b64 %%rd<6>;\n"
               ".shared .align 16 .b8 s[512];\nld.param.u64 %%rd1, [p];\nmov.u32 %%r1, %%tid.x;\nmul.wide.u32 %%rd2, %%r1, 16;\nadd.s64 %%rd3, %%rd1, %%rd2;\n"
               "ld.global.v4.u32 {%%r2, %%r3, %%r4, %%r5}, [%%rd3];\nmov.u32 %%r6, s;\nshl.b32 %%r7, %%r1, 4;\nadd.s32 %%r8, %%r6, %%r7;\n"
               "st.shared.v4.u32 [%%r8], {%%r2, %%r3, %%r4, %%r5};\nbar.sync 0;\n"
               "ldmatrix.sync.aligned.m8n8.x4%s.shared.b16 {%%r2, %%r3, %%r4, %%r5}, [%%r8];\nst.global.v4.u32 [%%rd3], {%%r2, %%r3, %%r4, %%r5};\nret;\n}\n", trans);
  uint16_t in[4][8][8], out[32][4][2];
  for (int i = 0; i < 256; i++)
    ((uint16_t *)in)[i] = (uint16_t)i;
  CUdeviceptr p = upload(in, sizeof in);
  OK(finish(function_in(module_of_text(ptx), "k"), 1, 32, 0, ARGS(&p)));
  download(out, p, sizeof out);
  for (int l = 0; l < 32; l++)
    for (int j = 0; j < 4; j++)
      for (int h = 0; h < 2; h++) {
        int row = l / 4, column = l % 4 * 2 + h, want = *trans ? in[j][column][row] : in[j][row][column];
        CHECK(out[l][j][h] == want, "lane %d matrix %d gives %d, not %d", l, j, out[l][j][h], want);
      }
}
CARD(ldmatrix_gives_rows) { load_matrices(""); }
CARD(ldmatrix_gives_columns) { load_matrices(".trans"); }
