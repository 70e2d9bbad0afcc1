/* Single operations on the caller's buffers: a program of one instruction, checked and run as any other. */
#include "kernels/kernel.h"
#include "support/abi.h"
#include "support/error.h"
#include "support/memory.h"
#include "support/resources.h"

#include <string.h>

enum { MAX_OPERANDS = 3 };

/* Operands 0 … inputs - 1, then the output; none may be NULL. */
typedef struct operation {
    enum mf_op op;
    uint32_t inputs;
    mf_buffer buffers[MAX_OPERANDS + 1];
    float *data[MAX_OPERANDS + 1];
    uint32_t attributes[8], attribute_count;
} operation;

/* A shape of sizes from 1 on, with no more elements than a tensor may have. */
static mf_status set_shape(operation *o, uint32_t operand, uint32_t rank, const int32_t *dims, mf_error *error) {
    mf_shape *shape = &o->buffers[operand].shape;
    *shape = (mf_shape){.rank = rank, .count = 1};
    for (uint32_t i = 0; i < rank; i++) {
        if (dims[i] < 1) return mf_fail(error, MF_E_INVALID, "a size of %d; sizes are 1 or more", dims[i]);
        shape->dims[i] = (uint32_t)dims[i];
        shape->count *= (uint64_t)dims[i];
        if (shape->count > MF_TENSOR_MAX_COUNT)
            return mf_fail(error, MF_E_LIMIT, "over %llu elements", (unsigned long long)MF_TENSOR_MAX_COUNT);
    }
    return MF_OK;
}

static mf_status run(operation *o, const mf_runner_options *given, mf_error *error) {
    mf_resources resources;
    MF_TRY(mf_resources_resolve(given, NULL, &resources, error));
    for (uint32_t i = 0; i <= o->inputs; i++)
        if (!o->data[i] || (uintptr_t)o->data[i] % sizeof(float))
            return mf_fail(error, MF_E_INVALID, "a buffer that is NULL or at an odd address");

    static const uint32_t numbers[MAX_OPERANDS] = {0, 1, 2};
    mf_program program = {.buffer_count = o->inputs + 1, .buffers = o->buffers};
    mf_expression nothing = {.input_count = 1};
    mf_instruction instruction = {.op = o->op,
                                  .output = o->inputs,
                                  .input_count = o->inputs,
                                  .inputs = numbers,
                                  .attribute_count = o->attribute_count,
                                  .attributes = o->attributes,
                                  .expression = mf_ops[o->op].has_epilogue_operands ? &nothing : NULL};
    mf_strides epilogue[1];
    mf_error cause = {.struct_size = sizeof cause};
    if (mf_rule_check(&program, &instruction, epilogue, &cause) != MF_OK)
        return mf_fail(error, MF_E_INVALID, "%s", cause.text);

    mf_call call = {.instruction = &instruction, .shape = &o->buffers[o->inputs].shape, .output = o->data[o->inputs]};
    for (uint32_t i = 0; i < o->inputs; i++) call.shapes[i] = &o->buffers[i].shape, call.inputs[i] = o->data[i];
    const mf_kernel *kernel = mf_kernel_find(resources.isa, o->op);
    size_t bytes = kernel->scratch ? kernel->scratch(&call, resources.pool.threads) : 0;
    void *scratch = mf_allocate(&resources.allocator, bytes);
    if (!scratch) return mf_fail(error, MF_E_NOMEM, "no memory for %zu bytes of scratch", bytes);
    kernel->run(&call, &resources.pool, scratch);
    mf_free(&resources.allocator, scratch);
    return MF_OK;
}

/* Kernels take what they only read in the same table as what they write. */
static float *readable(const float *data) {
    union {
        const float *read;
        float *listed;
    } pointer = {data};
    return pointer.listed;
}

mf_status mf_convolution_run(const mf_convolution *shape, const float *x, const float *w, float *y,
                             const mf_runner_options *options, mf_error *error) {
    mf_convolution own, *s = &own;
    MF_TRY(mf_convolution_read(shape, &own, error));
    int32_t height, width, groups = s->groups ? s->groups : 1;
    MF_TRY(mf_convolution_size(s, &height, &width, error));
    if (groups < 1 || s->channels % groups)
        return mf_fail(error, MF_E_INVALID, "%d channels in %d groups", s->channels, groups);
    operation o = {.op = MF_OP_convolution,
                   .inputs = 2,
                   .data = {readable(x), readable(w), y},
                   .attributes = {(uint32_t)s->stride_y, (uint32_t)s->stride_x, (uint32_t)s->pad_top,
                                  (uint32_t)s->pad_left, (uint32_t)s->pad_bottom, (uint32_t)s->pad_right,
                                  (uint32_t)groups},
                   .attribute_count = 7};
    MF_TRY(set_shape(&o, 0, 4, (int32_t[]){s->batch, s->channels, s->height, s->width}, error));
    MF_TRY(
        set_shape(&o, 1, 4, (int32_t[]){s->filters, s->channels / groups, s->kernel_height, s->kernel_width}, error));
    MF_TRY(set_shape(&o, 2, 4, (int32_t[]){s->batch, s->filters, height, width}, error));
    return run(&o, options, error);
}

/* One side of the output, or 0 where there is none. */
static int32_t out_side(int64_t in, int64_t kernel, int64_t stride, int64_t before, int64_t after) {
    int64_t room = in + before + after - kernel;
    return room < 0 || room / stride >= INT32_MAX ? 0 : (int32_t)(room / stride + 1);
}

mf_status mf_convolution_size(const mf_convolution *shape, int32_t *out_height, int32_t *out_width, mf_error *error) {
    if (!out_height || !out_width) return mf_fail(error, MF_E_INVALID, "mf_convolution_size: NULL argument");
    mf_convolution own, *s = &own;
    MF_TRY(mf_convolution_read(shape, &own, error));
    if (s->stride_y < 1 || s->stride_x < 1 || s->pad_top < 0 || s->pad_left < 0 || s->pad_bottom < 0 ||
        s->pad_right < 0 || s->kernel_height < 1 || s->kernel_width < 1)
        return mf_fail(error, MF_E_INVALID, "a stride or a kernel below 1, or a padding below 0");
    int32_t height = out_side(s->height, s->kernel_height, s->stride_y, s->pad_top, s->pad_bottom),
            width = out_side(s->width, s->kernel_width, s->stride_x, s->pad_left, s->pad_right);
    if (!height || !width)
        return mf_fail(error, MF_E_INVALID, "a kernel of %d x %d does not fit into %d x %d", s->kernel_height,
                       s->kernel_width, s->height, s->width);
    *out_height = height, *out_width = width;
    return MF_OK;
}

mf_status mf_attention_run(const mf_attention *shape, const float *q, const float *k, const float *v, float *y,
                           const mf_runner_options *options, mf_error *error) {
    mf_attention own, *s = &own;
    MF_TRY(mf_attention_read(shape, &own, error));
    operation o = {
        .op = MF_OP_attention, .inputs = 3, .data = {readable(q), readable(k), readable(v), y}, .attribute_count = 1};
    memcpy(o.attributes, &s->scale, sizeof s->scale);
    MF_TRY(set_shape(&o, 0, 3, (int32_t[]){s->batch, s->queries, s->width}, error));
    MF_TRY(set_shape(&o, 1, 3, (int32_t[]){s->batch, s->keys, s->width}, error));
    MF_TRY(set_shape(&o, 2, 3, (int32_t[]){s->batch, s->keys, s->value_width}, error));
    MF_TRY(set_shape(&o, 3, 3, (int32_t[]){s->batch, s->queries, s->value_width}, error));
    return run(&o, options, error);
}
