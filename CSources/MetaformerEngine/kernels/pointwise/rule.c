#include "program/rule.h"

static mf_status check_pointwise(const mf_rule_input *r) {
    for (uint32_t i = 0; i < r->instruction->input_count; i++) {
        const mf_shape *shape = mf_rule_operand(r, i);
        if (shape->rank > r->out->rank) return MF_RULE_FAIL(r, "input %u has a higher rank than the output", i);
        for (uint32_t axis = 0; axis < r->out->rank; axis++) {
            uint32_t dim = mf_shape_aligned(shape, r->out->rank, axis);
            if (dim != 1 && dim != r->out->dims[axis])
                return MF_RULE_FAIL(r, "input %u does not broadcast to the output", i);
        }
    }
    return MF_OK;
}

const mf_rule mf_rule_pointwise = {.check = check_pointwise};
