/* Streams and events. */
#include "driver.h"
#include <stdlib.h>

stream *stream_new(CUcontext c, unsigned flags, int priority) {
  stream *s = calloc(1, sizeof *s);
  *s = (stream){.magic = STREAM, .ctx = c, .flags = flags, .priority = priority, .next = c->streams};
  s->end = &s->first;
  c->streams = s;
  live_objects[STREAM - CONTEXT]++;
  return s;
}

/* The stream behind a handle; 0 and 1 are the null stream. */
CUresult stream_of(CUcontext c, CUstream handle, stream **out) {
  *out = (stream *)handle;
  if (!handle || handle == (CUstream)1)
    *out = c->null;
  else if (handle == (CUstream)2)
    return failed(CUDA_ERROR_NOT_SUPPORTED, "the double has no per-thread default stream");
  else if ((*out)->magic != STREAM)
    return failed(CUDA_ERROR_INVALID_HANDLE, "the stream has been destroyed, or is none");
  else if ((*out)->ctx != c)
    return failed(CUDA_ERROR_INVALID_HANDLE, "the stream belongs to another context than the current one");
  return CUDA_SUCCESS;
}

static CUresult event_of(CUcontext c, CUevent e) {
  if (!e || e->magic != EVENT)
    return failed(CUDA_ERROR_INVALID_HANDLE, "the event has been destroyed, or is none");
  if (e->ctx != c)
    return failed(CUDA_ERROR_INVALID_HANDLE, "the event belongs to another context than the current one");
  return CUDA_SUCCESS;
}

#define STREAM_ARGUMENT(s, handle)                                             \
  stream *s;                                                                   \
  if ((entered_ = stream_of(ctx, handle, &s)))                                 \
    return entered_;
#define EVENT_ARGUMENT(e)                                                      \
  if ((entered_ = event_of(ctx, e)))                                           \
    return entered_;

/* A capturing stream can be waited for by no one: the capture fails. */
static CUresult spoil(stream *s) {
  s->capture->invalid = true;
  return failed(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, "a stream that is being captured cannot be waited for");
}

CUresult cuStreamCreateWithPriority(CUstream *out, unsigned flags, int priority) {
  API
  if (flags & ~(unsigned)CU_STREAM_NON_BLOCKING)
    return CUDA_ERROR_INVALID_VALUE;
  *out = (CUstream)stream_new(ctx, flags, priority);
  return CUDA_SUCCESS;
}

CUresult cuStreamCreate(CUstream *out, unsigned flags) { return cuStreamCreateWithPriority(out, flags, 0); }

/* Its work is finished first, where a driver would return at once and finish it later. */
CUresult cuStreamDestroy(CUstream handle) {
  API
  STREAM_ARGUMENT(s, handle)
  if (s == ctx->null)
    return CUDA_ERROR_INVALID_HANDLE;
  CUresult r = finish_stream(s);
  s->magic = ENDED;
  live_objects[STREAM - CONTEXT]--;
  for (stream **p = &ctx->streams; *p; p = &(*p)->next)
    if (*p == s) {
      *p = s->next;
      break;
    }
  return r;
}

CUresult cuStreamGetFlags(CUstream handle, unsigned *flags) {
  API
  STREAM_ARGUMENT(s, handle)
  *flags = s->flags;
  return CUDA_SUCCESS;
}

CUresult cuStreamGetPriority(CUstream handle, int *priority) {
  API
  STREAM_ARGUMENT(s, handle)
  *priority = s->priority;
  return CUDA_SUCCESS;
}

CUresult cuStreamSynchronize(CUstream handle) {
  API
  STREAM_ARGUMENT(s, handle)
  return s->capture ? spoil(s) : finish_stream(s);
}

CUresult cuStreamQuery(CUstream handle) {
  API
  STREAM_ARGUMENT(s, handle)
  if (s->capture)
    return spoil(s);
  return s->first ? CUDA_ERROR_NOT_READY : CUDA_SUCCESS;
}

/* Waiting for an event of a capture makes the stream part of it. */
CUresult cuStreamWaitEvent(CUstream handle, CUevent e, unsigned flags) {
  API
  STREAM_ARGUMENT(s, handle)
  EVENT_ARGUMENT(e)
  if (flags)
    return CUDA_ERROR_INVALID_VALUE;
  if (!e->on)
    return CUDA_SUCCESS;
  if (e->captured && e->captured == e->on->capture) {
    if (s->capture && s->capture != e->captured)
      return failed(CUDA_ERROR_STREAM_CAPTURE_MERGE, "two captures would become one");
    s->capture = e->captured;
    if (e->on != s)
      e->on->unjoined = false;
  } else if (s->capture)
    return failed(CUDA_ERROR_STREAM_CAPTURE_ISOLATION, "a captured stream waits for an event of no capture");
  return submit(s, (piece){.kind = AWAIT, .after = e->on, .until = e->order});
}

CUresult cuEventCreate(CUevent *out, unsigned flags) {
  API
  *out = calloc(1, sizeof **out);
  **out = (struct CUevent_st){.magic = EVENT, .ctx = ctx, .flags = flags};
  live_objects[EVENT - CONTEXT]++;
  return CUDA_SUCCESS;
}

CUresult cuEventDestroy(CUevent e) {
  API
  EVENT_ARGUMENT(e)
  e->magic = ENDED;
  live_objects[EVENT - CONTEXT]--;
  return CUDA_SUCCESS;
}

CUresult cuEventRecord(CUevent e, CUstream handle) {
  API
  STREAM_ARGUMENT(s, handle)
  EVENT_ARGUMENT(e)
  return submit(s, (piece){.kind = MARK, .event = e});
}

static CUresult not_captured(CUevent e) {
  return e->captured ? failed(CUDA_ERROR_CAPTURED_EVENT, "the event was recorded in a capture") : CUDA_SUCCESS;
}

CUresult cuEventSynchronize(CUevent e) {
  API
  EVENT_ARGUMENT(e)
  CUresult r = not_captured(e);
  return r || !e->on ? r : finish_order(e->on, e->order);
}

CUresult cuEventQuery(CUevent e) {
  API
  EVENT_ARGUMENT(e)
  CUresult r = not_captured(e);
  return r ? r : !e->on || is_done(e->on, e->order) ? CUDA_SUCCESS : CUDA_ERROR_NOT_READY;
}

CUresult cuEventElapsedTime(float *ms, CUevent a, CUevent b) {
  API
  EVENT_ARGUMENT(a)
  EVENT_ARGUMENT(b)
  if (!a->on || !b->on || (a->flags | b->flags) & CU_EVENT_DISABLE_TIMING)
    return CUDA_ERROR_INVALID_HANDLE;
  if (!is_done(a->on, a->order) || !is_done(b->on, b->order))
    return CUDA_ERROR_NOT_READY;
  *ms = (float)(b->time - a->time);
  return CUDA_SUCCESS;
}
