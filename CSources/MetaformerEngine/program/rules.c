/* What each op asks of its operands: an instruction that passes here can touch no memory but its own. */
#include "program/program.h"
#include "support/error.h"

const mf_op_description mf_ops[MF_OP_COUNT] = {
#define MF_OP(serial, name, fixed_inputs, has_extras, attribute_words)                                                 \
    [serial] = {#name, fixed_inputs, has_extras, attribute_words},
#include "program/ops.def"
#undef MF_OP
};

#define MF_MAX_EXTENT (1U << 24) /* of a stride, a kernel or a padding: sums of a few stay in range */

typedef struct rule_input {
    const mf_program *program;
    const mf_instruction *instruction;
    const mf_shape *out;
    mf_error *error;
} rule_input;

#define RULE_FAIL(r, ...) mf_fail((r)->error, MF_E_FORMAT, __VA_ARGS__)

static const mf_shape *input(const rule_input *r, uint32_t i) {
    return &r->program->buffers[r->instruction->inputs[i]].shape;
}

static int same_shape(const mf_shape *a, const mf_shape *b) {
    if (a->rank != b->rank) return 0;
    for (uint32_t i = 0; i < a->rank; i++)
        if (a->dims[i] != b->dims[i]) return 0;
    return 1;
}

/* The dim of an axis of shape when it is aligned to the right of rank axes. */
static uint32_t aligned_dim(const mf_shape *shape, uint32_t rank, uint32_t axis) {
    uint32_t missing = rank - shape->rank;
    return axis < missing ? 1 : shape->dims[axis - missing];
}

static uint64_t product(const mf_shape *shape, uint32_t from, uint32_t to) {
    uint64_t count = 1;
    for (uint32_t i = from; i < to; i++) count *= shape->dims[i];
    return count;
}

static mf_status check_same(const rule_input *r, uint32_t inputs) {
    for (uint32_t i = 0; i < inputs; i++)
        if (!same_shape(input(r, i), r->out)) return RULE_FAIL(r, "input %u has not the output's shape", i);
    return MF_OK;
}

static mf_status check_pointwise(const rule_input *r) {
    for (uint32_t i = 0; i < r->instruction->input_count; i++) {
        const mf_shape *shape = input(r, i);
        if (shape->rank > r->out->rank) return RULE_FAIL(r, "input %u has a higher rank than the output", i);
        for (uint32_t axis = 0; axis < r->out->rank; axis++) {
            uint32_t dim = aligned_dim(shape, r->out->rank, axis);
            if (dim != 1 && dim != r->out->dims[axis])
                return RULE_FAIL(r, "input %u does not broadcast to the output", i);
        }
    }
    return MF_OK;
}

static mf_status check_reduce(const rule_input *r) {
    const uint32_t *attributes = r->instruction->attributes;
    if (attributes[0] > 1) return RULE_FAIL(r, "reduction %u does not exist", attributes[0]);
    if (attributes[1] >> r->out->rank) return RULE_FAIL(r, "axis mask %u is over rank %u", attributes[1], r->out->rank);
    uint64_t full = 1;
    for (uint32_t axis = 0; axis < r->out->rank; axis++) {
        uint32_t extent = 1;
        for (uint32_t i = 0; i < r->instruction->input_count; i++) {
            if (input(r, i)->rank > r->out->rank) return RULE_FAIL(r, "input %u has a higher rank than the output", i);
            uint32_t dim = aligned_dim(input(r, i), r->out->rank, axis);
            if (dim != 1 && extent != 1 && dim != extent) return RULE_FAIL(r, "the inputs do not broadcast");
            if (dim != 1) extent = dim;
        }
        uint32_t expected = attributes[1] >> axis & 1 ? 1 : extent;
        if (r->out->dims[axis] != expected)
            return RULE_FAIL(r, "axis %u of the output is %u, not %u", axis, r->out->dims[axis], expected);
        full *= extent;
        if (full > MF_TENSOR_MAX_COUNT)
            return RULE_FAIL(r, "the inputs broadcast to over %llu elements", (unsigned long long)MF_TENSOR_MAX_COUNT);
    }
    return MF_OK;
}

/* x, w and y of any of the three forms. */
static mf_status check_convolution_of(const rule_input *r, const mf_shape *x, const mf_shape *w, const mf_shape *y) {
    const uint32_t *a = r->instruction->attributes;
    if (x->rank != 4 || w->rank != 4 || y->rank != 4) return RULE_FAIL(r, "images and kernels have rank 4");
    for (int i = 0; i < 7; i++)
        if (a[i] > MF_MAX_EXTENT || ((i < 2 || i == 6) && a[i] == 0))
            return RULE_FAIL(r, "attribute %d is %u", i, a[i]);
    uint32_t groups = a[6];
    if (x->dims[0] != y->dims[0] || w->dims[0] != y->dims[1] || w->dims[0] % groups ||
        (uint64_t)w->dims[1] * groups != x->dims[1])
        return RULE_FAIL(r, "channels do not fit: %u in, kernels of %u x %u, %u out, %u groups", x->dims[1], w->dims[0],
                         w->dims[1], y->dims[1], groups);
    for (int axis = 0; axis < 2; axis++) {
        uint64_t extent = (uint64_t)x->dims[2 + axis] + a[2 + axis] + a[4 + axis], kernel = w->dims[2 + axis];
        if (extent < kernel || y->dims[2 + axis] != (extent - kernel) / a[axis] + 1)
            return RULE_FAIL(r, "sizes do not fit: %u padded to %llu, kernel %llu, stride %u, result %u",
                             x->dims[2 + axis], (unsigned long long)extent, (unsigned long long)kernel, a[axis],
                             y->dims[2 + axis]);
    }
    return MF_OK;
}

static mf_status check_matmul(const rule_input *r) {
    const mf_shape *a = input(r, 0), *b = input(r, 1), *out = r->out;
    const uint32_t *t = r->instruction->attributes;
    if (t[0] > 1 || t[1] > 1) return RULE_FAIL(r, "a transpose is neither 0 nor 1");
    if (a->rank < 2 || b->rank < 2 || out->rank < 2) return RULE_FAIL(r, "a matrix has rank 2 or more");
    const uint32_t *ad = a->dims + a->rank - 2, *bd = b->dims + b->rank - 2, *od = out->dims + out->rank - 2;
    if (ad[t[0]] != od[0] || bd[1 - t[1]] != od[1] || ad[1 - t[0]] != bd[t[1]])
        return RULE_FAIL(r, "matrix sizes do not fit");
    uint64_t batch = product(out, 0, out->rank - 2);
    uint64_t a_batch = product(a, 0, a->rank - 2), b_batch = product(b, 0, b->rank - 2);
    if ((a_batch != 1 && a_batch != batch) || (b_batch != 1 && b_batch != batch))
        return RULE_FAIL(r, "leading dims do not fit");
    return MF_OK;
}

static mf_status check_attribute_count(const rule_input *r, uint32_t expected) {
    if (r->instruction->attribute_count != expected)
        return RULE_FAIL(r, "%u attribute words, not %u", r->instruction->attribute_count, expected);
    return MF_OK;
}

static mf_status check_transpose(const rule_input *r) {
    const mf_shape *x = input(r, 0);
    MF_TRY(check_attribute_count(r, x->rank));
    if (r->out->rank != x->rank) return RULE_FAIL(r, "ranks differ");
    uint32_t seen = 0;
    for (uint32_t i = 0; i < x->rank; i++) {
        uint32_t from = r->instruction->attributes[i];
        if (from >= x->rank || seen >> from & 1 || r->out->dims[i] != x->dims[from])
            return RULE_FAIL(r, "axis %u does not fit", i);
        seen |= 1U << from;
    }
    return MF_OK;
}

static mf_status check_slice(const rule_input *r) {
    const mf_shape *x = input(r, 0);
    MF_TRY(check_attribute_count(r, x->rank));
    if (r->out->rank != x->rank) return RULE_FAIL(r, "ranks differ");
    for (uint32_t i = 0; i < x->rank; i++)
        if ((uint64_t)r->instruction->attributes[i] + r->out->dims[i] > x->dims[i])
            return RULE_FAIL(r, "axis %u leaves the input", i);
    return MF_OK;
}

static mf_status check_concatenate(const rule_input *r) {
    uint32_t axis = r->instruction->attributes[0];
    if (axis >= r->out->rank) return RULE_FAIL(r, "axis %u is not there", axis);
    uint64_t sum = 0;
    for (uint32_t i = 0; i < r->instruction->input_count; i++) {
        const mf_shape *x = input(r, i);
        if (x->rank != r->out->rank) return RULE_FAIL(r, "ranks differ");
        for (uint32_t k = 0; k < x->rank; k++)
            if (k != axis && x->dims[k] != r->out->dims[k])
                return RULE_FAIL(r, "axis %u of input %u does not fit", k, i);
        sum += x->dims[axis];
    }
    if (sum != r->out->dims[axis])
        return RULE_FAIL(r, "the inputs add up to %llu along the axis", (unsigned long long)sum);
    return MF_OK;
}

static mf_status check_padding(const rule_input *r, const mf_shape *small, const mf_shape *large,
                               const uint32_t *before, int reflect) {
    if (small->rank != large->rank) return RULE_FAIL(r, "ranks differ");
    for (uint32_t i = 0; i < small->rank; i++) {
        uint64_t end = (uint64_t)before[i] + small->dims[i];
        if (end > large->dims[i]) return RULE_FAIL(r, "axis %u is padded beyond the output", i);
        if (reflect && (before[i] >= small->dims[i] || large->dims[i] - end >= small->dims[i]))
            return RULE_FAIL(r, "axis %u of %u is too short to reflect", i, small->dims[i]);
    }
    return MF_OK;
}

static mf_status check_max_pool(const rule_input *r, const mf_shape *x, const mf_shape *y) {
    const uint32_t *a = r->instruction->attributes;
    if (x->rank != 4 || y->rank != 4 || x->dims[0] != y->dims[0] || x->dims[1] != y->dims[1])
        return RULE_FAIL(r, "images do not fit");
    for (int i = 0; i < 8; i++)
        if (a[i] > MF_MAX_EXTENT || (i < 4 && a[i] == 0)) return RULE_FAIL(r, "attribute %d is %u", i, a[i]);
    for (int axis = 0; axis < 2; axis++) {
        uint64_t extent = (uint64_t)x->dims[2 + axis] + a[4 + axis] + a[6 + axis], kernel = a[axis];
        if (a[4 + axis] >= kernel || a[6 + axis] >= kernel) return RULE_FAIL(r, "a window lies wholly in the padding");
        if (extent < kernel || y->dims[2 + axis] != (extent - kernel) / a[2 + axis] + 1)
            return RULE_FAIL(r, "sizes do not fit");
    }
    return MF_OK;
}

static mf_status check_average_pool(const rule_input *r, const mf_shape *x, const mf_shape *y) {
    const uint32_t *a = r->instruction->attributes;
    if (x->rank != 4 || y->rank != 4 || x->dims[0] != y->dims[0] || x->dims[1] != y->dims[1])
        return RULE_FAIL(r, "images do not fit");
    for (int axis = 0; axis < 2; axis++) {
        uint32_t kernel = a[axis], stride = a[2 + axis], extent = x->dims[2 + axis];
        if (kernel == 0 || stride == 0 || extent < kernel || y->dims[2 + axis] != (extent - kernel) / stride + 1)
            return RULE_FAIL(r, "sizes do not fit");
    }
    return MF_OK;
}

static mf_status check_resize(const rule_input *r) {
    const mf_shape *x = input(r, 0), *out = r->out;
    if (r->instruction->attributes[0] > 1 || r->instruction->attributes[1] > 1) return RULE_FAIL(r, "no such mode");
    if (x->rank < 2 || x->rank != out->rank) return RULE_FAIL(r, "ranks differ, or are under 2");
    for (uint32_t i = 0; i + 2 < x->rank; i++)
        if (x->dims[i] != out->dims[i]) return RULE_FAIL(r, "axis %u changes", i);
    return MF_OK;
}

static mf_status check_standardize(const rule_input *r, uint32_t inputs) {
    uint32_t axes = r->instruction->attributes[0];
    float epsilon = mf_float_of(r->instruction->attributes[1]);
    if (axes == 0 || axes > r->out->rank) return RULE_FAIL(r, "%u axes of rank %u", axes, r->out->rank);
    if (!(epsilon >= 0 && epsilon < 1)) return RULE_FAIL(r, "epsilon is not in [0, 1)");
    return check_same(r, inputs);
}

static mf_status check_attention(const rule_input *r) {
    const mf_shape *q = input(r, 0), *k = input(r, 1), *v = input(r, 2), *out = r->out;
    if (q->rank != 3 || k->rank != 3 || v->rank != 3 || out->rank != 3) return RULE_FAIL(r, "operands have rank 3");
    if (q->dims[0] != k->dims[0] || q->dims[0] != v->dims[0] || q->dims[0] != out->dims[0] ||
        q->dims[2] != k->dims[2] || k->dims[1] != v->dims[1] || out->dims[1] != q->dims[1] ||
        out->dims[2] != v->dims[2])
        return RULE_FAIL(r, "sizes do not fit");
    return MF_OK;
}

static mf_status check_window_filter(const rule_input *r) {
    const mf_shape *x = input(r, 0), *out = r->out;
    const mf_instruction *i = r->instruction;
    if (i->attribute_count < 3 || i->attributes[0] > 1 || i->attributes[1] < 1 || i->attributes[1] > 63)
        return RULE_FAIL(r, "1 to 63 taps are expected");
    MF_TRY(check_attribute_count(r, 2 + i->attributes[1]));
    if (x->rank < 2 || x->rank != out->rank) return RULE_FAIL(r, "ranks differ, or are under 2");
    uint32_t lost = i->attributes[1] - 1;
    const mf_shape *large = i->attributes[0] ? out : x, *small = i->attributes[0] ? x : out;
    for (uint32_t k = 0; k < x->rank; k++)
        if (large->dims[k] != (uint64_t)small->dims[k] + (k + 2 < x->rank ? 0 : lost))
            return RULE_FAIL(r, "axis %u does not fit", k);
    return MF_OK;
}

static mf_status check_operands(const rule_input *r) {
    const mf_instruction *i = r->instruction;
    switch (i->op) {
    case MF_OP_pointwise:
        return check_pointwise(r);
    case MF_OP_convolution:
        return check_convolution_of(r, input(r, 0), input(r, 1), r->out);
    case MF_OP_convolution_input_gradient:
        return check_convolution_of(r, r->out, input(r, 1), input(r, 0));
    case MF_OP_convolution_weight_gradient:
        return check_convolution_of(r, input(r, 0), r->out, input(r, 1));
    case MF_OP_matmul:
        return check_matmul(r);
    case MF_OP_reduce:
        return check_reduce(r);
    case MF_OP_transpose:
        return check_transpose(r);
    case MF_OP_slice:
        return check_slice(r);
    case MF_OP_concatenate:
        return check_concatenate(r);
    case MF_OP_pad:
        MF_TRY(check_attribute_count(r, 1 + input(r, 0)->rank));
        if (i->attributes[0] > 1) return RULE_FAIL(r, "no such mode");
        return check_padding(r, input(r, 0), r->out, i->attributes + 1, (int)i->attributes[0]);
    case MF_OP_reflect_pad_adjoint:
        MF_TRY(check_attribute_count(r, input(r, 0)->rank));
        return check_padding(r, r->out, input(r, 0), i->attributes, 1);
    case MF_OP_max_pool_gather:
        if (!same_shape(input(r, 0), input(r, 1))) return RULE_FAIL(r, "x and v differ in shape");
        return check_max_pool(r, input(r, 0), r->out);
    case MF_OP_max_pool_scatter:
        if (!same_shape(input(r, 0), r->out)) return RULE_FAIL(r, "x and the output differ in shape");
        return check_max_pool(r, r->out, input(r, 1));
    case MF_OP_average_pool:
        return check_average_pool(r, input(r, 0), r->out);
    case MF_OP_average_pool_adjoint:
        return check_average_pool(r, r->out, input(r, 0));
    case MF_OP_resize:
        return check_resize(r);
    case MF_OP_softmax:
        if (r->out->rank == 0) return RULE_FAIL(r, "rank 0");
        return check_same(r, 1);
    case MF_OP_softmax_gradient:
        if (r->out->rank == 0) return RULE_FAIL(r, "rank 0");
        return check_same(r, 2);
    case MF_OP_standardize:
        return check_standardize(r, 1);
    case MF_OP_standardize_gradient:
        return check_standardize(r, 2);
    case MF_OP_attention:
        return check_attention(r);
    case MF_OP_window_filter:
        return check_window_filter(r);
    case MF_OP_COUNT:
        break;
    }
    return RULE_FAIL(r, "no such op");
}

/* The first axis of rows and of columns, for ops whose expression comes last. */
static void lane_axes(const mf_instruction *i, uint32_t rank, uint32_t *rows, uint32_t *columns) {
    switch (i->op) {
    case MF_OP_convolution:
    case MF_OP_convolution_input_gradient:
        *rows = 1, *columns = 2;
        break;
    case MF_OP_convolution_weight_gradient:
        *rows = 0, *columns = 1;
        break;
    case MF_OP_matmul:
        *rows = rank - 2, *columns = rank - 1;
        break;
    default:
        *columns = rank - i->attributes[0], *rows = *columns ? *columns - 1 : 0;
        break;
    }
}

static mf_status check_extras(const rule_input *r, mf_instruction *i, mf_strides *extras) {
    uint32_t rank = r->out->rank, bounds[4] = {0, 0, 0, rank};
    lane_axes(i, rank, &bounds[1], &bounds[2]);
    i->lanes = (mf_lanes){product(r->out, 0, bounds[1]), product(r->out, bounds[1], bounds[2]),
                          product(r->out, bounds[2], rank)};
    i->extras = extras;
    uint32_t fixed = mf_ops[i->op].fixed_inputs;
    for (uint32_t e = fixed; e < i->input_count; e++) {
        const mf_shape *shape = input(r, e);
        uint64_t stride = 1, strides[3];
        if (shape->rank > rank) return RULE_FAIL(r, "extra %u has a higher rank than the output", e - fixed);
        for (int group = 2; group >= 0; group--) {
            uint64_t full = 1, own = 1;
            for (uint32_t axis = bounds[group]; axis < bounds[group + 1]; axis++) {
                uint32_t dim = aligned_dim(shape, rank, axis);
                if (dim != 1 && dim != r->out->dims[axis])
                    return RULE_FAIL(r, "extra %u does not broadcast", e - fixed);
                full *= r->out->dims[axis], own *= dim;
            }
            if (own != 1 && own != full)
                return RULE_FAIL(r, "extra %u covers a part of the rows or columns", e - fixed);
            strides[group] = own == 1 ? 0 : stride;
            stride *= own;
        }
        extras[e - fixed] = (mf_strides){strides[0], strides[1], strides[2]};
    }
    return MF_OK;
}

static uint64_t count_flops(const rule_input *r) {
    const mf_instruction *i = r->instruction;
    const mf_shape *w;
    switch (i->op) {
    case MF_OP_convolution:
        w = input(r, 1);
        return 2 * r->out->count * w->dims[1] * w->dims[2] * w->dims[3];
    case MF_OP_convolution_input_gradient:
        w = input(r, 1);
        return 2 * input(r, 0)->count * w->dims[1] * w->dims[2] * w->dims[3];
    case MF_OP_convolution_weight_gradient:
        return 2 * input(r, 1)->count * r->out->dims[1] * r->out->dims[2] * r->out->dims[3];
    case MF_OP_matmul: {
        const mf_shape *a = input(r, 0);
        return 2 * r->out->count * a->dims[a->rank - 1 - i->attributes[0]];
    }
    case MF_OP_attention:
        return 2 * input(r, 1)->dims[1] * (input(r, 0)->count + r->out->count);
    case MF_OP_window_filter:
        return 4 * r->out->count * i->attributes[1];
    default:
        return r->out->count * (i->expression && i->expression->step_count ? i->expression->step_count : 1);
    }
}

mf_status mf_rule_check(const mf_program *program, mf_instruction *instruction, mf_strides *extras, mf_error *error) {
    rule_input r = {program, instruction, &program->buffers[instruction->output].shape, error};
    MF_TRY(check_operands(&r));
    if (mf_ops[instruction->op].has_extras && mf_ops[instruction->op].fixed_inputs)
        MF_TRY(check_extras(&r, instruction, extras));
    instruction->flops = count_flops(&r);
    return MF_OK;
}
