/* Instructions on memory: ld, st, atom, red, cp.async, ldmatrix. */
#include "execute.h"
#include "ptx.h"
#include <string.h>

static char digit(int width) { return (char)('0' + width); }

/* Takes the words of a memory instruction: its space, vector and type; orders and hints have no effect here. */
static void memory_words(parser *p, ins *in, const mnemonic *m, const char *others) {
  in->count = 1;
  for (int i = 1; i < m->n; i++) {
    const char *s = m->part[i];
    enum type t = type_named(s);
    if (t != NO_TYPE && t != PRED)
      in->type = (u8)t;
    else if (!strcmp(s, "global") || !strcmp(s, "const"))
      in->space = GLOBAL;
    else if (!strcmp(s, "shared") || !strcmp(s, "shared::cta"))
      in->space = SHARED;
    else if (!strcmp(s, "local"))
      in->space = LOCAL;
    else if (!strcmp(s, "param"))
      in->space = PARAM;
    else if (!strcmp(s, "v2") || !strcmp(s, "v4"))
      in->count = (u8)(s[1] - '0');
    else {
      mnemonic one = {.n = 2};
      strcpy(one.part[0], m->part[0]);
      strcpy(one.part[1], s);
      allow(p, &one, 1, others);
    }
  }
  if (in->type == NO_TYPE)
    reject(p, "%s has no type", m->part[0]);
  in->size = type_bytes[in->type];
}

#define ORDERS "weak volatile relaxed acquire release acq_rel sc cta gpu sys nc ca cg cs lu cv wb wt"

/* A register or value of at least the element's size; a vector of them in braces. */
static void data(parser *p, ins *in, u32 *one) {
  u8 width;
  if (in->count == 1) {
    if (register_at(p, p->tok, &width) == NONE) {
      in->width = in->size < 2 ? 2 : in->size;
      *one = operand(p, digit(in->width));
    } else
      *one = operand_any(p, &in->width);
  } else {
    in->v = keep(p->m, 4 * sizeof *in->v);
    want(p, "{");
    in->width = in->size < 2 ? 2 : in->size;
    for (int i = 0; i < in->count; i++) {
      if (i)
        want(p, ",");
      if (register_at(p, p->tok, &width) != NONE && i == 0)
        in->width = width;
      in->v[i] = operand(p, digit(in->width));
    }
    want(p, "}");
  }
  if (in->width < in->size)
    reject(p, "%d bytes of memory and a register of %d", in->size, in->width);
}

static void atomic(parser *p, ins *in, const mnemonic *m, bool result) {
  static const char *const names[] = {"add", "min", "max", "and", "or", "xor", "exch", "cas", "inc", "dec"};
  memory_words(p, in, m, "relaxed acquire release acq_rel cta gpu sys noftz add min max and or xor exch cas inc dec");
  in->sub = 0xff;
  for (int i = 1; i < m->n; i++)
    for (u8 j = ADD; j <= DEC; j++)
      if (!strcmp(m->part[i], names[j]))
        in->sub = j;
  if (in->sub == 0xff || (in->type >= F16 && in->sub != ADD) || in->count > 1)
    reject(p, "this %s is outside what the double understands", m->part[0]);
  if (result) {
    in->d = operand(p, digit(in->size));
    want(p, ",");
  }
  address(p, in);
  want(p, ",");
  in->b = operand(p, digit(in->size));
  if (in->sub == CAS) {
    want(p, ",");
    in->c = operand(p, digit(in->size));
  }
  in->run = run_atomic;
  if (in->space == GLOBAL || in->space == GENERIC)
    p->k->ordered = true;
}

static void copy_async(parser *p, ins *in, const mnemonic *m) {
  if (part_is(m, 2, "commit_group")) {
    in->run = run_copy_commit;
  } else if (part_is(m, 2, "wait_group") || part_is(m, 2, "wait_all")) {
    in->run = run_copy_wait;
    in->sub = part_is(m, 2, "wait_all");
    in->imm = in->sub ? 0 : integer(p);
  } else {
    allow(p, m, 2, "ca cg shared shared::cta global L2::64B L2::128B L2::256B");
    in->run = run_copy;
    in->space = SHARED;
    address(p, in);
    if (in->space != SHARED)
      reject(p, "cp.async writes to shared memory alone");
    in->d = in->a;
    in->target = (u32)in->imm;
    in->width = in->address;
    want(p, ",");
    in->space = GLOBAL;
    address(p, in);
    want(p, ",");
    i64 bytes = integer(p);
    if (bytes != 16 && (part_is(m, 2, "cg") || (bytes != 4 && bytes != 8)))
      reject(p, "cp.async of %lld bytes", (long long)bytes);
    in->size = (u8)bytes;
    if (take(p, ","))
      in->b = operand(p, '4');
  }
}

static void ldmatrix(parser *p, ins *in, const mnemonic *m) {
  allow(p, m, 1, "sync aligned m8n8 x1 x2 x4 trans shared shared::cta b16");
  for (int i = 1; i < m->n; i++) {
    if (m->part[i][0] == 'x')
      in->count = (u8)(m->part[i][1] - '0');
    in->sub |= part_is(m, i, "trans");
  }
  in->v = keep(p->m, 4 * sizeof *in->v);
  if (braces(p, in->v, 4, '4') != in->count)
    reject(p, "ldmatrix.x%d into another number of registers", in->count);
  want(p, ",");
  in->space = GENERIC;
  for (int i = 1; i < m->n; i++)
    if (!strncmp(m->part[i], "shared", 6))
      in->space = SHARED;
  address(p, in);
  in->run = run_ldmatrix;
  in->flow = MEET;
}

bool memory_form(parser *p, ins *in, mnemonic *m) {
  if (part_is(m, 0, "ld") || part_is(m, 0, "ldu")) {
    memory_words(p, in, m, ORDERS);
    data(p, in, &in->d);
    want(p, ",");
    address(p, in);
    in->run = run_load;
  } else if (part_is(m, 0, "st")) {
    memory_words(p, in, m, ORDERS);
    address(p, in);
    want(p, ",");
    data(p, in, &in->b);
    in->run = run_store;
  } else if (part_is(m, 0, "atom"))
    atomic(p, in, m, true);
  else if (part_is(m, 0, "red"))
    atomic(p, in, m, false);
  else if (part_is(m, 0, "cp") && part_is(m, 1, "async"))
    copy_async(p, in, m);
  else if (part_is(m, 0, "ldmatrix"))
    ldmatrix(p, in, m);
  else
    return false;
  return true;
}
