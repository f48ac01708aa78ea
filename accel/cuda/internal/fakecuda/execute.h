/* The operations that the forms of instructions choose from, and the meaning of sub and mode. */
#ifndef FAKECUDA_EXECUTE_H
#define FAKECUDA_EXECUTE_H

#include "vm.h"

enum { AS_IS, TO_ZERO, TO_NEAREST, DOWN, UP };                       /* mode of cvt */
enum { SATURATE = 1, RELU = 2 };                                     /* sub of cvt */
enum { EQ, NE, LT, LE, GT, GE, EQU, NEU, LTU, LEU, GTU, GEU, NUM, NAN_ }; /* sub of setp */
enum { JOIN_NONE, JOIN_AND, JOIN_OR, JOIN_XOR };                     /* mode of setp */
enum { ADD, MIN, MAX, AND, OR, XOR, EXCHANGE, CAS, INC, DEC };       /* sub of atom, red and redux */
enum { BUTTERFLY, DOWNWARDS, UPWARDS, INDEXED };                     /* sub of shfl */
enum { ALL, ANY, UNIFORM, BALLOT };                                  /* sub of vote; ALL, ANY and */
enum { BAR_SYNC = 8, BAR_ALL, BAR_ANY, BAR_COUNT };                  /* sub of bar */

exec run_move1, run_move2, run_move4, run_move8, run_pack, run_unpack, run_offset, run_nothing, run_trap;
exec run_convert, run_convert_pair;
exec run_load, run_store, run_atomic;
exec run_shuffle, run_vote, run_active, run_match, run_reduce, run_warp_barrier;
exec run_copy, run_copy_commit, run_copy_wait;
exec run_ldmatrix, run_mma;
exec *run_compare(enum type);

/* What a block's barrier gives its threads, once all have come. */
void barrier_result(block *, const ins *);

/* mode of mma: the shape. */
enum { M16N8K16, M16N8K8, M16N8K4 };

#endif
