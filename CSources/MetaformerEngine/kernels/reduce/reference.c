#include "kernels/reduce/reduce.h"

#include <math.h>

void mf_reduce_full_shape(const mf_call *call, mf_shape *full) {
    const mf_instruction *i = call->instruction;
    *full = *call->shape;
    full->count = 1;
    for (uint32_t axis = 0; axis < full->rank; axis++) {
        for (uint32_t k = 0; k < i->input_count; k++) {
            uint32_t missing = full->rank - call->shapes[k]->rank;
            if (axis >= missing && call->shapes[k]->dims[axis - missing] > full->dims[axis])
                full->dims[axis] = call->shapes[k]->dims[axis - missing];
        }
        full->count *= full->dims[axis];
    }
}

static void run(const mf_call *call, const mf_pool *pool, void *scratch) {
    (void)pool, (void)scratch;
    const mf_instruction *instruction = call->instruction;
    const mf_expression *e = instruction->expression;
    int maximum = instruction->attributes[0] == 1;
    mf_shape full;
    mf_reduce_full_shape(call, &full);
    const mf_shape *shapes[MF_MAX_INPUTS + 1] = {call->shape};
    for (uint32_t k = 0; k < e->input_count; k++) shapes[1 + k] = call->shapes[k];
    mf_loops loops;
    mf_loops_make(&loops, &full, shapes, 1 + e->input_count);
    for (uint64_t i = 0; i < call->shape->count; i++) call->output[i] = maximum ? -INFINITY : 0.0f;
    uint64_t inner = loops.dims[loops.rank - 1], outer = mf_loops_outer(&loops);
    mf_position position = mf_loops_seek(&loops, 0);
    for (uint64_t row = 0; row < outer; row++, mf_loops_next(&loops, &position)) {
        float *out = call->output + mf_loops_offset(&loops, &position, 0);
        mf_operand operands[MF_MAX_INPUTS];
        for (uint32_t k = 0; k < e->input_count; k++)
            operands[k] = (mf_operand){call->inputs[k] + mf_loops_offset(&loops, &position, 1 + k),
                                       loops.strides[1 + k][loops.rank - 1]};
        int64_t step = loops.strides[0][loops.rank - 1];
        double total = 0; /* of a row that goes into one output */
        for (uint64_t i = 0; i < inner; i++) {
            float value, *to = out + (int64_t)i * step;
            mf_expression_reference(e, operands, &value, 1);
            for (uint32_t k = 0; k < e->input_count; k++) operands[k].data += operands[k].step;
            if (maximum)
                *to = value > *to ? value : *to;
            else if (step == 0)
                total += value;
            else
                *to += value;
        }
        if (!maximum && step == 0) *out += (float)total;
    }
}

const mf_kernel mf_reference_reduce = {.run = run};
