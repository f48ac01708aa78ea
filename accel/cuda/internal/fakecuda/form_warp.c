/* Instructions that threads run together: bar, shfl, vote, match, redux, mma. */
#include "execute.h"
#include "ptx.h"
#include <string.h>

static bool choose(const mnemonic *m, int i, const char *const names[], u8 first, u8 last, u8 *out) {
  for (u8 j = first; j <= last; j++)
    if (part_is(m, i, names[j])) {
      *out = j;
      return true;
    }
  return false;
}

/* bar.sync 0, barrier.sync{.aligned} 0, bar.red.op 0, p: barriers of the whole block; bar.warp.sync mask. */
static void bar(parser *p, ins *in, const mnemonic *m) {
  if (part_is(m, 1, "warp")) {
    allow(p, m, 2, "sync");
    in->members = operand(p, '4');
    in->run = run_warp_barrier;
    in->flow = MEET;
    return;
  }
  int i = 1 + part_is(m, 1, "cta");
  bool reduces = part_is(m, i, "red");
  in->flow = BARRIER;
  in->sub = BAR_SYNC;
  static const char *const names[] = {[BAR_ALL] = "and", [BAR_ANY] = "or", [BAR_COUNT] = "popc"};
  if (reduces) {
    int at = i + 1 + part_is(m, i + 1, "aligned");
    if (!choose(m, at, names, BAR_ALL, BAR_COUNT, &in->sub))
      reject(p, "bar.red.%s is outside what the double understands", m->part[at]);
    in->d = operand(p, in->sub == BAR_COUNT ? '4' : 'p');
    want(p, ",");
  } else
    allow(p, m, i, "sync aligned");
  i64 which = integer(p);
  if (which < 0 || which > 15)
    reject(p, "there is no barrier %lld", (long long)which);
  if (!reduces && is(p, ","))
    reject(p, "barriers of a part of a block are outside what the double understands");
  if (reduces) {
    want(p, ",");
    in->negated |= take(p, "!") ? 2 : 0;
    in->a = operand(p, 'p');
  }
}

static void shfl(parser *p, ins *in, const mnemonic *m) {
  static const char *const names[] = {"bfly", "down", "up", "idx"};
  if (!part_is(m, 1, "sync") || !choose(m, 2, names, BUTTERFLY, INDEXED, &in->sub))
    reject(p, "this shfl is outside what the double understands: use shfl.sync");
  allow(p, m, 3, "b32");
  in->d = operand(p, '4');
  if (take(p, "|"))
    in->d2 = operand(p, 'p');
  u32 *places[] = {&in->a, &in->b, &in->c, &in->members};
  for (int i = 0; i < 4; i++) {
    want(p, ",");
    *places[i] = operand(p, '4');
  }
  in->run = run_shuffle;
  in->flow = MEET;
}

static void vote(parser *p, ins *in, const mnemonic *m) {
  static const char *const names[] = {"all", "any", "uni", "ballot"};
  if (!part_is(m, 1, "sync") || !choose(m, 2, names, ALL, BALLOT, &in->sub))
    reject(p, "this vote is outside what the double understands: use vote.sync");
  allow(p, m, 3, "pred b32");
  in->d = operand(p, in->sub == BALLOT ? '4' : 'p');
  want(p, ",");
  in->negated |= take(p, "!") ? 2 : 0;
  in->a = operand(p, 'p');
  want(p, ",");
  in->members = operand(p, '4');
  in->run = run_vote;
  in->flow = MEET;
}

static void match(parser *p, ins *in, const mnemonic *m) {
  allow(p, m, 1, "any sync b32 b64");
  in->size = part_is(m, 3, "b64") ? 8 : 4;
  in->d = operand(p, '4');
  want(p, ",");
  in->a = operand(p, in->size == 8 ? '8' : '4');
  want(p, ",");
  in->members = operand(p, '4');
  in->run = run_match;
  in->flow = MEET;
}

static void redux(parser *p, ins *in, const mnemonic *m) {
  static const char *const names[] = {"add", "min", "max", "and", "or", "xor"};
  if (!part_is(m, 1, "sync") || !choose(m, 2, names, ADD, XOR, &in->sub))
    reject(p, "this redux is outside what the double understands");
  in->type = (u8)type_named(m->part[3]);
  allow(p, m, 3, "u32 s32 b32");
  in->d = operand(p, '4');
  want(p, ",");
  in->a = operand(p, '4');
  want(p, ",");
  in->members = operand(p, '4');
  in->run = run_reduce;
  in->flow = MEET;
}

/* mma.sync.aligned.shape.row.col.f32.type.type.f32 {d}, {a}, {b}, {c} */
static void mma(parser *p, ins *in, const mnemonic *m) {
  static const char *const shapes[] = {"m16n8k16", "m16n8k8", "m16n8k4"};
  bool right = m->n == 10 && part_is(m, 1, "sync") && part_is(m, 2, "aligned") && choose(m, 3, shapes, M16N8K16, M16N8K4, &in->mode) &&
               part_is(m, 4, "row") && part_is(m, 5, "col") && part_is(m, 6, "f32") && part_is(m, 9, "f32") &&
               !strcmp(m->part[7], m->part[8]);
  enum type t = right ? type_named(m->part[7]) : NO_TYPE;
  right = right && ((t == TF32 && in->mode != M16N8K16) || ((t == BF16 || t == F16) && in->mode != M16N8K4));
  if (!right)
    reject(p, "this mma is outside what the double understands: m16n8k16 and m16n8k8 of bf16 or f16, m16n8k8 and m16n8k4 of tf32, sums f32");
  in->from = (u8)t;
  int deep = in->mode == M16N8K16 ? 16 : in->mode == M16N8K8 ? 8 : 4, per = t == TF32 ? 1 : 2;
  int sizes[] = {4, 16 * deep / 32 / per, 8 * deep / 32 / per, 4}, n = 0;
  in->v = keep(p->m, 16 * sizeof *in->v);
  for (int i = 0; i < 4; i++) {
    if (i)
      want(p, ",");
    if (braces(p, in->v + n, sizes[i], '4') != sizes[i])
      reject(p, "operand %d of mma has %d registers", i, sizes[i]);
    n += sizes[i];
  }
  in->run = run_mma;
  in->flow = MEET;
}

bool warp_form(parser *p, ins *in, mnemonic *m) {
  if (part_is(m, 0, "bar") || part_is(m, 0, "barrier"))
    bar(p, in, m);
  else if (part_is(m, 0, "shfl"))
    shfl(p, in, m);
  else if (part_is(m, 0, "vote"))
    vote(p, in, m);
  else if (part_is(m, 0, "activemask")) {
    allow(p, m, 1, "b32");
    in->d = operand(p, '4');
    in->run = run_active;
  } else if (part_is(m, 0, "match"))
    match(p, in, m);
  else if (part_is(m, 0, "redux"))
    redux(p, in, m);
  else if (part_is(m, 0, "mma"))
    mma(p, in, m);
  else
    return false;
  return true;
}
