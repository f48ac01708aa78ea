/* A grid: its blocks, in order, on as many cores as there are. */
#include "vm.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct {
  block like; /* what all blocks share */
  u64 blocks;
  _Atomic u64 next, failed; /* the next block to run; the lowest that has failed */
  fault_report report;
  u64 steps;
  pthread_mutex_t lock;
} grid;

static u64 setting(const char *name, u64 otherwise) {
  const char *s = getenv(name);
  return s ? strtoull(s, NULL, 0) : otherwise;
}

/* A register file as a block finds it, but for the thread's place. */
static u8 *image_of(const block *b) {
  const kernel *k = b->k;
  u8 *image = aligned_alloc(64, (k->file + 63) / 64 * 64);
  memset(image, 0xff, k->file);
  for (u32 i = 0; i < k->n_constants; i++) {
    constant c = k->constants[i];
    for (u32 l = 0; l < (c.width == 1 ? 1 : LANES); l++)
      memcpy(image + c.at + l * c.width, &c.value, c.width == 1 ? 4 : c.width);
  }
  for (u32 l = 0; l < LANES; l++) {
    u32 values[SREGS] = {[NTID_X] = b->size[0], [NTID_Y] = b->size[1], [NTID_Z] = b->size[2], [NCTAID_X] = b->grid[0],
                         [NCTAID_Y] = b->grid[1], [NCTAID_Z] = b->grid[2], [LANEID] = l, [MASK_EQ] = 1u << l,
                         [MASK_LT] = (1u << l) - 1, [MASK_LE] = (2u << l) - 1, [MASK_GT] = ~((2u << l) - 1), [MASK_GE] = ~((1u << l) - 1)};
    for (int s = 0; s < SREGS; s++)
      if (k->sreg[s] != NONE)
        memcpy(image + k->sreg[s] + 4 * l, &values[s], 4);
  }
  return image;
}

static void *aligned(u64 bytes) { return aligned_alloc(64, (bytes + 64) / 64 * 64); }

/* Runs blocks until there are none left, or one before has failed. */
static void *worker(void *arg) {
  grid *g = arg;
  block b = g->like;
  const kernel *k = b.k;
  b.shared = aligned(b.shared_bytes);
  b.writer = aligned(4 * (b.shared_bytes + 16));
  b.reader = aligned(4 * (b.shared_bytes + 16));
  b.warps = calloc(b.n_warps, sizeof *b.warps);
  u64 file = (k->file + 63) / 64 * 64;
  u8 *files = aligned(file * b.n_warps), *local = aligned(k->local * LANES * b.n_warps);
  for (u32 i = 0; i < b.n_warps; i++)
    b.warps[i] = (warp){.in = &b, .index = i, .file = files + file * i, .local = local + k->local * LANES * i};
  race_clear(&b);
  u64 steps = 0, at;
  while ((at = g->next++) < g->blocks && at < g->failed) {
    b.at[0] = (u32)(at % b.grid[0]);
    b.at[1] = (u32)(at / b.grid[0] % b.grid[1]);
    b.at[2] = (u32)(at / b.grid[0] / b.grid[1]);
    block_run(&b);
    steps += b.steps;
    if (b.fault.kind) {
      pthread_mutex_lock(&g->lock);
      if (at < g->failed) {
        g->failed = at;
        g->report = b.fault;
        g->report.block = at;
      }
      pthread_mutex_unlock(&g->lock);
      break;
    }
  }
  pthread_mutex_lock(&g->lock);
  g->steps += steps;
  pthread_mutex_unlock(&g->lock);
  for (u32 i = 0; i < b.n_warps; i++)
    free(b.warps[i].copies);
  free(b.shared), free(b.writer), free(b.reader), free(b.warps), free(files), free(local);
  return NULL;
}

fault_report launch(const kernel *k, const u32 size[3], const u32 threads[3], u32 dynamic, const u8 *params, int device, u64 *steps) {
  grid g = {.blocks = (u64)size[0] * size[1] * size[2], .lock = PTHREAD_MUTEX_INITIALIZER};
  g.failed = ~0ull;
  block *b = &g.like;
  *b = (block){.k = k, .params = (u8 *)params, .device = device, .limit = setting("FAKECUDA_STEPS", 10000000000ull)};
  memcpy(b->grid, size, sizeof b->grid);
  memcpy(b->size, threads, sizeof b->size);
  b->threads = threads[0] * threads[1] * threads[2];
  b->n_warps = (b->threads + LANES - 1) / LANES;
  b->shared_bytes = dynamic ? (k->shared + 15) / 16 * 16 + dynamic : k->shared;
  b->image = image_of(b);
  u64 cores = setting("FAKECUDA_CORES", (u64)sysconf(_SC_NPROCESSORS_ONLN));
  u64 most = g.blocks * b->n_warps / 32; /* a thread is not worth its start for less */
  if (cores > most)
    cores = most;
  if (k->ordered || cores > 16)
    cores = k->ordered ? 1 : 16;
  pthread_t others[16];
  u64 started = 0;
  while (started + 1 < cores && !pthread_create(&others[started], NULL, worker, &g))
    started++;
  worker(&g);
  for (u64 i = 0; i < started; i++)
    pthread_join(others[i], NULL);
  free(b->image);
  *steps += g.steps;
  return g.report;
}
