/* A block of threads: its start, and its barriers. */
#include "execute.h"
#include <string.h>

/* Registers, shared and local memory begin as 0xff; special registers and constants come with the image that the launch has made. */
void block_start(block *b) {
  const kernel *k = b->k;
  memset(b->shared, 0xff, b->shared_bytes);
  b->clock++;
  b->synced = b->clock;
  if (b->clock >> 19)
    race_clear(b);
  b->steps = 0;
  for (u32 i = 0; i < b->n_warps; i++) {
    warp *w = &b->warps[i];
    memcpy(w->file, b->image, k->file);
    memset(w->local, 0xff, k->local * LANES);
    memset(w->batches, 0, sizeof w->batches);
    w->n_copies = 0;
    u32 left = b->threads - i * LANES;
    w->exist = w->live = left < LANES ? (1u << left) - 1 : NONE;
    w->groups[0] = (group){0, w->live, READY};
    w->n_groups = 1;
    w->synced = b->synced;
    for (u32 l = 0; l < LANES; l++) {
      u32 t = i * LANES + l;
      u32 values[SREGS] = {[TID_X] = t % b->size[0], [TID_Y] = t / b->size[0] % b->size[1], [TID_Z] = t / (b->size[0] * b->size[1]),
                           [CTAID_X] = b->at[0], [CTAID_Y] = b->at[1], [CTAID_Z] = b->at[2], [WARPID] = i};
      static const u8 here[] = {TID_X, TID_Y, TID_Z, CTAID_X, CTAID_Y, CTAID_Z, WARPID};
      for (u32 s = 0; s < sizeof here; s++)
        if (k->sreg[here[s]] != NONE)
          ROW(u32, k->sreg[here[s]])[l] = values[here[s]];
    }
  }
}

/* All threads that have not exited wait. Lets them go on if they wait at one barrier, and all threads of the block do. */
static bool barrier(block *b) {
  u32 waiting = 0;
  const group *first = NULL;
  warp *of = NULL;
  for (u32 i = 0; i < b->n_warps; i++)
    for (int j = 0; j < b->warps[i].n_groups; j++) {
      const group *g = &b->warps[i].groups[j];
      waiting += (u32)__builtin_popcount(g->lanes);
      if (!first)
        first = g, of = &b->warps[i];
      else if (g->pc != first->pc) {
        fault(&b->warps[i], &b->k->code[g->pc], __builtin_ctz(g->lanes), FAULT_LAUNCH,
              "divergent barrier: other threads wait at PTX line %d", b->k->code[first->pc].line);
        return false;
      }
    }
  if (!waiting)
    return false;
  const ins *in = &b->k->code[first->pc];
  if (waiting < b->threads) {
    fault(of, in, __builtin_ctz(first->lanes), FAULT_LAUNCH, "barrier reached by %u of %u threads, the others have exited", waiting,
          b->threads);
    return false;
  }
  barrier_result(b, in);
  u32 pc = first->pc + 1;
  if (++b->clock >> 19)
    race_clear(b);
  b->synced = b->clock;
  for (u32 i = 0; i < b->n_warps; i++) {
    b->warps[i].groups[0] = (group){pc, b->warps[i].live, READY};
    b->warps[i].n_groups = 1;
  }
  return true;
}

void block_run(block *b) {
  block_start(b);
  do
    for (u32 i = 0; i < b->n_warps && !b->fault.kind; i++)
      warp_run(&b->warps[i]);
  while (!b->fault.kind && barrier(b));
  for (u32 i = 0; i < b->n_warps && !b->fault.kind; i++)
    if (b->warps[i].n_copies) {
      warp *w = &b->warps[i];
      fault(w, NULL, (int)w->copies[0].lane, FAULT_LAUNCH, "ends with asynchronous copies that it has not waited for");
    }
}
