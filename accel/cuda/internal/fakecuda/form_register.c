/* Instructions on registers whose operands depend on their modifiers: mov, cvt, cvta, setp, and those without effect here. */
#include "ptx.h"
#include "execute.h"
#include <string.h>

static enum type only_type(parser *p, const mnemonic *m, int i) {
  enum type t = i < m->n ? type_named(m->part[i]) : NO_TYPE;
  if (t == NO_TYPE)
    reject(p, "%s has no type that the double understands", m->part[0]);
  return t;
}

static char digit(int width) { return width == 1 ? 'p' : (char)('0' + width); }

/* mov.b32 r, {h, h} and back, mov.b64 d, {r, r} and back; or plain. */
static void mov(parser *p, ins *in, const mnemonic *m) {
  enum type t = only_type(p, m, 1);
  in->width = type_bytes[t];
  if (is(p, "{")) {
    in->v = keep(p->m, 4 * sizeof *in->v);
    u8 width;
    advance(p);
    register_at(p, is(p, "_") ? "" : p->tok, &width);
    for (in->count = 0; in->count < 4;) {
      in->v[in->count++] = is(p, "_") ? (advance(p), 0) : operand_any(p, &width);
      if (!take(p, ","))
        break;
    }
    want(p, "}");
    want(p, ",");
    in->size = in->width / in->count;
    in->a = operand(p, digit(in->width));
    in->run = run_unpack;
    if (in->size < 2)
      reject(p, "mov unpacks bytes");
    return;
  }
  in->d = operand(p, digit(t == PRED ? 1 : in->width));
  want(p, ",");
  if (is(p, "{")) {
    in->v = keep(p->m, 4 * sizeof *in->v);
    const char *rest = p->at;
    int parts = 1;
    for (; *rest && *rest != '}'; rest++)
      parts += *rest == ',';
    if (parts != 2 && parts != 4)
      reject(p, "mov packs %d parts", parts);
    in->count = (u8)braces(p, in->v, 4, digit(in->width / parts));
    in->size = in->width / in->count;
    in->run = run_pack;
    return;
  }
  in->a = operand(p, digit(t == PRED ? 1 : in->width));
  in->run = t == PRED ? run_move1 : in->width == 2 ? run_move2 : in->width == 4 ? run_move4 : run_move8;
}

/* cvt{.rounding}{.sat}.to.from d, a; or cvt.rn.to16x2.f32 d, a, b. */
static void cvt(parser *p, ins *in, const mnemonic *m) {
  int i = 1;
  for (; i < m->n && type_named(m->part[i]) == NO_TYPE; i++) {
    static const char *const names[] = {[TO_ZERO] = "rzi", [TO_NEAREST] = "rni", [DOWN] = "rmi", [UP] = "rpi"};
    bool known = false;
    for (int r = TO_ZERO; r <= UP; r++)
      if (!strcmp(names[r], m->part[i]))
        in->mode = (u8)r, known = true;
    if (part_is(m, i, "rn") || part_is(m, i, "rna"))
      continue;
    if (part_is(m, i, "sat"))
      in->sub |= SATURATE;
    else if (part_is(m, i, "relu"))
      in->sub |= RELU;
    else if (!known)
      reject(p, "modifier '.%s' of cvt is outside what the double understands", m->part[i]);
  }
  in->type = (u8)only_type(p, m, i);
  in->from = (u8)only_type(p, m, i + 1);
  u8 width;
  in->d = operand_any(p, &width);
  in->width = width;
  if (width < type_bytes[in->type])
    reject(p, "cvt writes %d bytes into a register of %d", type_bytes[in->type], width);
  want(p, ",");
  in->size = type_bytes[in->from] < 2 ? 2 : type_bytes[in->from];
  u8 has;
  if (register_at(p, p->tok, &has) != NONE && has > in->size) { /* the low part of a wider register */
    in->size = has;
    in->a = operand_any(p, &has);
  } else
    in->a = operand(p, digit(in->size));
  in->run = run_convert;
  if (in->type == F16X2 || in->type == BF16X2) {
    want(p, ",");
    in->b = operand(p, '4');
    in->run = run_convert_pair;
  }
}

/* cvta{.to}.space.u64: between addresses of a space and of none. */
static void cvta(parser *p, ins *in, const mnemonic *m) {
  bool to = part_is(m, 1, "to");
  const char *space = m->part[1 + to];
  allow(p, m, 1 + to, "global shared local const param u64");
  u64 window = !strcmp(space, "shared") ? SHARED_BASE : !strcmp(space, "local") ? LOCAL_BASE : 0;
  if (!strcmp(space, "param"))
    reject(p, "the address of a parameter is outside what the double understands: pass no structures by value");
  in->imm = (i64)(to ? -window : window);
  in->d = operand(p, '8');
  want(p, ",");
  in->a = operand(p, '8');
  in->run = run_offset;
}

/* setp.cmp{.and|or|xor}.type p{|q}, a, b{, c} */
static void setp(parser *p, ins *in, const mnemonic *m) {
  static const char *const names[] = {"eq", "ne", "lt", "le", "gt", "ge", "equ", "neu", "ltu", "leu", "gtu", "geu", "num", "nan"};
  static const char *const unsigned_names[] = {[LT] = "lo", [LE] = "ls", [GT] = "hi", [GE] = "hs"};
  in->sub = 0xff;
  for (u8 i = EQ; i <= NAN_; i++)
    if (part_is(m, 1, names[i]) || (i >= LT && i <= GE && part_is(m, 1, unsigned_names[i])))
      in->sub = i;
  if (in->sub == 0xff)
    reject(p, "comparison '.%s' is not understood", m->part[1]);
  int i = 2;
  static const char *const joins[] = {[JOIN_AND] = "and", [JOIN_OR] = "or", [JOIN_XOR] = "xor"};
  for (u8 j = JOIN_AND; j <= JOIN_XOR; j++)
    if (part_is(m, i, joins[j]))
      in->mode = j;
  i += in->mode != 0;
  i += part_is(m, i, "ftz");
  in->type = (u8)only_type(p, m, i);
  allow(p, m, i + 1, "");
  char width = digit(type_bytes[in->type]);
  in->d = operand(p, 'p');
  if (take(p, "|"))
    in->d2 = operand(p, 'p');
  want(p, ",");
  in->a = operand(p, width);
  want(p, ",");
  in->b = operand(p, width);
  if (in->mode) {
    want(p, ",");
    in->negated |= take(p, "!") ? 2 : 0;
    in->c = operand(p, 'p');
  }
  in->run = run_compare(in->type);
  if (!in->run)
    reject(p, "setp of %s is outside what the double understands", m->part[i]);
}

bool register_form(parser *p, ins *in, mnemonic *m) {
  if (part_is(m, 0, "mov"))
    mov(p, in, m);
  else if (part_is(m, 0, "cvt"))
    cvt(p, in, m);
  else if (part_is(m, 0, "cvta"))
    cvta(p, in, m);
  else if (part_is(m, 0, "setp"))
    setp(p, in, m);
  else if (part_is(m, 0, "membar") || part_is(m, 0, "fence")) {
    allow(p, m, 1, "cta gl gpu sys cluster acq_rel sc");
    in->run = run_nothing;
  } else if (part_is(m, 0, "trap"))
    in->run = run_trap;
  else
    return false;
  return true;
}
