#include "program/rule.h"

static mf_status check_max_pool(const mf_rule_input *r, const mf_shape *x, const mf_shape *y) {
    const uint32_t *a = r->instruction->attributes;
    if (x->rank != 4 || y->rank != 4 || x->dims[0] != y->dims[0] || x->dims[1] != y->dims[1])
        return MF_RULE_FAIL(r, "images do not fit");
    for (int i = 0; i < 8; i++)
        if (a[i] > MF_MAX_EXTENT || (i < 4 && a[i] == 0)) return MF_RULE_FAIL(r, "attribute %d is %u", i, a[i]);
    for (int axis = 0; axis < 2; axis++) {
        uint64_t extent = (uint64_t)x->dims[2 + axis] + a[4 + axis] + a[6 + axis], kernel = a[axis];
        if (a[4 + axis] >= kernel || a[6 + axis] >= kernel)
            return MF_RULE_FAIL(r, "a window lies wholly in the padding");
        if (extent < kernel || y->dims[2 + axis] != (extent - kernel) / a[2 + axis] + 1)
            return MF_RULE_FAIL(r, "sizes do not fit");
    }
    return MF_OK;
}

static mf_status check_max_pool_gather(const mf_rule_input *r) {
    if (!mf_shape_equal(mf_rule_operand(r, 0), mf_rule_operand(r, 1)))
        return MF_RULE_FAIL(r, "x and v differ in shape");
    return check_max_pool(r, mf_rule_operand(r, 0), r->out);
}

static mf_status check_max_pool_scatter(const mf_rule_input *r) {
    if (!mf_shape_equal(mf_rule_operand(r, 0), r->out)) return MF_RULE_FAIL(r, "x and the output differ in shape");
    return check_max_pool(r, r->out, mf_rule_operand(r, 1));
}

static mf_status check_average_pool_of(const mf_rule_input *r, const mf_shape *x, const mf_shape *y) {
    const uint32_t *a = r->instruction->attributes;
    if (x->rank != 4 || y->rank != 4 || x->dims[0] != y->dims[0] || x->dims[1] != y->dims[1])
        return MF_RULE_FAIL(r, "images do not fit");
    for (int axis = 0; axis < 2; axis++) {
        uint32_t kernel = a[axis], stride = a[2 + axis], extent = x->dims[2 + axis];
        if (kernel == 0 || stride == 0 || extent < kernel || y->dims[2 + axis] != (extent - kernel) / stride + 1)
            return MF_RULE_FAIL(r, "sizes do not fit");
    }
    return MF_OK;
}

static mf_status check_average_pool(const mf_rule_input *r) {
    return check_average_pool_of(r, mf_rule_operand(r, 0), r->out);
}

static mf_status check_average_pool_adjoint(const mf_rule_input *r) {
    return check_average_pool_of(r, r->out, mf_rule_operand(r, 0));
}

const mf_rule mf_rule_max_pool_gather = {.check = check_max_pool_gather};
const mf_rule mf_rule_max_pool_scatter = {.check = check_max_pool_scatter};
const mf_rule mf_rule_average_pool = {.check = check_average_pool};
const mf_rule mf_rule_average_pool_adjoint = {.check = check_average_pool_adjoint};
