/* What the files that read PTX text share: lex.c (tokens), parse.c (modules and functions), operand.c (operands), decode.c (plain
 * instructions), forms.c (memory, warps, matrices). Any of them ends the load through reject(), which does not return. */
#ifndef FAKECUDA_PTX_H
#define FAKECUDA_PTX_H

#include <setjmp.h>
#include "vm.h"

typedef struct { char name[64]; u32 first, n; u8 width; } registers; /* name<n>, or one register if n is 0; width 1 for predicates */
typedef struct { char *name; u8 space; u64 address, bytes; bool dynamic; } symbol;
typedef struct { char name[256]; u32 at; int line; } label;

struct module {
  struct chunk { struct chunk *next; } *kept;
  kernel **kernels;
  u32 n_kernels;
  symbol *symbols;
  u32 n_symbols;
  int device;
};

typedef struct {
  const char *at;
  int line, ahead; /* of the token, of what follows it */
  char tok[256];   /* the token not yet taken; empty at the end */
  jmp_buf failed;
  char *text;
  int capability;
  module *m;
  /* of the function being read */
  kernel *k;
  registers *regs;
  u32 n_regs;
  symbol *locals;
  u32 n_locals;
  label *labels, *jumps; /* a jump's at is the instruction that jumps */
  u32 n_labels, n_jumps;
} parser;

void reject(parser *, const char *format, ...) __attribute__((noreturn, format(printf, 2, 3)));
void advance(parser *);
bool is(const parser *, const char *token);
bool take(parser *, const char *token); /* is, and then past it */
void want(parser *, const char *token);
void word(parser *, char out[256]);
i64 integer(parser *);
void *keep(module *, size_t);
#define GROW(p, list, n) ((list) = grow((p)->m, (list), (n), sizeof *(list)), &(list)[(n)++])
void *grow(module *, void *list, u32 n, size_t size); /* a list with room for element n, which is zero */

enum type type_named(const char *);



u32 file_row(kernel *, u32 width); /* bytes of one lane's value; 1: a predicate */
u32 register_at(parser *, const char *name, u8 *width); /* NONE if there is none */
u32 operand(parser *, char kind);     /* of 2, 4, 8 bytes, or p */
u32 operand_any(parser *, u8 *width); /* of whichever width it has; only a register */
int braces(parser *, u32 *out, int most, char kind); /* {a, b} or a; how many */
void address(parser *, ins *);        /* [register + offset] or [symbol + offset]; sets space where the symbol tells it */
typedef struct { char part[12][32]; int n; } mnemonic; /* split at its dots */
bool memory_form(parser *, ins *, mnemonic *);  /* false if it is none of form_memory.c */
bool warp_form(parser *, ins *, mnemonic *);    /* of form_warp.c */
bool register_form(parser *, ins *, mnemonic *); /* of form_register.c */
bool part_is(const mnemonic *, int i, const char *); /* false past its end */
void allow(parser *, const mnemonic *, int from, const char *words); /* rejects parts that are none of the words */
void instruction(parser *, char *mnemonic); /* and its operands, up to the semicolon */
ins *emit(parser *);                        /* one more instruction, without operands */

#endif
