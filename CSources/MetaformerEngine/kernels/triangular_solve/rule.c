#include "program/rule.h"

static mf_status check(const mf_rule_input *r) {
    const mf_shape *l = mf_rule_operand(r, 0), *out = r->out;
    if (r->instruction->attributes[0] > 1) return MF_RULE_FAIL(r, "a transpose is neither 0 nor 1");
    if (l->rank < 2 || out->rank < 2) return MF_RULE_FAIL(r, "a matrix has rank 2 or more");
    if (!mf_shape_equal(mf_rule_operand(r, 1), out)) return MF_RULE_FAIL(r, "B and the output differ in shape");
    uint32_t n = out->dims[out->rank - 2];
    if (l->dims[l->rank - 1] != n || l->dims[l->rank - 2] != n)
        return MF_RULE_FAIL(r, "%u equations, and a matrix of %u x %u", n, l->dims[l->rank - 2], l->dims[l->rank - 1]);
    uint64_t batch = mf_shape_product(l, 0, l->rank - 2);
    if (batch != 1 && batch != mf_shape_product(out, 0, out->rank - 2))
        return MF_RULE_FAIL(r, "leading dims do not fit");
    return MF_OK;
}

/* Half a matrix product. */
static uint64_t flops(const mf_rule_input *r) {
    return r->out->count * r->out->dims[r->out->rank - 2];
}

const mf_rule mf_rule_triangular_solve = {.check = check, .flops = flops};
