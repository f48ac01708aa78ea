/* Tests of the doubles. Each runs in a process of its own, with a context on device 0 unless it says BARE. Those of CARD hold on a card as
 * well, and are all that `make test-card` runs. */
#ifndef FAKECUDA_TEST_H
#define FAKECUDA_TEST_H

#include "cuda.h"
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct { const char *name, *settings; void (*run)(void); bool bare, card; } test;

#define TEST_(id, settings, bare, card)                                        \
  static void id(void);                                                        \
  static const test id##_test = {#id, settings, id, bare, card};               \
  static const test *const id##_entry __attribute__((section("tests"), used)) = &id##_test; \
  static void id(void)
#define TEST(id) TEST_(id, "", false, false)
#define CARD(id) TEST_(id, "", false, true)
#define TEST_WITH(id, settings) TEST_(id, settings, false, false) /* "NAME=VALUE NAME=VALUE" */
#define BARE(id, settings) TEST_(id, settings, true, false)

/* Ends the test. */
void wrong(const char *file, int line, const char *what, const char *format, ...) __attribute__((noreturn, format(printf, 4, 5)));
#define CHECK(condition, ...) ((condition) ? (void)0 : wrong(__FILE__, __LINE__, #condition, " " __VA_ARGS__))
#define OK(call) ok_(call, #call, __FILE__, __LINE__)
#define FAILS(call, code) fails_(call, code, #call, __FILE__, __LINE__)
void ok_(CUresult, const char *call, const char *file, int line);
void fails_(CUresult, CUresult, const char *call, const char *file, int line);
#define TELLS(code, words) tells_(code, words, __FILE__, __LINE__)
void tells_(CUresult, const char *words, const char *file, int line); /* the error's text has the words */

extern CUcontext context;

char *file_text(const char *name); /* of the folder test */
CUmodule module_of_text(const char *ptx);
CUmodule module_of_file(const char *name);
CUfunction function_in(CUmodule, const char *name);
CUdeviceptr upload(const void *, size_t bytes);
void download(void *, CUdeviceptr, size_t bytes);
CUresult start(CUfunction, unsigned blocks, unsigned threads, unsigned dynamic, CUstream, void **params);
CUresult finish(CUfunction, unsigned blocks, unsigned threads, unsigned dynamic, void **params); /* and waits */

/* Of the double; a card's driver has none. */
int fakecuda_leaks(char *, size_t) __attribute__((weak));
const char *fakecuda_last_error(void) __attribute__((weak));

#define ARGS(...) (void *[]){__VA_ARGS__}

#endif
