#include "program/rule.h"

static mf_status check_attention(const mf_rule_input *r) {
    const mf_shape *q = mf_rule_operand(r, 0), *k = mf_rule_operand(r, 1), *v = mf_rule_operand(r, 2), *out = r->out;
    if (q->rank != 3 || k->rank != 3 || v->rank != 3 || out->rank != 3) return MF_RULE_FAIL(r, "operands have rank 3");
    if (q->dims[0] != k->dims[0] || q->dims[0] != v->dims[0] || q->dims[0] != out->dims[0] ||
        q->dims[2] != k->dims[2] || k->dims[1] != v->dims[1] || out->dims[1] != q->dims[1] ||
        out->dims[2] != v->dims[2])
        return MF_RULE_FAIL(r, "sizes do not fit");
    return MF_OK;
}

static uint64_t attention_flops(const mf_rule_input *r) {
    return 2 * mf_rule_operand(r, 1)->dims[1] * (mf_rule_operand(r, 0)->count + r->out->count);
}

const mf_rule mf_rule_attention = {.check = check_attention, .flops = attention_flops};
