/* The order of work: which stream's first piece may run, and which of those does. */
#include "driver.h"
#include <stdlib.h>
#include <string.h>

enum { MOST = 1024 }; /* pieces that a stream holds */

static u64 handed; /* the order of the last piece */

u32 random_below(u32 n) { /* xorshift */
  u32 x = driver.seed ? driver.seed : 1;
  x ^= x << 13, x ^= x >> 17, x ^= x << 5;
  driver.seed = x;
  return x % n;
}

bool is_done(const stream *s, u64 order) { return !s->first || s->first->order > order; }

/* The null stream and blocking streams wait for what they were handed before. */
static bool after_the_null_stream(const stream *s, u64 order) {
  if (s->flags & CU_STREAM_NON_BLOCKING)
    return true;
  if (s != s->ctx->null)
    return is_done(s->ctx->null, order);
  for (const stream *t = s->ctx->streams; t; t = t->next)
    if (t != s && !(t->flags & CU_STREAM_NON_BLOCKING) && !is_done(t, order))
      return false;
  return true;
}

static bool may_run(const stream *s) {
  const piece *p = s->first;
  return p && (p->kind != AWAIT || is_done(p->after, p->until)) && after_the_null_stream(s, p->order);
}

void discard(piece *p) {
  free(p->params);
  free(p);
}

/* Runs the first piece of some stream that may. After a fault the rest is dropped. */
static CUresult step(CUcontext c) {
  stream *ready[256];
  u32 n = 0;
  for (stream *s = c->streams; s && n < 256; s = s->next)
    if (may_run(s))
      ready[n++] = s;
  if (!n)
    return failed(CUDA_ERROR_LAUNCH_FAILED, "streams wait for one another");
  stream *s = ready[random_below(n)];
  piece *p = s->first;
  CUresult r = perform(c, p);
  s->first = p->next;
  s->length--;
  if (!s->first)
    s->end = &s->first;
  s->done = p->order;
  discard(p);
  if (r) {
    c->sticky = r;
    for (s = c->streams; s; s = s->next) {
      while ((p = s->first)) {
        s->first = p->next;
        discard(p);
      }
      s->end = &s->first;
      s->length = 0;
    }
  }
  return r;
}

CUresult finish_order(stream *s, u64 order) {
  CUresult r = s->ctx->sticky;
  while (!r && !is_done(s, order))
    r = step(s->ctx);
  return r;
}

CUresult finish_stream(stream *s) { return finish_order(s, handed); }

CUresult finish_context(CUcontext c) {
  CUresult r = c->sticky;
  for (stream *s = c->streams; s && !r; s = s->next)
    r = finish_stream(s);
  return r;
}

static void append(piece ***end, const piece *p) {
  piece *q = malloc(sizeof *q);
  *q = *p;
  q->next = NULL;
  **end = q;
  *end = &q->next;
}

CUresult submit(stream *s, piece p) {
  p.order = ++handed;
  if (p.kind == MARK)
    p.event->on = s, p.event->order = p.order, p.event->captured = s->capture;
  if (s->capture) {
    if (s->capture->invalid)
      return CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
    graph *g = s->capture;
    p.on = s;
    g->branches |= g->first && g->first->on != s;
    append(&g->end, &p);
    g->length += p.kind != MARK && p.kind != AWAIT;
    s->unjoined = !s->origin;
    return CUDA_SUCCESS;
  }
  append(&s->end, &p);
  s->length++;
  if (getenv("FAKECUDA_EAGER"))
    return finish_stream(s);
  while (s->length > MOST) {
    CUresult r = step(s->ctx);
    if (r)
      return r;
  }
  return CUDA_SUCCESS;
}
