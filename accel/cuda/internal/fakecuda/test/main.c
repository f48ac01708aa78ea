/* Runs the tests whose names hold an argument, or all; against a driver that is no double, those that hold on a card. */
#include "test.h"
#include <stdarg.h>
#include <sys/wait.h>
#include <unistd.h>

extern const test *const __start_tests[], *const __stop_tests[];
CUcontext context;

void wrong(const char *file, int line, const char *what, const char *format, ...) {
  va_list args;
  va_start(args, format);
  printf("%s:%d: %s", file, line, what);
  vprintf(format, args);
  printf(" [%s]\n", fakecuda_last_error ? fakecuda_last_error() : "no double");
  fflush(stdout);
  _exit(1);
}

void ok_(CUresult r, const char *call, const char *file, int line) {
  if (r)
    wrong(file, line, call, " gives %d", r);
}

void fails_(CUresult r, CUresult code, const char *call, const char *file, int line) {
  if (r != code)
    wrong(file, line, call, " gives %d, not %d", r, code);
}

void tells_(CUresult r, const char *words, const char *file, int line) {
  const char *text = NULL;
  cuGetErrorString(r, &text);
  if (!text || !strstr(text, words))
    wrong(file, line, words, " is not in the error's text: %s", text ? text : "");
}

char *file_text(const char *name) {
  char path[1024];
  snprintf(path, sizeof path, "%s/%s", getenv("FAKECUDA_TESTS"), name);
  FILE *f = fopen(path, "rb");
  CHECK(f, "%s is not there", path);
  char *text = calloc(1, 4 << 20);
  CHECK(fread(text, 1, (4 << 20) - 1, f) > 0, "%s is empty", path);
  fclose(f);
  return text;
}

CUmodule module_of_text(const char *ptx) {
  CUmodule m;
  OK(cuModuleLoadData(&m, ptx));
  return m;
}

CUmodule module_of_file(const char *name) {
  char *text = file_text(name);
  CUmodule m = module_of_text(text);
  free(text);
  return m;
}

CUfunction function_in(CUmodule m, const char *name) {
  CUfunction f;
  OK(cuModuleGetFunction(&f, m, name));
  return f;
}

CUdeviceptr upload(const void *data, size_t bytes) {
  CUdeviceptr p;
  OK(cuMemAlloc(&p, bytes));
  if (data)
    OK(cuMemcpyHtoD(p, data, bytes));
  return p;
}

void download(void *to, CUdeviceptr from, size_t bytes) { OK(cuMemcpyDtoH(to, from, bytes)); }

CUresult start(CUfunction f, unsigned blocks, unsigned threads, unsigned dynamic, CUstream s, void **params) {
  return cuLaunchKernel(f, blocks, 1, 1, threads, 1, 1, dynamic, s, params, NULL);
}

CUresult finish(CUfunction f, unsigned blocks, unsigned threads, unsigned dynamic, void **params) {
  CUresult r = start(f, blocks, threads, dynamic, NULL, params);
  return r ? r : cuCtxSynchronize();
}

static void child(const test *t) {
  alarm(120); /* a test that never ends has failed */
  setenv("FAKECUDA_QUIET", "1", 1);
  for (char *all = strdup(t->settings), *one; (one = strsep(&all, " "));)
    if (*one)
      putenv(one);
  if (!t->bare) {
    OK(cuInit(0));
    OK(cuCtxCreate(&context, 0, 0));
  }
  t->run();
  fflush(stdout);
  _exit(0);
}

int main(int n, char **args) {
  int ran = 0, failed = 0;
  for (const test *const *t = __start_tests; t < __stop_tests; t++) {
    if ((n > 1 && !strstr((*t)->name, args[1])) || (!(*t)->card && !fakecuda_leaks))
      continue;
    ran++;
    fflush(stdout);
    pid_t pid = fork();
    if (!pid)
      child(*t);
    int status;
    waitpid(pid, &status, 0);
    bool good = WIFEXITED(status) && !WEXITSTATUS(status);
    failed += !good;
    printf("%s %s%s\n", good ? "ok  " : "FAIL", (*t)->name, WIFSIGNALED(status) ? " (killed by a signal)" : "");
  }
  printf("%d tests, %d failed\n", ran, failed);
  return failed || !ran;
}
