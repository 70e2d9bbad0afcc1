/* A program as the engine holds it: validated, and unpacked from its binary form (format.h). */
#ifndef MF_PROGRAM_PROGRAM_H
#define MF_PROGRAM_PROGRAM_H

#include "program/expression.h"
#include "program/format.h"
#include "support/cancellation.h"
#include "support/names.h"

#include <metaformer/engine.h>

enum mf_op {
#define MF_OP(serial, name, ...) MF_OP_##name = serial,
#include "program/ops.def"
#undef MF_OP
    MF_OP_COUNT
};

struct mf_rule;

/* A row of ops.def, which says what its columns mean. */
typedef struct mf_op_row {
    const char *name;
    uint32_t fixed_inputs;
    int has_epilogue_operands;
    int attribute_words;
    int in_place_from;
    int columns;
    const struct mf_rule *rule; /* program/rule.h */
} mf_op_row;

/* By serial number; name NULL where there is no such op. */
extern const mf_op_row mf_ops[MF_OP_COUNT];

/* The shape of a tensor, row-major. */
typedef struct mf_shape {
    uint32_t rank;
    uint32_t dims[MF_MAX_RANK];
    uint64_t count;
} mf_shape;

typedef struct mf_buffer {
    mf_shape shape;
    enum mf_buffer_kind kind;
    uint64_t offset; /* arena, constant: bytes */
    uint32_t slot;   /* input, output, variable: its number among the slots */
} mf_buffer;

/* The output of an op with epilogue operands as batch x rows x columns (format.h). */
typedef struct mf_lanes {
    uint64_t batch, rows, columns;
} mf_lanes;

/* Where an epilogue operand's element for (b, r, c) lies, floats; a stride is 0 where it has dims of 1. */
typedef struct mf_strides {
    uint64_t batch, row, column;
} mf_strides;

typedef struct mf_instruction {
    enum mf_op op;
    uint32_t output;
    uint32_t input_count;
    const uint32_t *inputs; /* buffer numbers */
    uint32_t attribute_count;
    const uint32_t *attributes;
    const mf_expression *expression; /* NULL for ops that carry none */
    mf_lanes lanes;                  /* of ops whose expression comes last */
    const mf_strides *epilogue;      /* one for each input after the fixed ones */
    uint64_t flops;
} mf_instruction;

struct mf_program {
    mf_allocator allocator;
    long references;
    uint32_t buffer_count, instruction_count, slot_count;
    mf_buffer *buffers;
    mf_instruction *instructions;
    mf_slot *slots;
    mf_names slot_names;
    mf_expression *expressions;
    mf_step *steps; /* of all expressions, one after the other, as are their constants */
    mf_constant *step_constants;
    mf_strides *strides;
    uint32_t *words;
    char *names;
    float *constants;
    uint64_t arena_bytes;
};

/* As mf_program_open, with the allocator that the program and its runners shall use. */
mf_status mf_program_open_with(const void *data, size_t size, const mf_allocator *allocator, mf_program **out_program,
                               mf_error *error);
/* A program is shared by its runners and models: each holds a reference, dropped by mf_program_release. */
mf_program *mf_program_retain(mf_program *program);

/* The slot of a name, or NULL. */
const mf_slot *mf_program_find(const mf_program *program, const char *name);

/* Lets runs end between two instructions, as cancellation says; NULL for never. */
void mf_runner_watch(mf_runner *runner, const mf_cancellation *cancellation);

/* The kernels that a runner chose. */
mf_isa mf_runner_isa(const mf_runner *runner);

/* Checks an instruction against its op's rule, and fills in lanes, epilogue operands (room for input_count) and flops. */
mf_status mf_rule_check(const mf_program *program, mf_instruction *instruction, mf_strides *epilogue, mf_error *error);

/* Elements that an instruction reads of an operand. */
uint64_t mf_rule_elements_read(const mf_program *program, const mf_instruction *instruction, uint32_t operand);

static inline float mf_float_of(uint32_t word) {
    union {
        uint32_t word;
        float value;
    } bits = {word};
    return bits.value;
}

#endif
