/* Kernels in C, compiled by each clang that there is, at -O0 to -O3, for sm_70 to sm_90: all must load and give what they say. */
#include "test.h"
#include <dirent.h>
#include <math.h>

enum { N = 1000 };
static float in[N], floats[N];
static signed char bytes[N];
static int ints[N];
static char what[512]; /* the file and kernel at work */

static CUfunction pick(CUmodule m, const char *file, const char *name) {
  snprintf(what, sizeof what, "%s, kernel %s", file, name);
  return function_in(m, name);
}
#define RUN(call) CHECK((call) == CUDA_SUCCESS, "%s", what)
#define NEAR(got, want) CHECK(fabs((double)(got) - (want)) <= 1e-4 * (1 + fabs(want)), "%s: %g, not %g", what, (double)(got), (double)(want))

static void gemm(CUmodule m, const char *file) {
  int n = 30;
  CUdeviceptr a = upload(in, 3600), b = upload(in + 40, 3600), c = upload(NULL, 3600);
  RUN(cuLaunchKernel(pick(m, file, "gemm"), 2, 2, 1, 16, 16, 1, 0, NULL, ARGS(&c, &a, &b, &n), NULL));
  download(floats, c, 3600);
  for (int i = 0; i < n; i++)
    for (int j = 0; j < n; j++) {
      double want = 0;
      for (int k = 0; k < n; k++)
        want += (double)in[i * n + k] * in[40 + k * n + j];
      NEAR(floats[i * n + j], want);
    }
}

static void sums(CUmodule m, const char *file) {
  int n = N;
  CUdeviceptr x = upload(in, sizeof in), out = upload(NULL, 64);
  RUN(start(pick(m, file, "sums"), 8, 128, 64, NULL, ARGS(&out, &x, &n)));
  download(floats, out, 32);
  for (int b = 0; b < 8; b++) {
    double want = 0;
    for (int i = 128 * b; i < 128 * (b + 1) && i < N; i++)
      want += 1.5 * in[i];
    NEAR(floats[b], want);
  }
}

static int mixed_of(int i) {
  static const int steps[4] = {3, 1, 4, 1};
  int v = bytes[i], work[8];
  for (int k = 0; k < 8; k++)
    work[(k * 3 + i) & 7] = v + k * steps[k & 3];
  switch (i % 5) {
  case 0: v = work[i & 7]; break;
  case 1: v = v / 3 + v % 7; break;
  case 2:
    for (int k = 0; k < i % 11; k++)
      v = (int)((unsigned)v * 3 + (unsigned)work[k & 7]);
    break;
  case 3: v = (int)(((uint64_t)(uint32_t)v * 0x9e3779b97f4a7c15ull) >> 40); break;
  default: v = (int)((double)v * 1.25 - 0.5);
  }
  return v < 0 ? -v * 2 : v;
}

static void mixed(CUmodule m, const char *file) {
  int n = N;
  CUdeviceptr x = upload(bytes, N), out = upload(NULL, 4 * N);
  RUN(start(pick(m, file, "mixed"), 4, 256, 0, NULL, ARGS(&out, &x, &n)));
  download(ints, out, 4 * N);
  for (int i = 0; i < N; i++)
    CHECK(ints[i] == mixed_of(i), "%s: element %d is %d, not %d", what, i, ints[i], mixed_of(i));
}

static void histogram(CUmodule m, const char *file) {
  int n = N, want[16] = {0};
  CUdeviceptr x = upload(bytes, N), out = upload(want, 64);
  RUN(start(pick(m, file, "histogram"), 4, 256, 0, NULL, ARGS(&out, &x, &n)));
  download(ints, out, 64);
  for (int i = 0; i < N; i++)
    want[bytes[i] & 15]++;
  CHECK(!memcmp(ints, want, 64), "%s", what);
}

static void halves(CUmodule m, const char *file) {
  int n = N;
  uint16_t h[N];
  for (int i = 0; i < N; i++) {
    _Float16 x = (_Float16)in[i];
    memcpy(&h[i], &x, 2);
  }
  CUdeviceptr x = upload(h, sizeof h), out = upload(NULL, sizeof h);
  RUN(start(pick(m, file, "halves"), 4, 256, 0, NULL, ARGS(&out, &x, &n)));
  download(h, out, sizeof h);
  for (int i = 0; i < N; i++) {
    _Float16 v = (_Float16)in[i], got;
    memcpy(&got, &h[i], 2);
    _Float16 want = (_Float16)(2. * (double)v * (double)v + (double)v);
    CHECK(got == want, "%s: %g, not %g", what, (double)got, (double)want);
  }
}

static void functions(CUmodule m, const char *file) {
  int n = N / 4;
  CUdeviceptr x = upload(in, sizeof in), out = upload(NULL, sizeof in);
  RUN(start(pick(m, file, "functions"), 1, 256, 0, NULL, ARGS(&out, &x, &n)));
  download(floats, out, sizeof in);
  for (int i = 0; i < N; i += 4) {
    NEAR(floats[i], exp2(in[i]));
    NEAR(floats[i + 1], sqrt(fabs(in[i + 1])));
    NEAR(floats[i + 2], 1 / (1 + (double)in[i + 2] * in[i + 2]));
    NEAR(floats[i + 3], fabsf(in[i + 3]) < 1 ? -in[i + 3] : floorf(in[i + 3]));
  }
}

static uint16_t bf16_of(float x) { /* the nearest, ties to even */
  uint32_t b;
  memcpy(&b, &x, 4);
  return (uint16_t)((b + 0x7fff + (b >> 16 & 1)) >> 16);
}
static float from_bf16(uint16_t h) {
  uint32_t b = (uint32_t)h << 16;
  float x;
  memcpy(&x, &b, 4);
  return x;
}

static void tensor(CUmodule m, const char *file) {
  uint16_t a[256], b[128];
  for (int i = 0; i < 256; i++)
    a[i] = bf16_of(in[i]);
  for (int i = 0; i < 128; i++)
    b[i] = bf16_of(in[300 + i]);
  CUdeviceptr pa = upload(a, sizeof a), pb = upload(b, sizeof b), out = upload(NULL, 512);
  RUN(start(pick(m, file, "tensor"), 1, 32, 0, NULL, ARGS(&out, &pa, &pb)));
  download(floats, out, 512);
  for (int i = 0; i < 16; i++)
    for (int j = 0; j < 8; j++) {
      double want = 0;
      for (int k = 0; k < 16; k++)
        want += (double)from_bf16(a[16 * i + k]) * from_bf16(b[16 * j + k]);
      NEAR(floats[8 * i + j], want);
    }
}

static void rounded(CUmodule m, const char *file) {
  int n = N;
  uint16_t got[N];
  CUdeviceptr x = upload(in, sizeof in), out = upload(NULL, sizeof got);
  RUN(start(pick(m, file, "rounded"), 4, 256, 0, NULL, ARGS(&out, &x, &n)));
  download(got, out, sizeof got);
  for (int i = 0; i < N; i++)
    CHECK(got[i] == bf16_of(in[i]), "%s: element %d", what, i);
}

CARD(what_compilers_make_of_kernels_loads_and_runs) {
  uint32_t r = 1;
  for (int i = 0; i < N; i++) {
    r = r * 1664525 + 1013904223;
    in[i] = (float)((int)(r >> 8) - (1 << 23)) / (1 << 21);
    bytes[i] = (signed char)(r >> 24);
  }
  const char *folder = getenv("FAKECUDA_PTX");
  DIR *d = opendir(folder);
  CHECK(d, "%s is not there", folder);
  int files = 0;
  for (struct dirent *e; (e = readdir(d));) {
    char path[1024];
    const char *sm = strstr(e->d_name, "sm_");
    if (!sm || !strstr(e->d_name, ".ptx"))
      continue;
    snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
    CUmodule m;
    CHECK(cuModuleLoad(&m, path) == CUDA_SUCCESS, "%s", path);
    gemm(m, e->d_name), sums(m, e->d_name), mixed(m, e->d_name), histogram(m, e->d_name), halves(m, e->d_name), functions(m, e->d_name);
    if (atoi(sm + 3) >= 80)
      tensor(m, e->d_name), rounded(m, e->d_name);
    files++;
  }
  printf("     %d files of PTX\n", files);
  CHECK(files >= 20, "only %d files: is clang there?", files);
}
