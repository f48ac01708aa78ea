/* cp.async: a copy to shared memory takes place when its thread waits for it. Until then its target holds 0xff bytes, so that who reads too
 * early gets NaN; the target counts as written by the thread both when the copy is issued and when it lands. */
#include "execute.h"
#include <stdlib.h>
#include <string.h>

/* cp.async [shared], [global], bytes{, source bytes}: what the source lacks is zero. d: the address row of the target, a: of the source. */
void run_copy(warp *w, const ins *in, u32 lanes) {
  ins to = *in, from = *in;
  to.space = SHARED;
  to.a = in->d;
  to.imm = (i32)in->target;
  to.address = in->width;
  from.space = GLOBAL;
  u64 target[LANES], source[LANES];
  addresses(w, &to, target);
  addresses(w, &from, source);
  for (u32 rest = lanes; rest; rest &= rest - 1) {
    int l = __builtin_ctz(rest);
    u32 filled = in->b == NONE ? in->size : ROW(u32, in->b)[l];
    filled = filled < in->size ? filled : in->size;
    u64 at = target[l];
    if (at >= SHARED_BASE && at < SHARED_BASE + WINDOW)
      at -= SHARED_BASE;
    u8 *there = resolve(w, &to, l, at, in->size, WRITE);
    u8 *here = !there || !filled ? NULL : resolve(w, &from, l, source[l], in->size, READ);
    if (!there || (filled && !here))
      return;
    memset(there, 0xff, in->size);
    if (w->n_copies == w->room)
      w->copies = realloc(w->copies, (size_t)(w->room = w->room ? 2 * w->room : 256) * sizeof *w->copies);
    w->copies[w->n_copies++] = (copy){here, (u32)at, in->size, (u8)filled, (u32)l, w->batches[l]};
  }
}

void run_copy_commit(warp *w, const ins *in, u32 lanes) {
  (void)in;
  for (u32 rest = lanes; rest; rest &= rest - 1)
    w->batches[__builtin_ctz(rest)]++;
}

/* Lands each copy of the lanes but those of their last imm batches; with sub, those of no batch as well. */
void run_copy_wait(warp *w, const ins *in, u32 lanes) {
  int left = 0;
  for (int i = 0; i < w->n_copies; i++) {
    copy *c = &w->copies[i];
    bool due = lanes >> c->lane & 1 && (in->sub || (u64)c->batch + (u64)in->imm < w->batches[c->lane]);
    if (!due) {
      w->copies[left++] = *c;
      continue;
    }
    if (!race_write(w, in, (int)c->lane, c->to, c->bytes))
      return;
    u8 *there = w->in->shared + c->to;
    memset(there, 0, c->bytes);
    if (c->filled)
      memcpy(there, c->from, c->filled);
  }
  w->n_copies = left;
}
