/* Tokens of PTX text, and the ends of a load. */
#include "ptx.h"
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void reject(parser *p, const char *format, ...) {
  int n = snprintf(p->text, 512, "PTX line %d: ", p->line);
  va_list args;
  va_start(args, format);
  vsnprintf(p->text + n, 512 - (size_t)n, format, args);
  va_end(args);
  longjmp(p->failed, 1);
}

static void blank(parser *p) {
  for (;;) {
    if (isspace((unsigned char)*p->at))
      p->ahead += *p->at++ == '\n';
    else if (p->at[0] == '/' && p->at[1] == '/')
      while (*p->at && *p->at != '\n')
        p->at++;
    else if (p->at[0] == '/' && p->at[1] == '*') {
      for (p->at += 2; *p->at && !(p->at[0] == '*' && p->at[1] == '/'); p->at++)
        p->ahead += *p->at == '\n';
      p->at += *p->at ? 2 : 0;
    } else
      return;
  }
}

static bool in_word(int c) { return isalnum(c) || c == '_' || c == '$' || c == '%' || c == '.'; }

void advance(parser *p) {
  blank(p);
  p->line = p->ahead;
  size_t n = 0;
  const char *s = p->at;
  if (in_word((unsigned char)*s))
    while (in_word((unsigned char)s[n]) || (s[n] == ':' && s[n + 1] == ':') || (n && s[n] == ':' && s[n - 1] == ':'))
      n++;
  else if (*s == '"') {
    for (n = 1; s[n] && s[n] != '"'; n++)
      ;
    n += s[n] != 0;
  } else
    n = *s != 0;
  if (n >= sizeof p->tok)
    reject(p, "a word of %zu letters is longer than the double takes", n);
  memcpy(p->tok, s, n);
  p->tok[n] = 0;
  p->at += n;
}

bool is(const parser *p, const char *token) { return !strcmp(p->tok, token); }

bool take(parser *p, const char *token) {
  if (!is(p, token))
    return false;
  advance(p);
  return true;
}

void want(parser *p, const char *token) {
  if (!take(p, token))
    reject(p, "'%s' stands where '%s' was expected", p->tok, token);
}

void word(parser *p, char out[256]) {
  if (!*p->tok)
    reject(p, "the text ends too early");
  strcpy(out, p->tok);
  advance(p);
}

i64 integer(parser *p) {
  bool minus = take(p, "-");
  char *end;
  u64 v = strtoull(p->tok, &end, 0);
  if (*end == 'U')
    end++;
  if (!isdigit((unsigned char)*p->tok) || *end)
    reject(p, "'%s' is no integer", p->tok);
  advance(p);
  return (i64)(minus ? -v : v);
}

/* Memory that lives as long as the module. */
void *keep(module *m, size_t bytes) {
  struct chunk *c = calloc(1, sizeof *c + 16 + bytes);
  c->next = m->kept;
  m->kept = c;
  return (u8 *)c + 16;
}

void *grow(module *m, void *list, u32 n, size_t size) {
  if (n && (n < 16 || n & (n - 1)))
    return list;
  void *more = keep(m, (n < 16 ? 16 : 2 * n) * size);
  if (n)
    memcpy(more, list, n * size);
  return more;
}

static const struct { const char *name; u8 bytes; bool is_signed; } types[] = {
    [B8] = {"b8", 1, 0}, [B16] = {"b16", 2, 0}, [B32] = {"b32", 4, 0}, [B64] = {"b64", 8, 0}, [U8] = {"u8", 1, 0},
    [U16] = {"u16", 2, 0}, [U32] = {"u32", 4, 0}, [U64] = {"u64", 8, 0}, [S8] = {"s8", 1, 1}, [S16] = {"s16", 2, 1},
    [S32] = {"s32", 4, 1}, [S64] = {"s64", 8, 1}, [F16] = {"f16", 2, 0}, [BF16] = {"bf16", 2, 0}, [F32] = {"f32", 4, 0},
    [F64] = {"f64", 8, 0}, [F16X2] = {"f16x2", 4, 0}, [BF16X2] = {"bf16x2", 4, 0}, [TF32] = {"tf32", 4, 0}, [PRED] = {"pred", 1, 0}};

const u8 type_bytes[] = {1, 2, 4, 8, 1, 2, 4, 8, 1, 2, 4, 8, 2, 2, 4, 8, 4, 4, 4, 1, 0};
const bool type_signed[] = {[S8] = 1, [S16] = 1, [S32] = 1, [S64] = 1, [NO_TYPE] = 0};

enum type type_named(const char *name) {
  for (int t = 0; t < NO_TYPE; t++)
    if (!strcmp(types[t].name, name))
      return (enum type)t;
  return NO_TYPE;
}
