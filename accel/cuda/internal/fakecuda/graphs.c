/* Graphs: what streams were handed while they were captured, done again by each launch. Branches that nothing orders come in any order. */
#include "driver.h"
#include <stdlib.h>
#include <string.h>

CUresult cuGraphInstantiate_v2(CUgraphExec *, CUgraph, CUgraphNode *, char *, size_t);
CUresult cuStreamIsCapturing(CUstream, int *);
CUresult cuGraphGetNodes(CUgraph, CUgraphNode *, size_t *);

CUresult refuse_while_capturing(CUcontext c) {
  for (stream *s = c->streams; s; s = s->next)
    if (s->capture) {
      s->capture->invalid = true;
      return failed(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, "a call that a capture may not see, while a stream is captured");
    }
  return CUDA_SUCCESS;
}

static graph *graph_new(CUcontext c, u32 magic) {
  graph *g = calloc(1, sizeof *g);
  *g = (graph){.magic = magic, .ctx = c};
  g->end = &g->first;
  live_objects[magic - CONTEXT]++;
  return g;
}

CUresult cuStreamBeginCapture(CUstream handle, CUstreamCaptureMode mode) {
  API
  stream *s;
  CUresult r = stream_of(ctx, handle, &s);
  if (r)
    return r;
  if (s == ctx->null || s->capture || mode > CU_STREAM_CAPTURE_MODE_RELAXED)
    return failed(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, "the null stream, or one that is being captured, cannot be captured");
  s->capture = graph_new(ctx, GRAPH);
  s->origin = true;
  return CUDA_SUCCESS;
}

CUresult cuStreamEndCapture(CUstream handle, CUgraph *out) {
  API
  stream *s;
  CUresult r = stream_of(ctx, handle, &s);
  if (r)
    return r;
  if (!s->capture || !s->origin)
    return failed(CUDA_ERROR_STREAM_CAPTURE_UNMATCHED, "no capture began in this stream");
  graph *g = s->capture;
  bool unjoined = false;
  for (stream *t = ctx->streams; t; t = t->next)
    if (t->capture == g) {
      unjoined |= t->unjoined;
      t->capture = NULL;
      t->origin = t->unjoined = false;
    }
  *out = (CUgraph)g;
  if (!g->invalid && !unjoined)
    return CUDA_SUCCESS;
  *out = NULL;
  g->magic = ENDED;
  live_objects[GRAPH - CONTEXT]--;
  return g->invalid ? failed(CUDA_ERROR_STREAM_CAPTURE_INVALIDATED, "the capture failed before")
                    : failed(CUDA_ERROR_STREAM_CAPTURE_UNJOINED, "a stream of the capture has not come back to its first one");
}

CUresult cuStreamIsCapturing(CUstream handle, int *status) {
  API
  stream *s;
  CUresult r = stream_of(ctx, handle, &s);
  if (!r)
    *status = !s->capture ? 0 : s->capture->invalid ? 2 : 1;
  return r;
}

static CUresult graph_of(CUcontext c, void *handle, u32 magic, graph **out) {
  *out = handle;
  if (!handle || (*out)->magic != magic || (*out)->ctx != c)
    return failed(CUDA_ERROR_INVALID_HANDLE, "the graph has been destroyed, is none, or is of another context");
  return CUDA_SUCCESS;
}

CUresult cuGraphInstantiateWithFlags(CUgraphExec *out, CUgraph handle, unsigned long long flags) {
  API
  graph *g;
  CUresult r = graph_of(ctx, handle, GRAPH, &g);
  if (r || flags)
    return r ? r : CUDA_ERROR_INVALID_VALUE;
  graph *e = graph_new(ctx, EXECUTABLE);
  for (piece *p = g->first; p; p = p->next) {
    piece *q = malloc(sizeof *q);
    *q = *p;
    q->next = NULL;
    if (p->params) {
      q->params = malloc(p->bytes + 16);
      memcpy(q->params, p->params, p->bytes);
    }
    *e->end = q;
    e->end = &q->next;
  }
  e->length = g->length;
  e->branches = g->branches;
  *out = (CUgraphExec)e;
  return CUDA_SUCCESS;
}

CUresult cuGraphInstantiate_v2(CUgraphExec *out, CUgraph handle, CUgraphNode *node, char *log, size_t bytes) {
  if (node)
    *node = NULL;
  if (log && bytes)
    *log = 0;
  return cuGraphInstantiateWithFlags(out, handle, 0);
}

CUresult cuGraphLaunch(CUgraphExec handle, CUstream on) {
  API
  graph *e;
  stream *s;
  CUresult r = graph_of(ctx, handle, EXECUTABLE, &e);
  if (!r)
    r = stream_of(ctx, on, &s);
  if (!r && s->capture)
    return failed(CUDA_ERROR_NOT_SUPPORTED, "the double captures no launches of graphs");
  return r ? r : submit(s, (piece){.kind = REPLAY, .replayed = e});
}

/* Whether a piece that is left comes before p: of its stream, or of what p waits for. */
static bool waits(const piece *const *left, u32 n, const piece *p) {
  for (u32 i = 0; i < n; i++)
    if ((left[i]->on == p->on && left[i]->order < p->order) || (p->kind == AWAIT && left[i]->on == p->after && left[i]->order <= p->until))
      return true;
  return false;
}

CUresult replay(CUcontext c, const graph *g) {
  CUresult r = CUDA_SUCCESS;
  u32 n = 0;
  for (piece *p = g->first; p; p = p->next) {
    if (!g->branches && !r)
      r = perform(c, p);
    n++;
  }
  if (!g->branches)
    return r;
  piece **left = malloc(n * sizeof *left), **ready = malloc(n * sizeof *ready);
  n = 0;
  for (piece *p = g->first; p; p = p->next)
    left[n++] = p;
  while (n && !r) {
    u32 may = 0;
    for (u32 i = 0; i < n; i++)
      if (!waits((const piece *const *)left, n, left[i]))
        ready[may++] = left[i];
    piece *chosen = ready[random_below(may)];
    r = perform(c, chosen);
    for (u32 i = 0; i < n; i++)
      if (left[i] == chosen)
        left[i] = left[--n];
  }
  free(left), free(ready);
  return r;
}

static void end(graph *g) {
  live_objects[g->magic - CONTEXT]--;
  g->magic = ENDED;
  for (piece *p = g->first, *next; p; p = next) {
    next = p->next;
    discard(p);
  }
  g->first = NULL;
}

CUresult cuGraphExecDestroy(CUgraphExec handle) {
  API
  graph *e;
  CUresult r = graph_of(ctx, handle, EXECUTABLE, &e);
  if (!r)
    r = finish_context(ctx); /* a launch may be under way */
  if (!r)
    end(e);
  return r;
}

CUresult cuGraphDestroy(CUgraph handle) {
  API
  graph *g;
  CUresult r = graph_of(ctx, handle, GRAPH, &g);
  if (!r)
    end(g);
  return r;
}

/* Only the number of nodes is told. */
CUresult cuGraphGetNodes(CUgraph handle, CUgraphNode *nodes, size_t *n) {
  API
  graph *g;
  CUresult r = graph_of(ctx, handle, GRAPH, &g);
  if (r || nodes)
    return r ? r : CUDA_ERROR_NOT_SUPPORTED;
  *n = g->length;
  return CUDA_SUCCESS;
}
