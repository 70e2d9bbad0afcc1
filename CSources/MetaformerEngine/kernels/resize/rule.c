#include "program/rule.h"

static mf_status check_resize(const mf_rule_input *r) {
    const mf_shape *x = mf_rule_operand(r, 0), *out = r->out;
    if (r->instruction->attributes[0] > 1 || r->instruction->attributes[1] > 1) return MF_RULE_FAIL(r, "no such mode");
    if (x->rank < 2 || x->rank != out->rank) return MF_RULE_FAIL(r, "ranks differ, or are under 2");
    for (uint32_t i = 0; i + 2 < x->rank; i++)
        if (x->dims[i] != out->dims[i]) return MF_RULE_FAIL(r, "axis %u changes", i);
    return MF_OK;
}

const mf_rule mf_rule_resize = {.check = check_resize};
