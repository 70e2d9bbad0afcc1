/* What a kernel is: it runs one instruction over operands that were checked when its program was opened. */
#ifndef MF_KERNELS_KERNEL_H
#define MF_KERNELS_KERNEL_H

#include "program/program.h"
#include "support/thread_pool.h"

/* A bound instruction. */
typedef struct mf_call {
    const mf_instruction *instruction;
    const mf_shape *shape; /* the output's */
    float *output;
    const mf_shape *shapes[MF_MAX_INPUTS];
    const float *inputs[MF_MAX_INPUTS];
    const void *packed; /* what the kernel's pack made of input 1, or NULL */
    /* Of a convolution in a runner of 8-bit integers: what a byte of 255 stands for where input 0, or the output, holds bytes;
       0 where it holds floats (kernels/convolution/int8). */
    float input_high, output_high;
    struct mf_int8_extremes *input_extremes;  /* of the images of input 0, where their kernel measured them */
    struct mf_int8_extremes *output_extremes; /* where this one is to measure the images that it stores */
    /* Of convolutions that are run as one (kernels/convolution/bottleneck): */
    const struct mf_call *before; /* the one whose output is input 0, where this call runs both */
    int is_run_later;             /* by the call that has this one before it */
} mf_call;

typedef struct mf_kernel {
    /* Bytes of scratch for a pool of so many threads; NULL for none. Operands are not bound yet. */
    size_t (*scratch)(const mf_call *call, int threads);
    void (*run)(const mf_call *call, const mf_pool *pool, void *scratch);
    /* Where input 1 stays as it is from run to run (weights): the bytes of a form of it that run is faster with, and how
       that is made. NULL for a kernel that has none. */
    size_t (*packed)(const mf_call *call);
    void (*pack)(const mf_call *call, const mf_pool *pool, void *packed);
} mf_kernel;

/* Every op has a reference kernel, mf_reference_<op>, in plain C. */
#define MF_OP(serial, name, ...) extern const mf_kernel mf_reference_##name;
#include "program/ops.def"
#undef MF_OP

/* The vector forms, as compiled for one set of instructions. */
typedef struct mf_variant {
    const mf_kernel *kernels[MF_OP_COUNT];       /* their run is NULL where the reference serves */
    const mf_kernel *int8;                       /* convolutions in 8-bit integers */
    const mf_kernel *bottleneck;                 /* convolutions that are run as one, by the call of the last, */
    int (*bottleneck_fits)(const mf_call *last); /* whether it takes them */
    /* Multiplies and adds for so many rounds; *out_flops is what that was, and the result has no meaning. */
    float (*peak)(uint64_t rounds, uint64_t *out_flops);
} mf_variant;

extern const mf_variant mf_generic, mf_avx2, mf_avx512;

/* Convolutions in 8-bit integers: the reference, and the forms for the sets that have instructions of their own for them. */
extern const mf_kernel mf_int8_reference, *const mf_int8_avx2vnni, *const mf_int8_avx512vnni;

/* NULL for the reference. */
const mf_variant *mf_variant_find(mf_isa isa);

/* The kernel of an op in a variant. */
const mf_kernel *mf_kernel_find(mf_isa isa, enum mf_op op);

/* The kernel of convolutions in 8-bit integers. */
const mf_kernel *mf_kernel_int8(mf_isa isa);

/* The epilogue operands of an op's expression for a run of outputs that starts at (b, r, c): value 0 is the caller's. */
static inline void mf_epilogue_at(const mf_call *call, uint64_t b, uint64_t r, uint64_t c, mf_operand *operands) {
    const mf_instruction *i = call->instruction;
    uint32_t fixed = mf_ops[i->op].fixed_inputs;
    for (uint32_t e = fixed; e < i->input_count; e++) {
        const mf_strides *s = &i->epilogue[e - fixed];
        operands[1 + e - fixed] =
            (mf_operand){call->inputs[e] + b * s->batch + r * s->row + c * s->column, (int64_t)s->column};
    }
}

/* Evaluates an expression for n outputs, one after the other; out may be an operand of step 1. */
void mf_expression_reference(const mf_expression *e, const mf_operand *operands, float *out, size_t n);

/* The number of tasks for so much work, counted in elements touched: smaller ones cost more to hand out than to do. */
static inline size_t mf_task_count(uint64_t work) {
    uint64_t tasks = work / 8192;
    return tasks < 1 ? 1 : tasks > 64 ? 64 : (size_t)tasks;
}

#endif
