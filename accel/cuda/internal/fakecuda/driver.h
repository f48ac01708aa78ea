/* The driver that programs see, over the machine of vm.h.
 *
 * Invariants:
 * - One lock guards all of it; api_enter takes it and api_leave, which runs at the end of each call, gives it back.
 * - Work that is handed to a stream is kept, not done: it runs when something waits for it, or when a stream holds too much of it. Among
 *   the streams whose first piece may run a seeded generator chooses, so that work which nothing orders does come in any order.
 * - A piece may run if all before it in its stream are done; a wait for an event, if what the event marks is done; and work of the null
 *   stream and of a blocking one, in the order in which they were handed over.
 * - A fault stays: each later call of its context returns it.
 * - Streams, events, modules and graphs are never given back to the C library, so that use after their end is told. */
#ifndef FAKECUDA_DRIVER_H
#define FAKECUDA_DRIVER_H

#include "cuda.h"
#include "vm.h"

typedef struct piece piece;
typedef struct stream stream;
typedef struct graph graph;

typedef enum { KERNEL, TO_DEVICE, TO_HOST, ON_DEVICE, FILL, MARK, AWAIT, BEGIN_LIFE, END_LIFE, CALL, REPLAY } piece_kind;

/* A piece of a stream's work. */
struct piece {
  piece_kind kind;
  u64 order; /* over all streams, as handed over; a stream's pieces are done up to the order of its first */
  piece *next;
  u64 to, from, bytes;
  void *host;
  u32 value, width; /* FILL: bytes of value */
  const kernel *k;
  u32 grid[3], threads[3], dynamic;
  u8 *params; /* KERNEL, CALL: a copy of its arguments */
  CUresult (*call)(void *);
  CUevent event;
  stream *after; /* AWAIT: the stream and the order of what the event marks */
  u64 until;
  stream *on; /* captured: where it was handed over */
  graph *replayed;
};

struct CUctx_st {
  u32 magic;
  int device, retained;
  unsigned flags;
  CUresult sticky;
  stream *streams; /* all, with the null stream the last */
  stream *null;
};

struct stream {
  u32 magic;
  CUcontext ctx;
  unsigned flags;
  int priority;
  piece *first, **end;
  u32 length;
  u64 done; /* order of the last piece that is done */
  graph *capture; /* what takes its work at present */
  stream *next;
  bool origin, unjoined;
};

struct CUevent_st {
  u32 magic;
  CUcontext ctx;
  unsigned flags;
  stream *on; /* NULL: never recorded */
  u64 order;
  f64 time;
  graph *captured;
};

struct CUmod_st { u32 magic; CUcontext ctx; module *m; struct CUfunc_st *functions; struct CUmod_st *next; };
struct CUfunc_st { u32 magic; CUmodule of; kernel *k; struct CUfunc_st *next; };
struct graph { u32 magic; CUcontext ctx; piece *first, **end; u32 length; bool invalid, branches; };

enum { CONTEXT = 0xc0c0c0c0, STREAM, EVENT, MODULE, FUNCTION, GRAPH, EXECUTABLE, ENDED = 0xdead };

/* ---- state (context.c) ---- */

extern struct { bool ready; u64 launches, steps; u32 seed; } driver;
extern int live_objects[8]; /* by magic - CONTEXT */
CUresult api_enter(CUcontext *current, bool needs_context);
void api_leave(int *);
int device_count(void);
int device_capability(void);
u64 device_memory(void);
u64 setting(const char *name, u64 otherwise);
CUcontext context_on(int device);
char *describe(CUresult, const char *format, ...) __attribute__((format(printf, 2, 3))); /* what cuGetErrorString says of it from now */
CUresult failed(CUresult, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Begins a call that works in the current context, or one that needs none. */
#define API                                                                    \
  CUcontext ctx;                                                               \
  int locked_ __attribute__((cleanup(api_leave), unused)) = 1;                 \
  CUresult entered_ = api_enter(&ctx, true);                                   \
  if (entered_)                                                                \
    return entered_;
#define API_ANYWHERE                                                           \
  CUcontext ctx __attribute__((unused));                                       \
  int locked_ __attribute__((cleanup(api_leave), unused)) = 1;                 \
  CUresult entered_ = api_enter(&ctx, false);                                  \
  if (entered_)                                                                \
    return entered_;

/* ---- streams (stream.c, schedule.c) ---- */

stream *stream_new(CUcontext, unsigned flags, int priority);
CUresult stream_of(CUcontext, CUstream, stream **);
CUresult submit(stream *, piece);  /* hands over, or captures */
CUresult finish_stream(stream *);  /* until all that was handed over is done */
CUresult finish_context(CUcontext);
CUresult finish_order(stream *, u64 order);
bool is_done(const stream *, u64 order);
u32 random_below(u32);
CUresult perform(CUcontext, piece *); /* perform.c */
CUresult replay(CUcontext, const graph *); /* graphs.c */
void discard(piece *);
CUresult refuse_while_capturing(CUcontext); /* for calls that a capture must not see */

/* ---- pinned host memory (host_memory.c) ---- */

bool is_pinned(const void *host, u64 bytes);
int pinned_count(void);

#endif
