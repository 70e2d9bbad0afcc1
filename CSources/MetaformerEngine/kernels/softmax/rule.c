#include "program/rule.h"

static mf_status check_softmax(const mf_rule_input *r) {
    if (r->out->rank == 0) return MF_RULE_FAIL(r, "rank 0");
    return mf_rule_check_same(r);
}

const mf_rule mf_rule_softmax = {.check = check_softmax};
const mf_rule mf_rule_softmax_gradient = {.check = check_softmax};
