#include "program/rule.h"

static mf_status check_matmul(const mf_rule_input *r) {
    const mf_shape *a = mf_rule_operand(r, 0), *b = mf_rule_operand(r, 1), *out = r->out;
    const uint32_t *t = r->instruction->attributes;
    if (t[0] > 1 || t[1] > 1) return MF_RULE_FAIL(r, "a transpose is neither 0 nor 1");
    if (a->rank < 2 || b->rank < 2 || out->rank < 2) return MF_RULE_FAIL(r, "a matrix has rank 2 or more");
    const uint32_t *ad = a->dims + a->rank - 2, *bd = b->dims + b->rank - 2, *od = out->dims + out->rank - 2;
    if (ad[t[0]] != od[0] || bd[1 - t[1]] != od[1] || ad[1 - t[0]] != bd[t[1]])
        return MF_RULE_FAIL(r, "matrix sizes do not fit");
    uint64_t batch = mf_shape_product(out, 0, out->rank - 2);
    uint64_t a_batch = mf_shape_product(a, 0, a->rank - 2), b_batch = mf_shape_product(b, 0, b->rank - 2);
    if ((a_batch != 1 && a_batch != batch) || (b_batch != 1 && b_batch != batch))
        return MF_RULE_FAIL(r, "leading dims do not fit");
    return MF_OK;
}

static uint64_t matmul_flops(const mf_rule_input *r) {
    const mf_shape *a = mf_rule_operand(r, 0);
    return 2 * r->out->count * a->dims[a->rank - 1 - r->instruction->attributes[0]];
}

const mf_rule mf_rule_matmul = {.check = check_matmul, .flops = matmul_flops};
