/* Modules, variables and functions of PTX text. */
#include "ptx.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static u64 rounded_up(u64 n, u64 to) { return (n + to - 1) / to * to; }

typedef struct { char name[256]; enum type type; u64 align, count; bool open; } variable;

/* .align 4 .b8 name[16], with count 0 and open for name[]. */
static variable variable_head(parser *p) {
  variable v = {.type = NO_TYPE, .align = 1, .count = 1};
  for (; p->tok[0] == '.'; advance(p)) {
    if (is(p, ".align")) {
      advance(p);
      v.align = strtoull(p->tok, NULL, 0);
    } else if (type_named(p->tok + 1) != NO_TYPE)
      v.type = type_named(p->tok + 1);
    else if (!is(p, ".ptr") && !is(p, ".global") && !is(p, ".const"))
      reject(p, "'%s' of a variable is not understood", p->tok);
  }
  if (v.type == NO_TYPE || v.type == PRED)
    reject(p, "a variable has no type");
  if (v.align < type_bytes[v.type])
    v.align = type_bytes[v.type];
  word(p, v.name);
  while (take(p, "[")) {
    if (is(p, "]"))
      v.open = true, v.count = 0;
    else
      v.count *= (u64)integer(p);
    want(p, "]");
  }
  return v;
}

/* = 1 or = {1, 2, 3}, into the bytes of the variable. */
static void initial(parser *p, const variable *v, u8 *host) {
  bool many = take(p, "{");
  u64 i = 0, size = type_bytes[v->type];
  do {
    u64 bits;
    bool minus = take(p, "-");
    if (p->tok[0] == '0' && strchr("fFdD", p->tok[1]) && p->tok[1])
      bits = strtoull(p->tok + 2, NULL, 16), advance(p);
    else
      bits = (u64)integer(p);
    if (minus)
      bits = -bits;
    if (i >= v->count)
      reject(p, "%s has more initial values than elements", v->name);
    memcpy(host + i++ * size, &bits, size);
  } while (many && take(p, ","));
  if (many)
    want(p, "}");
}

static symbol *symbol_of(parser *p, symbol **list, u32 *n, const char *name) {
  *list = grow(p->m, *list, *n, sizeof **list);
  symbol *s = &(*list)[(*n)++];
  s->name = keep(p->m, strlen(name) + 1);
  strcpy(s->name, name);
  return s;
}

/* .global and .const variables have memory at once; .shared ones get theirs in each function. */
static void module_variable(parser *p, bool shared) {
  variable v = variable_head(p);
  symbol *s = symbol_of(p, &p->m->symbols, &p->m->n_symbols, v.name);
  s->bytes = v.count * type_bytes[v.type];
  s->dynamic = v.open;
  if (shared) {
    s->space = SHARED;
    s->address = v.align;
  } else {
    s->space = GLOBAL;
    s->address = memory_new(s->bytes ? s->bytes : 1, p->m->device, LIVE);
    allocation *a = memory_exact(s->address);
    a->of_module = true;
    memset(a->host, 0, a->bytes);
    if (take(p, "="))
      initial(p, &v, a->host);
  }
  want(p, ";");
}

static void local_symbol(parser *p, const char *name, enum space space, u64 at, u64 bytes, bool dynamic) {
  symbol *s = symbol_of(p, &p->locals, &p->n_locals, name);
  s->space = space;
  s->address = at;
  s->bytes = bytes;
  s->dynamic = dynamic;
}

static void place(parser *p, const char *name, enum space space, u64 *total, u64 align, u64 bytes) {
  *total = rounded_up(*total, align);
  local_symbol(p, name, space, *total, bytes, false);
  *total += bytes;
}

static void parameters(parser *p) {
  kernel *k = p->k;
  u64 total = 0;
  while (!take(p, ")")) {
    want(p, ".param");
    variable v = variable_head(p);
    u64 bytes = v.count * type_bytes[v.type];
    place(p, v.name, PARAM, &total, v.align, bytes);
    param *q = GROW(p, k->params, k->n_params);
    *q = (param){(u32)(total - bytes), (u32)bytes};
    take(p, ",");
  }
  k->param_bytes = (u32)total;
}

/* .maxntid 256, 1, 1 and its like, up to the body. */
static void directives(parser *p) {
  while (!is(p, "{")) {
    bool limit = is(p, ".maxntid") || is(p, ".reqntid");
    if (!limit && !is(p, ".minnctapersm") && !is(p, ".maxnreg") && !is(p, ".pragma"))
      reject(p, "'%s' of a function is not understood", p->tok);
    advance(p);
    u64 threads = 1;
    do {
      if (p->tok[0] == '"')
        advance(p);
      else
        threads *= (u64)integer(p);
    } while (take(p, ","));
    if (limit)
      p->k->max_threads = threads < MAX_THREADS ? (u32)threads : MAX_THREADS;
    take(p, ";");
  }
}

u32 file_row(kernel *k, u32 width) {
  u32 at = k->file;
  k->file += width == 1 ? 64 : width < 2 ? 64 : width * LANES;
  return at;
}

static void declare_registers(parser *p) {
  if (p->tok[0] != '.' || type_named(p->tok + 1) == NO_TYPE)
    reject(p, "registers of '%s' are not understood", p->tok);
  enum type t = type_named(p->tok + 1);
  advance(p);
  do {
    registers *r = GROW(p, p->regs, p->n_regs);
    char name[256];
    word(p, name);
    if (strlen(name) >= sizeof r->name)
      reject(p, "the register's name %s is longer than the double takes", name);
    strcpy(r->name, name);
    r->width = t == PRED ? 1 : type_bytes[t] < 2 ? 2 : type_bytes[t];
    u32 count = 1;
    if (take(p, "<")) {
      count = r->n = (u32)integer(p);
      want(p, ">");
    }
    for (u32 i = 0; i < count; i++) {
      u32 at = file_row(p->k, r->width);
      if (!i)
        r->first = at;
    }
  } while (take(p, ","));
  want(p, ";");
}

static void body(parser *p) {
  kernel *k = p->k;
  int depth = 0;
  do {
    char name[256];
    if (take(p, "{"))
      depth++;
    else if (take(p, "}"))
      depth--;
    else if (take(p, ";"))
      ;
    else if (take(p, ".reg"))
      declare_registers(p);
    else if (is(p, ".shared") || is(p, ".local")) {
      bool shared = is(p, ".shared");
      advance(p);
      variable v = variable_head(p);
      place(p, v.name, shared ? SHARED : LOCAL, shared ? &k->shared : &k->local, v.align, v.count * type_bytes[v.type]);
      want(p, ";");
    } else if (is(p, ".pragma")) {
      while (!take(p, ";"))
        advance(p);
    } else {
      word(p, name);
      if (name[0] == '.')
        reject(p, "'%s' in a function is outside what the double understands", name);
      if (take(p, ":")) {
        label *l = GROW(p, p->labels, p->n_labels);
        snprintf(l->name, sizeof l->name, "%s", name);
        l->at = k->length;
      } else
        instruction(p, name);
    }
  } while (depth);
}

static void resolve_jumps(parser *p) {
  for (u32 i = 0; i < p->n_jumps; i++) {
    u32 j = 0;
    while (j < p->n_labels && strcmp(p->labels[j].name, p->jumps[i].name))
      j++;
    p->line = p->jumps[i].line;
    if (j == p->n_labels)
      reject(p, "there is no label %s", p->jumps[i].name);
    p->k->code[p->jumps[i].at].target = p->labels[j].at;
  }
}

static void entry(parser *p) {
  kernel *k = p->k = keep(p->m, sizeof *k);
  *GROW(p, p->m->kernels, p->m->n_kernels) = k;
  p->regs = NULL, p->locals = NULL, p->labels = p->jumps = NULL;
  p->n_regs = p->n_locals = p->n_labels = p->n_jumps = 0;
  k->of = p->m;
  k->max_threads = MAX_THREADS;
  k->most_dynamic = 48 << 10;
  k->file = 8 * LANES; /* offset 0: where results go that nobody wants */
  memset(k->sreg, 0xff, sizeof k->sreg);
  char name[256];
  word(p, name);
  k->name = strcpy(keep(p->m, strlen(name) + 1), name);
  for (u32 i = 0; i < p->m->n_symbols; i++) {
    symbol *s = &p->m->symbols[i];
    if (s->space == SHARED && !s->dynamic)
      place(p, s->name, SHARED, &k->shared, s->address, s->bytes);
    else
      local_symbol(p, s->name, s->space, s->space == SHARED ? 0 : s->address, s->bytes, s->dynamic && s->space == SHARED);
  }
  if (take(p, "("))
    parameters(p);
  directives(p);
  body(p);
  emit(p)->flow = EXIT; /* past its last brace a function returns */
  resolve_jumps(p);
}

module *module_load(const char *ptx, int capability, int device, char text[512]) {
  parser *const p = calloc(1, sizeof *p);
  *p = (parser){.at = ptx, .ahead = 1, .text = text, .capability = capability, .m = calloc(1, sizeof *p->m)};
  p->m->device = device;
  if (setjmp(p->failed)) {
    module_free(p->m);
    free(p);
    return NULL;
  }
  advance(p);
  if (!take(p, ".version"))
    reject(p, "no .version directive: this is no PTX text");
  advance(p);
  while (*p->tok) {
    if (take(p, ".target")) {
      int needs = !strncmp(p->tok, "sm_", 3) ? atoi(p->tok + 3) : 0;
      if (!needs || needs > p->capability)
        reject(p, "target %s does not run on a device of capability %d.%d", p->tok, capability / 10, capability % 10);
      advance(p);
      while (take(p, ","))
        advance(p);
    } else if (take(p, ".address_size")) {
      if (integer(p) != 64)
        reject(p, "addresses are not of 64 bits");
    } else if (take(p, ".visible") || take(p, ".extern") || take(p, ".weak") || take(p, ".common"))
      ;
    else if (take(p, ".global") || take(p, ".const"))
      module_variable(p, false);
    else if (take(p, ".shared"))
      module_variable(p, true);
    else if (take(p, ".entry"))
      entry(p);
    else if (is(p, ".func"))
      reject(p, "functions that are called are outside what the double understands: inline them");
    else
      reject(p, "'%s' in a module is outside what the double understands", p->tok);
  }
  module *m = p->m;
  free(p);
  return m;
}

void module_free(module *m) {
  for (u32 i = 0; i < m->n_symbols; i++)
    if (m->symbols[i].space == GLOBAL)
      memory_drop(memory_exact(m->symbols[i].address));
  for (struct chunk *c = m->kept, *next; c; c = next) {
    next = c->next;
    free(c);
  }
  free(m);
}

kernel *module_kernel(module *m, const char *name) {
  for (u32 i = 0; i < m->n_kernels; i++)
    if (!strcmp(m->kernels[i]->name, name))
      return m->kernels[i];
  return NULL;
}

bool module_global(module *m, const char *name, u64 *at, u64 *bytes) {
  for (u32 i = 0; i < m->n_symbols; i++)
    if (m->symbols[i].space == GLOBAL && !strcmp(m->symbols[i].name, name)) {
      *at = m->symbols[i].address;
      *bytes = m->symbols[i].bytes;
      return true;
    }
  return false;
}
