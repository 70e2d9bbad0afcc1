/* A pointwise expression, compiled from its words: steps over blocks of values in numbered places. */
#ifndef MF_PROGRAM_EXPRESSION_H
#define MF_PROGRAM_EXPRESSION_H

#include "program/format.h"

#include <metaformer.h>

enum mf_step_op {
#define MF_STEP(serial, name, arity) MF_STEP_##name = serial,
#include "program/steps.def"
#undef MF_STEP
    MF_STEP_COUNT
};

/* Values are computed in blocks of so many, which stay in the first-level cache. */
#define MF_BLOCK 256

/* Places: the inputs, then the temporary blocks, and the output. */
#define MF_PLACE_BLOCK MF_MAX_INPUTS
#define MF_PLACE_OUTPUT 255

typedef struct mf_step {
    uint8_t op;
    uint8_t a, b, c; /* places read */
    uint8_t result;  /* place written */
} mf_step;

typedef struct mf_constant {
    uint8_t place;
    float value;
} mf_constant;

typedef struct mf_expression {
    uint32_t input_count;
    uint32_t step_count; /* constants are not steps any more; 0: input 0 is the result */
    uint32_t constant_count;
    uint32_t block_count; /* temporary blocks, the constants' included */
    mf_step *steps;
    mf_constant *constants;
} mf_expression;

/* Compiles the words of an expression over input_count values; *used tells how many words it took, the count included.
   out_expression comes with room for its steps and constants: one of either for each word is enough. */
mf_status mf_expression_compile(const uint32_t *words, uint32_t word_count, uint32_t input_count,
                                mf_expression *out_expression, uint32_t *used, mf_error *error);

/* y = x scale + shift, then + residual, then no lower than low and no higher than high: what follows most convolutions. Inputs
   by number; -1 for none. */
typedef struct mf_affine {
    int scale, shift, residual;
    int is_limited;
    float low, high;
} mf_affine;

/* Whether an expression is no more than that. */
int mf_affine_of(const mf_expression *e, mf_affine *to);

/* Floats of scratch that evaluating needs, for each thread. */
static inline size_t mf_expression_scratch(const mf_expression *e) {
    return (size_t)(e->block_count + 2 * e->input_count + 1) * MF_BLOCK;
}

/* An input of an expression for a run of outputs: its first value, and the distance to the next (0: one for all). */
typedef struct mf_operand {
    const float *data;
    int64_t step;
} mf_operand;

#endif
