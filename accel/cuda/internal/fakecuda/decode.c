/* Instructions: the guard, the name, and the plain ones, whose operands the table of operations tells. */
#include "ptx.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern const operation *const __start_operations[], *const __stop_operations[];

typedef struct { const char *name; const operation *op; } entry;
static entry *entries;
static size_t n_entries;

static int by_name(const void *a, const void *b) { return strcmp(((const entry *)a)->name, ((const entry *)b)->name); }

/* Each name of each operation, sorted. */
static void index_operations(void) {
  size_t room = 64;
  entries = malloc(room * sizeof *entries);
  for (const operation *const *o = __start_operations; o < __stop_operations; o++)
    for (char *names = strdup((*o)->names), *name; (name = strsep(&names, " "));) {
      if (n_entries == room)
        entries = realloc(entries, (room *= 2) * sizeof *entries);
      entries[n_entries++] = (entry){name, *o};
    }
  qsort(entries, n_entries, sizeof *entries, by_name);
}

static const operation *operation_named(const char *name) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, index_operations);
  entry key = {.name = name}, *found = bsearch(&key, entries, n_entries, sizeof *entries, by_name);
  return found ? found->op : NULL;
}

ins *emit(parser *p) {
  ins *in = GROW(p, p->k->code, p->k->length);
  in->d = in->d2 = in->a = in->b = in->c = in->e = in->pred = in->target = in->members = NONE;
  in->type = in->from = NO_TYPE;
  in->line = p->line;
  return in;
}

bool part_is(const mnemonic *m, int i, const char *s) { return i < m->n && !strcmp(m->part[i], s); }

void allow(parser *p, const mnemonic *m, int from, const char *words) {
  for (int i = from; i < m->n; i++) {
    size_t n = strlen(m->part[i]);
    const char *s = words;
    while ((s = strstr(s, m->part[i])) && !((s == words || s[-1] == ' ') && (s[n] == ' ' || !s[n])))
      s += n;
    if (!s)
      reject(p, "modifier '.%s' of %s is outside what the double understands", m->part[i], m->part[0]);
  }
}

static mnemonic split(parser *p, const char *name) {
  mnemonic m = {.n = 0};
  for (const char *s = name; *s;) {
    size_t n = strcspn(s, ".");
    if (m.n == 12 || n >= sizeof m.part[0])
      reject(p, "'%s' is outside what the double understands", name);
    memcpy(m.part[m.n], s, n);
    m.part[m.n++][n] = 0;
    s += n + (s[n] == '.');
  }
  return m;
}

static bool flow_form(parser *p, ins *in, const mnemonic *m) {
  if (part_is(m, 0, "bra")) {
    allow(p, m, 1, "uni");
    in->flow = BRANCH;
    label *j = GROW(p, p->jumps, p->n_jumps);
    snprintf(j->name, sizeof j->name, "%s", p->tok);
    j->at = p->k->length - 1;
    j->line = p->line;
    advance(p);
  } else if (part_is(m, 0, "ret") || part_is(m, 0, "exit")) {
    allow(p, m, 1, "uni");
    in->flow = EXIT;
  } else
    return false;
  return true;
}

void instruction(parser *p, char *name) {
  char text[256];
  ins *in = emit(p);
  if (!strcmp(name, "@")) {
    in->negated = take(p, "!");
    in->pred = operand(p, 'p');
    word(p, text);
    in->line = p->line;
  } else
    strcpy(text, name);
  mnemonic m = split(p, text);
  const operation *op = operation_named(text);
  if (op) {
    in->run = op->run;
    u32 *places[] = {&in->d, &in->a, &in->b, &in->c, &in->e};
    for (int i = 0; op->operands[i]; i++) {
      if (i)
        want(p, ",");
      *places[i] = operand(p, op->operands[i]);
    }
  } else if (!flow_form(p, in, &m) && !register_form(p, in, &m) && !memory_form(p, in, &m) && !warp_form(p, in, &m))
    reject(p, "instruction '%s' is outside what the double understands", text);
  want(p, ";");
}
