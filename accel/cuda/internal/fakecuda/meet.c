/* Operations between the lanes of a warp. All lanes that they name have come. */
#include "execute.h"

/* The lane that lane l reads, and whether it is in reach; else it reads itself. */
static int source(const ins *in, int l, u32 b, u32 c, bool *reach) {
  int by = (int)(b & 31), bound = (int)(c & 31), segment = (int)(c >> 8 & 31);
  int first = l & segment, last = first | (bound & ~segment), j;
  switch (in->sub) {
  case BUTTERFLY: j = l ^ by; *reach = j <= last; break;
  case DOWNWARDS: j = l + by; *reach = j <= last; break;
  case UPWARDS: j = l - by; *reach = j >= last; break;
  default: j = first | (by & ~segment); *reach = j <= last;
  }
  return *reach ? j : l;
}

void run_shuffle(warp *w, const ins *in, u32 lanes) {
  const u32 *a = ROW(u32, in->a), *b = ROW(u32, in->b), *c = ROW(u32, in->c);
  u32 out[LANES], reached = 0;
  for (u32 rest = lanes; rest; rest &= rest - 1) {
    int l = __builtin_ctz(rest);
    bool reach;
    int j = source(in, l, b[l], c[l], &reach);
    if (!(lanes >> j & 1)) {
      fault(w, in, l, FAULT_LAUNCH, "shfl reads lane %d, which takes no part in it", j);
      return;
    }
    out[l] = a[j];
    reached |= (u32)reach << l;
  }
  u32 *d = ROW(u32, in->d);
  for (u32 rest = lanes; rest; rest &= rest - 1)
    d[__builtin_ctz(rest)] = out[__builtin_ctz(rest)];
  if (in->d2 != NONE)
    BIT(in->d2) = (BIT(in->d2) & ~lanes) | reached;
}

void run_vote(warp *w, const ins *in, u32 lanes) {
  u32 yes = (in->negated & 2 ? ~BIT(in->a) : BIT(in->a)) & lanes;
  if (in->sub == BALLOT) {
    u32 *d = ROW(u32, in->d);
    for (u32 rest = lanes; rest; rest &= rest - 1)
      d[__builtin_ctz(rest)] = yes;
    return;
  }
  bool r = in->sub == ALL ? yes == lanes : in->sub == ANY ? yes != 0 : yes == 0 || yes == lanes;
  BIT(in->d) = r ? BIT(in->d) | lanes : BIT(in->d) & ~lanes;
}

/* The lanes that run together here; a device may say fewer. */
void run_active(warp *w, const ins *in, u32 lanes) {
  u32 *d = ROW(u32, in->d);
  for (u32 rest = lanes; rest; rest &= rest - 1)
    d[__builtin_ctz(rest)] = lanes;
}

/* match.any: the lanes with the same value. */
void run_match(warp *w, const ins *in, u32 lanes) {
  u32 *d = ROW(u32, in->d), out[LANES];
  for (int l = 0; l < LANES; l++) {
    out[l] = 0;
    for (int j = 0; j < LANES; j++)
      if (lanes >> j & 1 && (in->size == 4 ? ROW(u32, in->a)[j] == ROW(u32, in->a)[l] : ROW(u64, in->a)[j] == ROW(u64, in->a)[l]))
        out[l] |= 1u << j;
  }
  for (u32 rest = lanes; rest; rest &= rest - 1)
    d[__builtin_ctz(rest)] = out[__builtin_ctz(rest)];
}

/* redux.sync */
void run_reduce(warp *w, const ins *in, u32 lanes) {
  const u32 *a = ROW(u32, in->a);
  bool is_signed = type_signed[in->type];
  u32 r = a[__builtin_ctz(lanes)];
  for (u32 rest = lanes & (lanes - 1); rest; rest &= rest - 1) {
    u32 x = a[__builtin_ctz(rest)];
    bool below = is_signed ? (i32)x < (i32)r : x < r;
    switch (in->sub) {
    case ADD: r += x; break;
    case MIN: r = below ? x : r; break;
    case MAX: r = below ? r : x; break;
    case AND: r &= x; break;
    case OR: r |= x; break;
    default: r ^= x;
    }
  }
  u32 *d = ROW(u32, in->d);
  for (u32 rest = lanes; rest; rest &= rest - 1)
    d[__builtin_ctz(rest)] = r;
}

/* bar.warp.sync orders what the lanes do to shared memory, if all live lanes take part. */
void run_warp_barrier(warp *w, const ins *in, u32 lanes) {
  (void)in;
  if (lanes == w->live)
    w->synced = ++w->in->clock;
}

/* bar.red: what the barrier gives each thread of the block. */
void barrier_result(block *b, const ins *in) {
  if (in->sub == BAR_SYNC)
    return;
  u32 yes = 0;
  for (u32 i = 0; i < b->n_warps; i++) {
    warp *w = &b->warps[i];
    yes += (u32)__builtin_popcount((in->negated & 2 ? ~BIT(in->a) : BIT(in->a)) & w->live);
  }
  for (u32 i = 0; i < b->n_warps; i++) {
    warp *w = &b->warps[i];
    if (in->sub == BAR_COUNT)
      for (int l = 0; l < LANES; l++)
        ROW(u32, in->d)[l] = yes;
    else
      BIT(in->d) = (in->sub == BAR_ALL ? yes == b->threads : yes != 0) ? NONE : 0;
  }
}
