/* Loads, stores and atomics, and the checks of their addresses. */
#include "execute.h"
#include <string.h>

static const char *const space_names[] = {"generic", "global", "shared", "local", "parameter"};

void addresses(const warp *w, const ins *in, u64 at[LANES]) {
  u64 imm = (u64)in->imm;
  if (in->a == NONE)
    for (int l = 0; l < LANES; l++)
      at[l] = imm;
  else if (in->address == 8) {
    const u64 *a = ROW(u64, in->a);
    for (int l = 0; l < LANES; l++)
      at[l] = a[l] + imm;
  } else {
    const u32 *a = ROW(u32, in->a);
    for (int l = 0; l < LANES; l++)
      at[l] = (u32)(a[l] + (u32)imm);
  }
}

static enum space window(u64 *address) {
  if (*address >= LOCAL_BASE && *address < LOCAL_BASE + WINDOW)
    return *address -= LOCAL_BASE, LOCAL;
  if (*address >= SHARED_BASE && *address < SHARED_BASE + WINDOW)
    return *address -= SHARED_BASE, SHARED;
  return GLOBAL;
}

static void outside(warp *w, const ins *in, int lane, const char *what, enum space space, u64 at, u32 bytes, u64 size) {
  fault(w, in, lane, FAULT_ADDRESS, "out-of-bounds %s %s of %u bytes at %llu of %llu", space_names[space], what, bytes,
        (unsigned long long)at, (unsigned long long)size);
}

static void outside_global(warp *w, const ins *in, int lane, const char *what, u64 at, u32 bytes) {
  allocation *a = memory_find(at);
  unsigned long long where = at;
  if (!a)
    for (u64 back = 1; back <= 4096 && !a; back += 8) /* just past the end of something? */
      a = memory_find(at - back);
  if (!a)
    fault(w, in, lane, FAULT_ADDRESS, "out-of-bounds global %s of %u bytes at 0x%llx, which is in no allocation", what, bytes, where);
  else if (a->life == FREED)
    fault(w, in, lane, FAULT_ADDRESS, "%s of %u bytes at 0x%llx, in freed memory", what, bytes, where);
  else if (a->life == PENDING)
    fault(w, in, lane, FAULT_ADDRESS, "%s of %u bytes at 0x%llx, in memory that its stream has not allocated yet", what, bytes, where);
  else if (a->device != w->in->device)
    fault(w, in, lane, FAULT_ADDRESS, "%s of %u bytes at 0x%llx, in memory of device %d", what, bytes, where, a->device);
  else
    outside(w, in, lane, what, GLOBAL, at - a->base, bytes, a->bytes);
}

/* One lane's access. NULL after a fault. */
u8 *resolve(warp *w, const ins *in, int lane, u64 at, u32 bytes, enum access how) {
  block *b = w->in;
  static bool (*const races[])(warp *, const ins *, int, u64, u32) = {race_read, race_write, race_atomic};
  const char *what = how == READ ? "load" : how == WRITE ? "store" : "atomic";
  enum space space = in->space == GENERIC ? window(&at) : (enum space)in->space;
  if (at % bytes) {
    fault(w, in, lane, FAULT_MISALIGNED, "misaligned %s %s of %u bytes at 0x%llx", space_names[space], what, bytes,
          (unsigned long long)at);
    return NULL;
  }
  switch (space) {
  case SHARED:
    if (at >= b->shared_bytes || bytes > b->shared_bytes - at)
      outside(w, in, lane, what, space, at, bytes, b->shared_bytes);
    else if (races[how](w, in, lane, at, bytes))
      return b->shared + at;
    return NULL;
  case LOCAL:
    if (at < b->k->local && bytes <= b->k->local - at)
      return w->local + (u64)lane * b->k->local + at;
    outside(w, in, lane, what, space, at, bytes, b->k->local);
    return NULL;
  case PARAM:
    if (how == READ && at < b->k->param_bytes && bytes <= b->k->param_bytes - at)
      return b->params + at;
    outside(w, in, lane, what, space, at, bytes, b->k->param_bytes);
    return NULL;
  default: {
    allocation *a = b->recent;
    if (!a || at < a->base || at >= a->base + a->bytes)
      a = memory_find(at);
    if (!a || a->life != LIVE || a->device != b->device || bytes > a->base + a->bytes - at) {
      outside_global(w, in, lane, what, at, bytes);
      return NULL;
    }
    b->recent = a;
    return a->host + (at - a->base);
  }
  }
}

/* All lanes at once where they are aligned and in one allocation; else lane by lane, which also tells what is wrong. */
static bool locate_global(warp *w, const u64 at[LANES], u32 lanes, u32 bytes, u8 *host[LANES]) {
  allocation *a = w->in->recent;
  u64 first = at[__builtin_ctz(lanes)];
  if (!a || first < a->base || first >= a->base + a->bytes) {
    a = memory_find(first);
    if (!a || a->life != LIVE || a->device != w->in->device)
      return false;
    w->in->recent = a;
  }
  u64 bad = 0, base = a->base, last = a->bytes - bytes;
  if (a->bytes < bytes)
    return false;
  for (int l = 0; l < LANES; l++) {
    u64 wrong = (u64)(at[l] - base > last) | (at[l] & (bytes - 1));
    bad |= lanes >> l & 1 ? wrong : 0;
    host[l] = a->host + (at[l] - base);
  }
  return !bad;
}

/* The same for shared memory; races are looked for by the caller. */
static bool locate_shared(warp *w, u64 at[LANES], u32 lanes, u32 bytes, u64 window, u8 *host[LANES]) {
  u64 bad = 0, size = w->in->shared_bytes;
  if (size < bytes)
    return false;
  for (int l = 0; l < LANES; l++) {
    u64 offset = at[l] - window, wrong = (u64)(offset > size - bytes) | (offset & (bytes - 1));
    bad |= lanes >> l & 1 ? wrong : 0;
    host[l] = w->in->shared + offset;
  }
  if (bad)
    return false;
  for (int l = 0; l < LANES; l++)
    at[l] -= window;
  return true;
}

bool locate(warp *w, const ins *in, u32 lanes, u32 bytes, bool write, u8 *host[LANES]) {
  u64 at[LANES] __attribute__((aligned(64)));
  addresses(w, in, at);
  u64 first = at[__builtin_ctz(lanes)];
  bool global = in->space == GLOBAL || (in->space == GENERIC && first < SHARED_BASE);
  if (global && locate_global(w, at, lanes, bytes, host))
    return true;
  bool shared = in->space == SHARED || (in->space == GENERIC && first >= SHARED_BASE && first < SHARED_BASE + WINDOW);
  if (shared && locate_shared(w, at, lanes, bytes, in->space == SHARED ? 0 : SHARED_BASE, host))
    return race_lanes(w, in, lanes, at, bytes, write);
  for (u32 rest = lanes; rest; rest &= rest - 1) {
    int l = __builtin_ctz(rest);
    if (!(host[l] = resolve(w, in, l, at[l], bytes, write ? WRITE : READ)))
      return false;
  }
  return true;
}

/* Memory of size bytes into a register of width, with signs or zeros above. */
#define LOAD(T, W)                                                             \
  for (int i = 0; i < in->count; i++) {                                        \
    W *d = ROW(W, in->count > 1 ? in->v[i] : in->d);                           \
    if (lanes == ~0u)                                                          \
      for (int l = 0; l < LANES; l++)                                          \
        d[l] = (W)((T *)host[l])[i];                                           \
    else                                                                       \
      for (u32 rest = lanes; rest; rest &= rest - 1) {                         \
        int l = __builtin_ctz(rest);                                           \
        d[l] = (W)((T *)host[l])[i];                                           \
      }                                                                        \
  }                                                                            \
  return;

void run_load(warp *w, const ins *in, u32 lanes) {
  u8 *host[LANES];
  if (in->space == PARAM && in->a == NONE) {
    u8 *p = resolve(w, in, 0, (u64)in->imm, (u32)in->size * in->count, READ);
    if (!p)
      return;
    for (int l = 0; l < LANES; l++)
      host[l] = p;
  } else if (!locate(w, in, lanes, (u32)in->size * in->count, false, host))
    return;
#define KEY(size, width, is_signed) ((size) << 5 | (width) << 1 | (is_signed))
  switch (KEY(in->size, in->width, type_signed[in->type])) {
  case KEY(1, 2, 0): LOAD(u8, u16)
  case KEY(1, 2, 1): LOAD(i8, i16)
  case KEY(1, 4, 0): LOAD(u8, u32)
  case KEY(1, 4, 1): LOAD(i8, i32)
  case KEY(1, 8, 0): LOAD(u8, u64)
  case KEY(1, 8, 1): LOAD(i8, i64)
  case KEY(2, 2, 0): case KEY(2, 2, 1): LOAD(u16, u16)
  case KEY(2, 4, 0): LOAD(u16, u32)
  case KEY(2, 4, 1): LOAD(i16, i32)
  case KEY(2, 8, 0): LOAD(u16, u64)
  case KEY(2, 8, 1): LOAD(i16, i64)
  case KEY(4, 4, 0): case KEY(4, 4, 1): LOAD(u32, u32)
  case KEY(4, 8, 0): LOAD(u32, u64)
  case KEY(4, 8, 1): LOAD(i32, i64)
  default: LOAD(u64, u64)
  }
}

#define STORE(T, W)                                                            \
  for (int i = 0; i < in->count; i++) {                                        \
    const W *b = ROW(W, in->count > 1 ? in->v[i] : in->b);                     \
    for (u32 rest = lanes; rest; rest &= rest - 1) {                           \
      int l = __builtin_ctz(rest);                                             \
      ((T *)host[l])[i] = (T)b[l];                                             \
    }                                                                          \
  }                                                                            \
  return;

void run_store(warp *w, const ins *in, u32 lanes) {
  u8 *host[LANES];
  if (!locate(w, in, lanes, (u32)in->size * in->count, true, host))
    return;
  switch (KEY(in->size, in->width, 0)) {
  case KEY(1, 2, 0): STORE(u8, u16)
  case KEY(1, 4, 0): STORE(u8, u32)
  case KEY(1, 8, 0): STORE(u8, u64)
  case KEY(2, 2, 0): STORE(u16, u16)
  case KEY(2, 4, 0): STORE(u16, u32)
  case KEY(2, 8, 0): STORE(u16, u64)
  case KEY(4, 4, 0): STORE(u32, u32)
  case KEY(4, 8, 0): STORE(u32, u64)
  default: STORE(u64, u64)
  }
}
