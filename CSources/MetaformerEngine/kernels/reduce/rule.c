#include "program/rule.h"

static mf_status check_reduce(const mf_rule_input *r) {
    const uint32_t *attributes = r->instruction->attributes;
    if (attributes[0] > 1) return MF_RULE_FAIL(r, "reduction %u does not exist", attributes[0]);
    if (attributes[1] >> r->out->rank)
        return MF_RULE_FAIL(r, "axis mask %u is over rank %u", attributes[1], r->out->rank);
    uint64_t full = 1;
    for (uint32_t axis = 0; axis < r->out->rank; axis++) {
        uint32_t extent = 1;
        for (uint32_t i = 0; i < r->instruction->input_count; i++) {
            if (mf_rule_operand(r, i)->rank > r->out->rank)
                return MF_RULE_FAIL(r, "input %u has a higher rank than the output", i);
            uint32_t dim = mf_shape_aligned(mf_rule_operand(r, i), r->out->rank, axis);
            if (dim != 1 && extent != 1 && dim != extent) return MF_RULE_FAIL(r, "the inputs do not broadcast");
            if (dim != 1) extent = dim;
        }
        uint32_t expected = attributes[1] >> axis & 1 ? 1 : extent;
        if (r->out->dims[axis] != expected)
            return MF_RULE_FAIL(r, "axis %u of the output is %u, not %u", axis, r->out->dims[axis], expected);
        full *= extent;
        if (full > MF_TENSOR_MAX_COUNT)
            return MF_RULE_FAIL(r, "the inputs broadcast to over %llu elements",
                                (unsigned long long)MF_TENSOR_MAX_COUNT);
    }
    return MF_OK;
}

const mf_rule mf_rule_reduce = {.check = check_reduce};
