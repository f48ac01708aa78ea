/* How the lanes of a warp run: together where they are at the same place, else the group that is furthest behind first, so that groups
 * meet again behind a branch. A group that waits for other lanes is set aside. */
#include "execute.h"
#include <stdarg.h>
#include <stdio.h>

void fault(warp *w, const ins *in, int lane, enum fault_kind kind, const char *format, ...) {
  block *b = w->in;
  if (b->fault.kind)
    return;
  fault_report *f = &b->fault;
  f->kind = kind;
  int n = snprintf(f->text, sizeof f->text, "kernel %s: ", b->k->name);
  va_list args;
  va_start(args, format);
  n += vsnprintf(f->text + n, sizeof f->text - (size_t)n, format, args);
  va_end(args);
  size_t left = n < (int)sizeof f->text ? sizeof f->text - (size_t)n : 0;
  if (lane >= 0)
    snprintf(f->text + n, left, " (PTX line %d, block %u,%u,%u, thread %u)", in ? in->line : 0, b->at[0], b->at[1], b->at[2],
             w->index * LANES + (u32)lane);
  else
    snprintf(f->text + n, left, " (PTX line %d, block %u,%u,%u)", in ? in->line : 0, b->at[0], b->at[1], b->at[2]);
}

void run_trap(warp *w, const ins *in, u32 lanes) { fault(w, in, __builtin_ctz(lanes), FAULT_TRAP, "trap"); }

static void add_group(warp *w, u32 pc, u32 lanes, enum wait wait) {
  if (!lanes)
    return;
  for (int i = 0; i < w->n_groups; i++)
    if (w->groups[i].pc == pc && w->groups[i].wait == wait) {
      w->groups[i].lanes |= lanes;
      return;
    }
  w->groups[w->n_groups++] = (group){pc, lanes, (u8)wait};
}

/* Takes out the ready group that is furthest behind; *join is where the next one stands. */
static bool take_ready(warp *w, group *g, u32 *join) {
  int best = -1;
  *join = NONE;
  for (int i = 0; i < w->n_groups; i++)
    if (w->groups[i].wait == READY && (best < 0 || w->groups[i].pc < w->groups[best].pc))
      best = i;
  if (best < 0)
    return false;
  *g = w->groups[best];
  w->groups[best] = w->groups[--w->n_groups];
  for (int i = 0; i < w->n_groups; i++)
    if (w->groups[i].wait == READY && w->groups[i].pc < *join)
      *join = w->groups[i].pc;
  return true;
}

/* The lanes that an instruction names, of those that began; all of the live ones if it names none. */
static u32 members_of(const warp *w, const ins *in, u32 lanes) {
  return in->members == NONE ? w->exist : ROW(u32, in->members)[__builtin_ctz(lanes)] & w->exist;
}

/* Runs an instruction that lanes must come to together; false if some are still to come. */
static bool meet(warp *w, const ins *in, u32 lanes) {
  u32 members = members_of(w, in, lanes);
  if (members & ~w->live) {
    fault(w, in, -1, FAULT_LAUNCH, "lanes 0x%x of warp %u are named, but have exited", members & ~w->live, w->index);
    return false;
  }
  if (lanes & ~members) {
    fault(w, in, __builtin_ctz(lanes & ~members), FAULT_LAUNCH, "the thread is not among the lanes 0x%x that it names", members);
    return false;
  }
  if (members & ~lanes)
    return false;
  in->run(w, in, lanes);
  return true;
}

/* Runs a group until it waits, ends, splits, or reaches the place of another. */
static void run_group(warp *w, group g, u32 join) {
  block *b = w->in;
  const ins *code = b->k->code;
  u32 pc = g.pc, lanes = g.lanes;
  u64 per = (u64)__builtin_popcount(lanes), steps = 0;
  for (;;) {
    if (pc >= join)
      break;
    const ins *in = &code[pc];
    u32 active = lanes;
    if (in->pred != NONE)
      active &= in->negated & 1 ? ~BIT(in->pred) : BIT(in->pred);
    steps += per;
    if (in->flow == PLAIN) {
      if (active)
        in->run(w, in, active);
      if (__builtin_expect(b->fault.kind, 0))
        break;
      pc++;
      continue;
    }
    if (in->flow == BRANCH) {
      if (__builtin_expect(b->steps + steps > b->limit, 0)) {
        fault(w, in, __builtin_ctz(lanes), FAULT_TIMEOUT, "no end after %llu instructions of the block", (unsigned long long)b->limit);
        break;
      }
      if (active == lanes)
        pc = in->target;
      else if (!active)
        pc++;
      else {
        add_group(w, pc + 1, lanes & ~active, READY);
        pc = in->target;
        lanes = active;
        break;
      }
      continue;
    }
    if (!active) {
      pc++;
      continue;
    }
    if (active != lanes) { /* those whose guard holds are on their own */
      add_group(w, pc + 1, lanes & ~active, READY);
      lanes = active;
    }
    if (in->flow == EXIT) {
      w->live &= ~lanes;
      lanes = 0;
      break;
    }
    if (in->flow == MEET && meet(w, in, lanes)) {
      pc++;
      if (w->n_groups)
        break; /* the rest may have been split off just now */
      per = (u64)__builtin_popcount(lanes);
      continue;
    }
    add_group(w, pc, lanes, in->flow == BARRIER ? AT_BARRIER : AT_MEETING);
    lanes = 0;
    break;
  }
  b->steps += steps;
  add_group(w, pc, lanes, READY);
}

/* Lets one meeting take place; false if none can. */
static bool hold_meeting(warp *w) {
  for (int i = 0; i < w->n_groups && !w->in->fault.kind; i++) {
    group g = w->groups[i];
    if (g.wait == AT_MEETING && meet(w, &w->in->k->code[g.pc], g.lanes)) {
      w->groups[i] = w->groups[--w->n_groups];
      add_group(w, g.pc + 1, g.lanes, READY);
      return true;
    }
  }
  return false;
}

void warp_run(warp *w) {
  block *b = w->in;
  group g;
  u32 join;
  do
    while (!b->fault.kind && take_ready(w, &g, &join))
      run_group(w, g, join);
  while (!b->fault.kind && hold_meeting(w));
  if (b->fault.kind)
    return;
  for (int i = 0; i < w->n_groups; i++)
    if (w->groups[i].wait == AT_MEETING) {
      const ins *in = &b->k->code[w->groups[i].pc];
      u32 lanes = w->groups[i].lanes;
      fault(w, in, __builtin_ctz(lanes), FAULT_LAUNCH, "lanes 0x%x wait for the lanes 0x%x, which wait elsewhere", lanes,
            members_of(w, in, lanes) & ~lanes);
      return;
    }
}
