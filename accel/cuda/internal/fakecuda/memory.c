/* Device memory: addresses are given out once and never again, so that what points to freed memory is found out. */
#include "vm.h"
#include <stdlib.h>
#include <string.h>

static allocation *all; /* by base */
static u64 n_all, room;
static u64 next = GLOBAL_BASE;
static u64 used[64];

u64 memory_new(u64 bytes, int device, enum life life) {
  u8 *host = aligned_alloc(64, (bytes + 63) / 64 * 64);
  if (!host)
    return 0;
  memset(host, 0xff, bytes);
  if (n_all == room)
    all = realloc(all, (room = room ? 2 * room : 256) * sizeof *all);
  all[n_all++] = (allocation){.base = next, .bytes = bytes, .host = host, .device = device, .life = (u8)life};
  used[device & 63] += bytes;
  u64 base = next;
  next += (bytes + 511) / 512 * 512 + 4096; /* a gap, so that a step past the end meets nothing */
  return base;
}

allocation *memory_find(u64 address) {
  u64 low = 0, high = n_all;
  while (low < high) {
    u64 middle = (low + high) / 2;
    if (all[middle].base <= address)
      low = middle + 1;
    else
      high = middle;
  }
  return low && address < all[low - 1].base + all[low - 1].bytes ? &all[low - 1] : NULL;
}

allocation *memory_exact(u64 base) {
  allocation *a = memory_find(base);
  return a && a->base == base && a->life != FREED ? a : NULL;
}

void memory_drop(allocation *a) {
  used[a->device & 63] -= a->bytes;
  free(a->host);
  a->host = NULL;
  a->life = FREED;
}

u8 *memory_host(u64 address, u64 bytes, int device) {
  allocation *a = memory_find(address);
  if (!a || a->life != LIVE || a->device != device || bytes > a->base + a->bytes - address)
    return NULL;
  return a->host + (address - a->base);
}

u64 memory_used(int device) { return used[device & 63]; }

int memory_each(bool (*visit)(allocation *, void *), void *arg) {
  int n = 0;
  for (u64 i = 0; i < n_all; i++)
    n += all[i].life != FREED && visit(&all[i], arg);
  return n;
}
