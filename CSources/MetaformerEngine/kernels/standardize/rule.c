#include "program/rule.h"

static mf_status check_standardize(const mf_rule_input *r) {
    uint32_t axes = r->instruction->attributes[0];
    float epsilon = mf_float_of(r->instruction->attributes[1]);
    if (axes == 0 || axes > r->out->rank) return MF_RULE_FAIL(r, "%u axes of rank %u", axes, r->out->rank);
    if (!(epsilon >= 0 && epsilon < 1)) return MF_RULE_FAIL(r, "epsilon is not in [0, 1)");
    return mf_rule_check_same(r);
}

const mf_rule mf_rule_standardize = {.check = check_standardize};
const mf_rule mf_rule_standardize_gradient = {.check = check_standardize};
