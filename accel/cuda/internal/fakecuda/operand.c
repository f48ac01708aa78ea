/* Operands: registers, special registers, immediates, symbols and addresses, each as the offset of a row. */
#include "ptx.h"
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static const char *const sreg_names[SREGS] = {
    "%tid.x", "%tid.y", "%tid.z", "%ntid.x", "%ntid.y", "%ntid.z", "%ctaid.x", "%ctaid.y", "%ctaid.z", "%nctaid.x", "%nctaid.y",
    "%nctaid.z", "%laneid", "%warpid", "%lanemask_eq", "%lanemask_lt", "%lanemask_le", "%lanemask_gt", "%lanemask_ge"};

u32 register_at(parser *p, const char *name, u8 *width) {
  for (u32 i = p->n_regs; i-- > 0;) {
    const registers *r = &p->regs[i];
    size_t n = strlen(r->name);
    if (strncmp(name, r->name, n))
      continue;
    *width = r->width;
    if (!r->n && !name[n])
      return r->first;
    char *end;
    u32 which = (u32)strtoul(name + n, &end, 10);
    if (r->n && isdigit((unsigned char)name[n]) && !*end && which < r->n)
      return r->first + which * (r->width == 1 ? 64 : r->width * LANES);
  }
  return NONE;
}

static u32 constant_row(parser *p, u8 width, u64 value) {
  kernel *k = p->k;
  for (u32 i = 0; i < k->n_constants; i++)
    if (k->constants[i].width == width && k->constants[i].value == value)
      return k->constants[i].at;
  constant *c = GROW(p, k->constants, k->n_constants);
  *c = (constant){file_row(k, width), width, value};
  return c->at;
}

static symbol *symbol_named(parser *p, const char *name) {
  for (u32 i = 0; i < p->n_locals; i++)
    if (!strcmp(p->locals[i].name, name))
      return &p->locals[i];
  return NULL;
}

/* Dynamic shared memory begins behind the function's own, which stands at its top. */
static u64 symbol_address(parser *p, const symbol *s) { return s->dynamic ? (p->k->shared + 15) / 16 * 16 : s->address; }

static u64 float_bits(parser *p, u8 width) {
  u64 bits = strtoull(p->tok + 2, NULL, 16);
  bool is_double = p->tok[1] == 'd' || p->tok[1] == 'D';
  if (width != (is_double ? 8 : 4))
    reject(p, "%s is no value of %d bytes", p->tok, width);
  return bits;
}

u32 operand(parser *p, char kind) {
  u8 width = kind == 'p' ? 1 : (u8)(kind - '0'), has;
  u32 at = register_at(p, p->tok, &has);
  if (at != NONE) {
    if (has != width)
      reject(p, "register %s has %d bytes, the instruction works on %d (1: predicates)", p->tok, has, width);
    advance(p);
    return at;
  }
  if (take(p, "_"))
    return 0;
  for (int i = 0; i < SREGS; i++)
    if (is(p, sreg_names[i])) {
      if (width != 4)
        reject(p, "%s is read as %d bytes", p->tok, width);
      advance(p);
      if (p->k->sreg[i] == NONE)
        p->k->sreg[i] = file_row(p->k, 4);
      return p->k->sreg[i];
    }
  symbol *s = symbol_named(p, p->tok);
  if (s) {
    u64 value = symbol_address(p, s);
    advance(p);
    if (take(p, "+"))
      value += (u64)integer(p);
    return constant_row(p, width, value);
  }
  if (p->tok[0] == '0' && p->tok[1] && strchr("fFdD", p->tok[1])) {
    u64 bits = float_bits(p, width);
    advance(p);
    return constant_row(p, width, bits);
  }
  if (!isdigit((unsigned char)p->tok[0]) && !is(p, "-"))
    reject(p, "operand '%s' is not known", p->tok);
  u64 value = (u64)integer(p);
  return constant_row(p, width, kind == 'p' && value ? NONE : value);
}

u32 operand_any(parser *p, u8 *width) {
  u32 at = register_at(p, p->tok, width);
  if (at == NONE)
    reject(p, "'%s' is no register", p->tok);
  advance(p);
  return at;
}

int braces(parser *p, u32 *out, int most, char kind) {
  int n = 0;
  if (!take(p, "{")) {
    out[n++] = operand(p, kind);
    return n;
  }
  do {
    if (n == most)
      reject(p, "more than %d operands in braces", most);
    out[n++] = operand(p, kind);
  } while (take(p, ","));
  want(p, "}");
  return n;
}

void address(parser *p, ins *in) {
  want(p, "[");
  u8 width;
  in->a = register_at(p, p->tok, &width);
  in->imm = 0;
  if (in->a != NONE) {
    if (width != 8 && width != 4)
      reject(p, "%s is no address", p->tok);
    in->address = width;
    advance(p);
  } else {
    symbol *s = symbol_named(p, p->tok);
    if (s) {
      in->imm = (i64)symbol_address(p, s);
      if (in->space == GENERIC) /* an address of the symbol's own space */
        in->space = s->space;
      advance(p);
    } else
      in->imm = integer(p);
  }
  if (take(p, "+"))
    in->imm += integer(p);
  else if (is(p, "-"))
    in->imm += integer(p);
  want(p, "]");
}
