#include "program/rule.h"

static mf_status check(const mf_rule_input *r) {
    const mf_shape *out = r->out;
    if (out->rank < 2 || out->dims[out->rank - 1] != out->dims[out->rank - 2])
        return MF_RULE_FAIL(r, "matrices are square, of rank 2 or more");
    return mf_rule_check_same(r);
}

/* A third of the matrix's edge for each of its elements. */
static uint64_t flops(const mf_rule_input *r) {
    return r->out->count * r->out->dims[r->out->rank - 1] / 3;
}

const mf_rule mf_rule_cholesky = {.check = check, .flops = flops};
