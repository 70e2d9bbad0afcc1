#include "program/rule.h"

/* x, w and y of any of the three forms. */
static mf_status check_convolution_of(const mf_rule_input *r, const mf_shape *x, const mf_shape *w, const mf_shape *y) {
    const uint32_t *a = r->instruction->attributes;
    if (x->rank != 4 || w->rank != 4 || y->rank != 4) return MF_RULE_FAIL(r, "images and kernels have rank 4");
    for (int i = 0; i < 7; i++)
        if (a[i] > MF_MAX_EXTENT || ((i < 2 || i == 6) && a[i] == 0))
            return MF_RULE_FAIL(r, "attribute %d is %u", i, a[i]);
    uint32_t groups = a[6];
    if (x->dims[0] != y->dims[0] || w->dims[0] != y->dims[1] || w->dims[0] % groups ||
        (uint64_t)w->dims[1] * groups != x->dims[1])
        return MF_RULE_FAIL(r, "channels do not fit: %u in, kernels of %u x %u, %u out, %u groups", x->dims[1],
                            w->dims[0], w->dims[1], y->dims[1], groups);
    for (int axis = 0; axis < 2; axis++) {
        uint64_t extent = (uint64_t)x->dims[2 + axis] + a[2 + axis] + a[4 + axis], kernel = w->dims[2 + axis];
        if (extent < kernel || y->dims[2 + axis] != (extent - kernel) / a[axis] + 1)
            return MF_RULE_FAIL(r, "sizes do not fit: %u padded to %llu, kernel %llu, stride %u, result %u",
                                x->dims[2 + axis], (unsigned long long)extent, (unsigned long long)kernel, a[axis],
                                y->dims[2 + axis]);
    }
    return MF_OK;
}

static mf_status check_convolution(const mf_rule_input *r) {
    return check_convolution_of(r, mf_rule_operand(r, 0), mf_rule_operand(r, 1), r->out);
}

static mf_status check_input_gradient(const mf_rule_input *r) {
    return check_convolution_of(r, r->out, mf_rule_operand(r, 1), mf_rule_operand(r, 0));
}

static mf_status check_weight_gradient(const mf_rule_input *r) {
    return check_convolution_of(r, mf_rule_operand(r, 0), r->out, mf_rule_operand(r, 1));
}

/* Each element of y is a sum over the kernel of its filter. */
static uint64_t flops_of(const mf_shape *w, const mf_shape *y) {
    return 2 * y->count * mf_shape_product(w, 1, 4);
}

static uint64_t convolution_flops(const mf_rule_input *r) {
    return flops_of(mf_rule_operand(r, 1), r->out);
}

static uint64_t input_gradient_flops(const mf_rule_input *r) {
    return flops_of(mf_rule_operand(r, 1), mf_rule_operand(r, 0));
}

static uint64_t weight_gradient_flops(const mf_rule_input *r) {
    return flops_of(r->out, mf_rule_operand(r, 1));
}

const mf_rule mf_rule_convolution = {.check = check_convolution, .flops = convolution_flops};
const mf_rule mf_rule_convolution_input_gradient = {.check = check_input_gradient, .flops = input_gradient_flops};
const mf_rule mf_rule_convolution_weight_gradient = {.check = check_weight_gradient, .flops = weight_gradient_flops};
