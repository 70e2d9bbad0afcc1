#include "program/rule.h"

static mf_status check_window_filter(const mf_rule_input *r) {
    const mf_shape *x = mf_rule_operand(r, 0), *out = r->out;
    const mf_instruction *i = r->instruction;
    if (i->attribute_count < 3 || i->attributes[0] > 1 || i->attributes[1] < 1 || i->attributes[1] > 63)
        return MF_RULE_FAIL(r, "1 to 63 taps are expected");
    MF_TRY(mf_rule_check_attributes(r, 2 + i->attributes[1]));
    if (x->rank < 2 || x->rank != out->rank) return MF_RULE_FAIL(r, "ranks differ, or are under 2");
    uint32_t lost = i->attributes[1] - 1;
    const mf_shape *large = i->attributes[0] ? out : x, *small = i->attributes[0] ? x : out;
    for (uint32_t k = 0; k < x->rank; k++)
        if (large->dims[k] != (uint64_t)small->dims[k] + (k + 2 < x->rank ? 0 : lost))
            return MF_RULE_FAIL(r, "axis %u does not fit", k);
    return MF_OK;
}

static uint64_t window_filter_flops(const mf_rule_input *r) {
    return 4 * r->out->count * r->instruction->attributes[1];
}

const mf_rule mf_rule_window_filter = {.check = check_window_filter, .flops = window_filter_flops};
