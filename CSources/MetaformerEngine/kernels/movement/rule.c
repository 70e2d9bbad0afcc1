#include "program/rule.h"

static mf_status check_transpose(const mf_rule_input *r) {
    const mf_shape *x = mf_rule_operand(r, 0);
    MF_TRY(mf_rule_check_attributes(r, x->rank));
    if (r->out->rank != x->rank) return MF_RULE_FAIL(r, "ranks differ");
    uint32_t seen = 0;
    for (uint32_t i = 0; i < x->rank; i++) {
        uint32_t from = r->instruction->attributes[i];
        if (from >= x->rank || seen >> from & 1 || r->out->dims[i] != x->dims[from])
            return MF_RULE_FAIL(r, "axis %u does not fit", i);
        seen |= 1U << from;
    }
    return MF_OK;
}

static mf_status check_slice(const mf_rule_input *r) {
    const mf_shape *x = mf_rule_operand(r, 0);
    MF_TRY(mf_rule_check_attributes(r, x->rank));
    if (r->out->rank != x->rank) return MF_RULE_FAIL(r, "ranks differ");
    for (uint32_t i = 0; i < x->rank; i++)
        if ((uint64_t)r->instruction->attributes[i] + r->out->dims[i] > x->dims[i])
            return MF_RULE_FAIL(r, "axis %u leaves the input", i);
    return MF_OK;
}

static uint64_t slice_reads(const mf_rule_input *r, uint32_t operand) {
    (void)operand;
    return r->out->count;
}

static mf_status check_concatenate(const mf_rule_input *r) {
    uint32_t axis = r->instruction->attributes[0];
    if (axis >= r->out->rank) return MF_RULE_FAIL(r, "axis %u is not there", axis);
    uint64_t sum = 0;
    for (uint32_t i = 0; i < r->instruction->input_count; i++) {
        const mf_shape *x = mf_rule_operand(r, i);
        if (x->rank != r->out->rank) return MF_RULE_FAIL(r, "ranks differ");
        for (uint32_t k = 0; k < x->rank; k++)
            if (k != axis && x->dims[k] != r->out->dims[k])
                return MF_RULE_FAIL(r, "axis %u of input %u does not fit", k, i);
        sum += x->dims[axis];
    }
    if (sum != r->out->dims[axis])
        return MF_RULE_FAIL(r, "the inputs add up to %llu along the axis", (unsigned long long)sum);
    return MF_OK;
}

static mf_status check_padding(const mf_rule_input *r, const mf_shape *small, const mf_shape *large,
                               const uint32_t *before, int reflect) {
    if (small->rank != large->rank) return MF_RULE_FAIL(r, "ranks differ");
    for (uint32_t i = 0; i < small->rank; i++) {
        uint64_t end = (uint64_t)before[i] + small->dims[i];
        if (end > large->dims[i]) return MF_RULE_FAIL(r, "axis %u is padded beyond the output", i);
        if (reflect && (before[i] >= small->dims[i] || large->dims[i] - end >= small->dims[i]))
            return MF_RULE_FAIL(r, "axis %u of %u is too short to reflect", i, small->dims[i]);
    }
    return MF_OK;
}

static mf_status check_pad(const mf_rule_input *r) {
    const uint32_t *a = r->instruction->attributes;
    MF_TRY(mf_rule_check_attributes(r, 1 + mf_rule_operand(r, 0)->rank));
    if (a[0] > 1) return MF_RULE_FAIL(r, "no such mode");
    return check_padding(r, mf_rule_operand(r, 0), r->out, a + 1, (int)a[0]);
}

static mf_status check_reflect_pad_adjoint(const mf_rule_input *r) {
    MF_TRY(mf_rule_check_attributes(r, mf_rule_operand(r, 0)->rank));
    return check_padding(r, r->out, mf_rule_operand(r, 0), r->instruction->attributes, 1);
}

const mf_rule mf_rule_transpose = {.check = check_transpose};
const mf_rule mf_rule_slice = {.check = check_slice, .elements_read = slice_reads};
const mf_rule mf_rule_concatenate = {.check = check_concatenate};
const mf_rule mf_rule_pad = {.check = check_pad};
const mf_rule mf_rule_reflect_pad_adjoint = {.check = check_reflect_pad_adjoint};
