/* Races in shared memory: two threads at one byte, one of them writing, with no barrier between.
 *
 * For each byte the block remembers who wrote it last and who read it, as a stamp: the block's clock (20 bits) over a name (12 bits). The
 * clock grows at each barrier. A stamp matters to a thread if it was made after the last barrier of the block and, from a thread of the
 * same warp, after that warp's last bar.warp.sync. Names are threads, or all threads of a warp, or all threads. Atomics write under names
 * of their own: among themselves they are in order, but not against plain reads and writes. */
#include "vm.h"
#include <stdio.h>
#include <string.h>

enum { NAME_BITS = 12, NAMES = 1 << NAME_BITS, ANY_OF_WARP = MAX_THREADS, ANYONE = MAX_THREADS + 32, ATOMIC = 2048, ATOMICS = NAMES - 1 };

static inline u32 stamp(const block *b, u32 name) { return b->clock << NAME_BITS | name; }
static inline u32 name_of(u32 stamp) { return stamp % NAMES; }
static inline u32 warp_of(u32 name) { return name < ANY_OF_WARP ? name / LANES : name - ANY_OF_WARP; }

/* Whether the stamp is of another thread and nothing orders it before what warp w's thread does now. */
static inline bool unordered(const warp *w, u32 s, u32 thread) {
  u32 when = s >> NAME_BITS, name = name_of(s);
  if (name >= ATOMIC && name != ATOMICS)
    name -= ATOMIC;
  if (when < w->in->synced || name == thread)
    return false;
  return name == ANYONE || name == ATOMICS || warp_of(name) != w->index || when >= w->synced;
}

void race_clear(block *b) {
  b->clock = b->synced = 1;
  memset(b->writer, 0, 4 * (b->shared_bytes + 16));
  memset(b->reader, 0, 4 * (b->shared_bytes + 16));
}

static void tell(warp *w, const ins *in, int lane, const char *now, u64 at, const char *before, u32 s) {
  u32 name = name_of(s);
  char who[48] = "several threads";
  if (name < ANY_OF_WARP || (name >= ATOMIC && name != ATOMICS))
    snprintf(who, sizeof who, "thread %u", name % ATOMIC);
  fault(w, in, lane, FAULT_LAUNCH, "shared-memory race: %s byte %llu that %s %s, with no barrier between", now,
        (unsigned long long)at, who, before);
}

bool race_read(warp *w, const ins *in, int lane, u64 at, u32 bytes) {
  block *b = w->in;
  u32 me = w->index * LANES + (u32)lane, mine = stamp(b, me);
  u32 *writer = b->writer + at, *reader = b->reader + at;
  for (u32 i = 0; i < bytes; i++) {
    if (writer[i] >> NAME_BITS >= b->synced && unordered(w, writer[i], me)) {
      tell(w, in, lane, "reads", at + i, "wrote", writer[i]);
      return false;
    }
    u32 r = reader[i];
    if (r != mine) {
      u32 name = name_of(r);
      if (r >> NAME_BITS < b->synced || name == me)
        reader[i] = mine;
      else if (name != ANYONE) /* a second reader: they share a name */
        reader[i] = stamp(b, warp_of(name) == w->index ? ANY_OF_WARP + w->index : ANYONE);
    }
  }
  return true;
}

/* A write, plain or atomic. */
static bool race_store(warp *w, const ins *in, int lane, u64 at, u32 bytes, bool atomic) {
  block *b = w->in;
  u32 me = w->index * LANES + (u32)lane, mine = stamp(b, me);
  for (u32 i = 0; i < bytes; i++) {
    u32 *writer = b->writer + at + i, *reader = b->reader + at + i;
    bool both = atomic && name_of(*writer) >= ATOMIC;
    if (!both && unordered(w, *writer, me)) {
      tell(w, in, lane, "writes", at + i, "wrote", *writer);
      return false;
    }
    if (unordered(w, *reader, me)) {
      tell(w, in, lane, "writes", at + i, "read", *reader);
      return false;
    }
    bool fresh = *writer >> NAME_BITS >= b->synced;
    if (!atomic || (fresh && name_of(*writer) == me)) /* an atomic does not hide the thread's own plain write */
      *writer = mine;
    else
      *writer = stamp(b, fresh && both && name_of(*writer) != ATOMIC + me ? ATOMICS : ATOMIC + me);
  }
  return true;
}

bool race_write(warp *w, const ins *in, int lane, u64 at, u32 bytes) { return race_store(w, in, lane, at, bytes, false); }
bool race_atomic(warp *w, const ins *in, int lane, u64 at, u32 bytes) { return race_store(w, in, lane, at, bytes, true); }

typedef u32 four __attribute__((vector_size(16))); /* the stamps of a word's bytes */

static inline bool none(four mask) {
  u64 halves[2];
  memcpy(halves, &mask, sizeof halves);
  return !(halves[0] | halves[1]);
}

/* Words of which nothing is newer than the last barrier, or that the reader's stamps cover already, need no closer look. */
bool race_lanes(warp *w, const ins *in, u32 lanes, const u64 at[LANES], u32 bytes, bool write) {
  block *b = w->in;
  u32 old = b->synced << NAME_BITS;
  u32 of_warp = stamp(b, ANY_OF_WARP + w->index), of_all = stamp(b, ANYONE);
  for (u32 rest = lanes; rest; rest &= rest - 1) {
    int l = __builtin_ctz(rest);
    if (bytes < 4) {
      if (!(write ? race_write : race_read)(w, in, l, at[l], bytes))
        return false;
      continue;
    }
    u32 mine = stamp(b, w->index * LANES + (u32)l);
    for (u64 word = at[l]; word < at[l] + bytes; word += 4) {
      four *writer = (four *)(b->writer + word), *reader = (four *)(b->reader + word), wr = *writer, rd = *reader;
      if (write ? none((four)(wr >= old)) && none((four)(rd >= old)) : none((four)(wr >= old))) {
        if (write) {
          *writer = (four){mine, mine, mine, mine};
          continue;
        }
        if (none((four)(rd >= old))) {
          *reader = (four){mine, mine, mine, mine};
          continue;
        }
        if (none((four)(rd != mine)) || none((four)(rd != of_all)) || none((four)(rd != of_warp)))
          continue;
      }
      if (!(write ? race_write : race_read)(w, in, l, word, 4))
        return false;
    }
  }
  return true;
}
