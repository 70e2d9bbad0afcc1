/* What an op asks of its operands, and what it costs: mf_rule_<op>, beside its kernels, in the file rule.c. */
#ifndef MF_PROGRAM_RULE_H
#define MF_PROGRAM_RULE_H

#include "program/program.h"
#include "support/error.h"

/* An instruction whose operands are there, and are as many as its op takes. */
typedef struct mf_rule_input {
    const mf_program *program;
    const mf_instruction *instruction;
    const mf_shape *out;
    mf_error *error;
} mf_rule_input;

typedef struct mf_rule {
    /* Refuses attributes and shapes that do not fit: what passes can touch no memory but its own. */
    mf_status (*check)(const mf_rule_input *r);
    /* Multiplications and additions; NULL where they are one for each element of the output and step of its expression. */
    uint64_t (*flops)(const mf_rule_input *r);
    /* Elements read of an operand; NULL where they are all of it. */
    uint64_t (*elements_read)(const mf_rule_input *r, uint32_t operand);
} mf_rule;

#define MF_OP(serial, name, ...) extern const mf_rule mf_rule_##name;
#include "program/ops.def"
#undef MF_OP

/* ---- For rules --------------------------------------------------------------------------------------------------- */

#define MF_RULE_FAIL(r, ...) mf_fail((r)->error, MF_E_FORMAT, __VA_ARGS__)

#define MF_MAX_EXTENT (1U << 24) /* of a stride, a kernel or a padding: sums of a few stay in range */

static inline const mf_shape *mf_rule_operand(const mf_rule_input *r, uint32_t i) {
    return &r->program->buffers[r->instruction->inputs[i]].shape;
}

static inline int mf_shape_equal(const mf_shape *a, const mf_shape *b) {
    if (a->rank != b->rank) return 0;
    for (uint32_t i = 0; i < a->rank; i++)
        if (a->dims[i] != b->dims[i]) return 0;
    return 1;
}

/* The dim of an axis of shape when it is aligned to the right of rank axes. */
static inline uint32_t mf_shape_aligned(const mf_shape *shape, uint32_t rank, uint32_t axis) {
    uint32_t missing = rank - shape->rank;
    return axis < missing ? 1 : shape->dims[axis - missing];
}

/* Elements along the axes from … to - 1. */
static inline uint64_t mf_shape_product(const mf_shape *shape, uint32_t from, uint32_t to) {
    uint64_t count = 1;
    for (uint32_t i = from; i < to; i++) count *= shape->dims[i];
    return count;
}

/* The operands that the op itself reads have the output's shape. */
static inline mf_status mf_rule_check_same(const mf_rule_input *r) {
    for (uint32_t i = 0; i < mf_ops[r->instruction->op].fixed_inputs; i++)
        if (!mf_shape_equal(mf_rule_operand(r, i), r->out))
            return MF_RULE_FAIL(r, "input %u has not the output's shape", i);
    return MF_OK;
}

/* For ops whose attributes are as many as their operands' axes say. */
static inline mf_status mf_rule_check_attributes(const mf_rule_input *r, uint32_t expected) {
    if (r->instruction->attribute_count != expected)
        return MF_RULE_FAIL(r, "%u attribute words, not %u", r->instruction->attribute_count, expected);
    return MF_OK;
}

#endif
