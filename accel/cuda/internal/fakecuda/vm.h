/* A machine that runs PTX text on the CPU: what the double of libcuda.so.1 launches kernels on. See README.md.
 *
 * Invariants:
 * - A warp is 32 lanes. A register holds 32 values side by side ("a row"), a predicate register one word, bit l for lane l. Operands are
 *   decoded once, to byte offsets into the warp's register file; immediates and special registers are rows too, so that every operand
 *   is read in the same way.
 * - An instruction runs for the lanes of a mask. It may compute, but never store, fault or be seen, for lanes outside it. Rows of
 *   lanes that have exited may hold anything.
 * - A fault stops the block at once and is written once, in fault(). Blocks run on several cores; the fault of the lowest block counts,
 *   so that what a launch gives does not depend on the number of cores. A kernel with atomics on global memory runs on one core.
 * - Device addresses are never valid on the host. Memory that nothing has written holds 0xff bytes, NaN in each float type. */
#ifndef FAKECUDA_VM_H
#define FAKECUDA_VM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int8_t i8;
typedef int16_t i16;
typedef int32_t i32;
typedef int64_t i64;
typedef float f32;
typedef double f64;

enum { LANES = 32, MAX_THREADS = 1024, NONE = 0xffffffffu };

/* Where the windows of an address without a state space begin. */
#define GLOBAL_BASE 0x100000000000ull
#define SHARED_BASE 0x200000000000ull
#define LOCAL_BASE 0x300000000000ull
#define WINDOW 0x100000000000ull

enum type { B8, B16, B32, B64, U8, U16, U32, U64, S8, S16, S32, S64, F16, BF16, F32, F64, F16X2, BF16X2, TF32, PRED, NO_TYPE };
extern const u8 type_bytes[];   /* by enum type */
extern const bool type_signed[];
enum space { GENERIC, GLOBAL, SHARED, LOCAL, PARAM };
enum sreg { TID_X, TID_Y, TID_Z, NTID_X, NTID_Y, NTID_Z, CTAID_X, CTAID_Y, CTAID_Z, NCTAID_X, NCTAID_Y, NCTAID_Z,
            LANEID, WARPID, MASK_EQ, MASK_LT, MASK_LE, MASK_GT, MASK_GE, SREGS };

/* How an instruction moves the lanes that run it. */
enum flow {
  PLAIN,   /* to the next instruction */
  BRANCH,  /* to target */
  EXIT,    /* out */
  BARRIER, /* waits for the block */
  MEET,    /* waits for the lanes of its member mask, then runs */
};

typedef struct warp warp;
typedef struct ins ins;
typedef void exec(warp *, const ins *, u32 lanes);

/* A decoded instruction. Offsets are in bytes into the register file; NONE where there is no such operand. */
struct ins {
  exec *run;
  u32 d, d2, a, b, c, e; /* destinations and sources */
  u32 *v;                /* of a vector or matrix operand */
  i64 imm;               /* added to the address in a */
  u32 pred, target;
  u32 members;           /* row with the lanes that must meet; NONE: all */
  int line;              /* in the PTX text */
  u8 negated;            /* runs where pred is false */
  u8 flow;
  u8 type, from;         /* enum type: of the result, of the source */
  u8 space, size, count; /* memory: bytes of an element, elements */
  u8 width, address;     /* bytes of the register and of the address register */
  u8 sub, mode;          /* variant of the operation */
};

typedef struct { u32 at; u8 width; u64 value; } constant;
typedef struct { u32 at, size; } param;
typedef struct module module;

/* An entry function, ready to run. */
typedef struct kernel {
  const char *name;
  module *of;
  ins *code;
  u32 length;
  u32 file; /* bytes of a warp's registers */
  constant *constants;
  u32 n_constants;
  u32 sreg[SREGS]; /* offset of a special register's row, NONE where it is not read */
  param *params;
  u32 n_params, param_bytes;
  u64 shared, local;  /* bytes: static shared memory of a block, local memory of a thread */
  u32 max_threads;    /* of a block */
  u32 most_dynamic;   /* bytes of dynamic shared memory that may be asked for */
  bool ordered;       /* its blocks run one after the other */
} kernel;

/* ---- loading (parse.c) ---- */

/* Reads PTX text for a device of capability 10*major+minor. NULL, with the reason and the PTX line in text, if any of it is not
 * understood. */
module *module_load(const char *ptx, int capability, int device, char text[512]);
void module_free(module *);
kernel *module_kernel(module *, const char *name);
bool module_global(module *, const char *name, u64 *address, u64 *bytes);

/* ---- device memory (memory.c). The caller serialises changes. ---- */

enum life { PENDING, LIVE, FREED }; /* PENDING: allocated in stream order, which is not there yet */
typedef struct { u64 base, bytes; u8 *host; int device; u8 life; bool of_module; } allocation;

u64 memory_new(u64 bytes, int device, enum life);
allocation *memory_find(u64 address); /* the allocation that holds or held it; NULL */
allocation *memory_exact(u64 base);   /* a live or pending one that begins there; NULL */
void memory_drop(allocation *);
u8 *memory_host(u64 address, u64 bytes, int device); /* NULL unless the bytes are live memory of the device */
u64 memory_used(int device);          /* bytes live or pending, without the modules' own */
int memory_each(bool (*visit)(allocation *, void *), void *arg);

/* ---- running (launch.c) ---- */

enum fault_kind { FAULT_NONE, FAULT_ADDRESS, FAULT_MISALIGNED, FAULT_LAUNCH, FAULT_TRAP, FAULT_TIMEOUT };
typedef struct { enum fault_kind kind; u64 block; char text[512]; } fault_report;

/* Runs a grid. Adds the PTX instructions that threads executed to *steps. */
fault_report launch(const kernel *, const u32 grid[3], const u32 block[3], u32 dynamic, const u8 *params, int device, u64 *steps);

/* ---- a block under way ---- */

enum wait { READY, AT_BARRIER, AT_MEETING };
typedef struct { u32 pc, lanes; u8 wait; } group;

/* An asynchronous copy that has been issued and not waited for. */
typedef struct { u8 *from; u32 to; u8 bytes, filled; u32 lane, batch; } copy;

typedef struct block block;
struct warp {
  u8 *file, *local;
  block *in;
  u32 index;
  u32 exist, live;  /* lanes that began, that have not exited */
  group groups[LANES];
  int n_groups;
  u32 synced;       /* the block's clock when its lanes last met at a bar.warp.sync */
  copy *copies;     /* of its lanes, in order */
  int n_copies, room;
  u32 batches[LANES]; /* committed batches of copies, by lane */
};

struct block {
  const kernel *k;
  warp *warps;
  u32 n_warps, threads, grid[3], size[3], at[3];
  u8 *shared, *params, *image;
  u64 shared_bytes;
  u32 *writer, *reader; /* by byte of shared memory: see race.c */
  u32 clock, synced;    /* clock grows at each barrier; synced: at the last one of the block */
  allocation *recent;
  int device;
  u64 steps, limit;
  fault_report fault;
};

void fault(warp *, const ins *, int lane, enum fault_kind, const char *format, ...) __attribute__((format(printf, 5, 6)));
void warp_run(warp *); /* until each lane waits for the block or has exited */
void block_run(block *);
void block_start(block *);

bool race_read(warp *, const ins *, int lane, u64 at, u32 bytes);
bool race_write(warp *, const ins *, int lane, u64 at, u32 bytes);
bool race_atomic(warp *, const ins *, int lane, u64 at, u32 bytes);
bool race_lanes(warp *, const ins *, u32 lanes, const u64 at[LANES], u32 bytes, bool write);
void race_clear(block *);

/* The host addresses of the lanes' accesses; false after a fault. */
bool locate(warp *, const ins *, u32 lanes, u32 bytes, bool write, u8 *host[LANES]);
void addresses(const warp *, const ins *, u64 at[LANES]);
enum access { READ, WRITE, ATOMIC_WRITE };
u8 *resolve(warp *, const ins *, int lane, u64 address, u32 bytes, enum access);

/* ---- for the files of operations ---- */

#define ROW(T, offset) ((T *)__builtin_assume_aligned(w->file + (offset), 64))
#define BIT(offset) (*(u32 *)(w->file + (offset)))

/* Runs a statement for each lane l. Where all live lanes take part, it runs for all 32, which compilers turn into vector code. */
#define EACH_LANE(lanes, ...)                                                  \
  if (((lanes) & w->live) == w->live) {                                        \
    _Pragma("GCC ivdep") for (int l = 0; l < LANES; l++) { __VA_ARGS__ }       \
  } else                                                                       \
    for (u32 rest_ = (lanes); rest_; rest_ &= rest_ - 1) {                     \
      int l = __builtin_ctz(rest_);                                            \
      __VA_ARGS__                                                              \
    }

/* A row of the table of operations: the names that an operation has in PTX, and its operands, one letter each: 2, 4, 8 for registers of
 * that many bytes, p for a predicate. The table is what the linker gathers in its section. */
typedef struct { const char *names, *operands; exec *run; } operation;
#define OPERATION(id, names, operands, run)                                    \
  static const operation id##_row = {names, operands, run};                    \
  static const operation *const id##_entry __attribute__((section("operations"), used)) = &id##_row;

#define OP1(id, names, operands, D, A, ...)                                    \
  static void id(warp *w, const ins *in, u32 lanes) {                          \
    D *d = ROW(D, in->d);                                                      \
    const A *a = ROW(A, in->a);                                                \
    EACH_LANE(lanes, A x = a[l]; d[l] = (D)(__VA_ARGS__);)                     \
  }                                                                            \
  OPERATION(id, names, operands, id)
#define OP2(id, names, operands, D, A, B, ...)                                 \
  static void id(warp *w, const ins *in, u32 lanes) {                          \
    D *d = ROW(D, in->d);                                                      \
    const A *a = ROW(A, in->a);                                                \
    const B *b = ROW(B, in->b);                                                \
    EACH_LANE(lanes, A x = a[l]; B y = b[l]; d[l] = (D)(__VA_ARGS__);)         \
  }                                                                            \
  OPERATION(id, names, operands, id)
#define OP3(id, names, operands, D, A, B, C, ...)                              \
  static void id(warp *w, const ins *in, u32 lanes) {                          \
    D *d = ROW(D, in->d);                                                      \
    const A *a = ROW(A, in->a);                                                \
    const B *b = ROW(B, in->b);                                                \
    const C *c = ROW(C, in->c);                                                \
    EACH_LANE(lanes, A x = a[l]; B y = b[l]; C z = c[l]; d[l] = (D)(__VA_ARGS__);) \
  }                                                                            \
  OPERATION(id, names, operands, id)

/* ---- half precision (half.c) ---- */

static inline f32 half_to_float(u16 h) { _Float16 x; __builtin_memcpy(&x, &h, 2); return (f32)x; }
static inline u16 half_from(f64 v) { _Float16 x = (_Float16)v; u16 h; __builtin_memcpy(&h, &x, 2); return v != v ? 0x7fff : h; }
static inline f32 bfloat_to_float(u16 h) { u32 b = (u32)h << 16; f32 x; __builtin_memcpy(&x, &b, 4); return x; }
u16 bfloat_from(f64 v); /* the nearest, ties to even */

#endif
