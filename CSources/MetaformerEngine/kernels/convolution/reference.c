#include "kernels/convolution/int8/int8.h"

typedef struct plane_task {
    const mf_call *call;
    mf_geometry g;
} plane_task;

/* One plane of y. Extras may lie in the output, so the sum is kept apart until a value is whole. */
static void forward_plane(void *context, size_t index, int worker) {
    (void)worker;
    const plane_task *t = context;
    const mf_geometry *g = &t->g;
    int64_t b = (int64_t)index / g->filters, o = (int64_t)index % g->filters, group = o / g->group_filters;
    const float *x = t->call->inputs[0] + (b * g->channels + group * g->group_channels) * g->height * g->width;
    const float *w = t->call->inputs[1] + o * g->group_channels * g->kernel_h * g->kernel_w;
    mf_operand operands[MF_MAX_INPUTS + 1];
    for (int64_t p = 0; p < g->out_height * g->out_width; p++) {
        int64_t top = p / g->out_width * g->stride_h - g->pad_top, left = p % g->out_width * g->stride_w - g->pad_left;
        float sum = 0;
        for (int64_t c = 0; c < g->group_channels; c++)
            for (int64_t i = 0; i < g->kernel_h; i++)
                for (int64_t j = 0; j < g->kernel_w; j++) {
                    int64_t row = top + i, column = left + j;
                    if (row < 0 || row >= g->height || column < 0 || column >= g->width) continue;
                    sum += x[(c * g->height + row) * g->width + column] * w[(c * g->kernel_h + i) * g->kernel_w + j];
                }
        operands[0] = (mf_operand){&sum, 0};
        mf_epilogue_at(t->call, (uint64_t)b, (uint64_t)o, (uint64_t)p, operands);
        int64_t at = (b * g->filters + o) * g->out_height * g->out_width + p;
        float high = t->call->output_high, value, *out = high > 0 ? &value : t->call->output + at;
        mf_expression_reference(t->call->instruction->expression, operands, out, 1);
        if (high > 0) mf_int8_output(t->call)[at] = mf_int8_byte(value * (255 / high));
    }
}

static void run_forward(const mf_call *call, const mf_pool *pool, void *scratch) {
    (void)scratch;
    plane_task task = {call, mf_geometry_of(call)};
    mf_parallel_for(pool, (size_t)(task.g.batch * task.g.filters), forward_plane, &task);
}

/* One plane of dx: each value gathers what it gave to y. */
static void input_gradient_plane(void *context, size_t index, int worker) {
    (void)worker;
    const plane_task *t = context;
    const mf_geometry *g = &t->g;
    int64_t b = (int64_t)index / g->channels, c = (int64_t)index % g->channels, group = c / g->group_channels;
    const float *dy = t->call->inputs[0] + (b * g->filters + group * g->group_filters) * g->out_height * g->out_width;
    int64_t kernel = g->kernel_h * g->kernel_w;
    const float *w =
        t->call->inputs[1] + (group * g->group_filters * g->group_channels + c % g->group_channels) * kernel;
    mf_operand operands[MF_MAX_INPUTS + 1];
    for (int64_t p = 0; p < g->height * g->width; p++) {
        float sum = 0;
        for (int64_t o = 0; o < g->group_filters; o++)
            for (int64_t k = 0; k < kernel; k++) {
                int64_t down = p / g->width + g->pad_top - k / g->kernel_w,
                        right = p % g->width + g->pad_left - k % g->kernel_w;
                if (down < 0 || right < 0 || down % g->stride_h || right % g->stride_w) continue;
                int64_t row = down / g->stride_h, column = right / g->stride_w;
                if (row >= g->out_height || column >= g->out_width) continue;
                sum += dy[(o * g->out_height + row) * g->out_width + column] * w[o * g->group_channels * kernel + k];
            }
        operands[0] = (mf_operand){&sum, 0};
        mf_epilogue_at(t->call, (uint64_t)b, (uint64_t)c, (uint64_t)p, operands);
        mf_expression_reference(t->call->instruction->expression, operands,
                                t->call->output + (b * g->channels + c) * g->height * g->width + p, 1);
    }
}

static void run_input_gradient(const mf_call *call, const mf_pool *pool, void *scratch) {
    (void)scratch;
    plane_task task = {call, mf_geometry_of(call)};
    mf_parallel_for(pool, (size_t)(task.g.batch * task.g.channels), input_gradient_plane, &task);
}

/* The kernel of one filter of dw. */
static void weight_gradient_row(void *context, size_t index, int worker) {
    (void)worker;
    const plane_task *t = context;
    const mf_geometry *g = &t->g;
    int64_t o = (int64_t)index, group = o / g->group_filters, columns = g->group_channels * g->kernel_h * g->kernel_w;
    mf_operand operands[MF_MAX_INPUTS + 1];
    for (int64_t k = 0; k < columns; k++) {
        int64_t j = k % g->kernel_w, i = k / g->kernel_w % g->kernel_h,
                c = group * g->group_channels + k / g->kernel_w / g->kernel_h;
        double sum = 0;
        for (int64_t b = 0; b < g->batch; b++) {
            const float *x = t->call->inputs[0] + (b * g->channels + c) * g->height * g->width;
            const float *dy = t->call->inputs[1] + (b * g->filters + o) * g->out_height * g->out_width;
            for (int64_t p = 0; p < g->out_height * g->out_width; p++) {
                int64_t row = p / g->out_width * g->stride_h - g->pad_top + i,
                        column = p % g->out_width * g->stride_w - g->pad_left + j;
                if (row < 0 || row >= g->height || column < 0 || column >= g->width) continue;
                sum += (double)x[row * g->width + column] * (double)dy[p];
            }
        }
        float value = (float)sum;
        operands[0] = (mf_operand){&value, 0};
        mf_epilogue_at(t->call, 0, (uint64_t)o, (uint64_t)k, operands);
        mf_expression_reference(t->call->instruction->expression, operands, t->call->output + o * columns + k, 1);
    }
}

static void run_weight_gradient(const mf_call *call, const mf_pool *pool, void *scratch) {
    (void)scratch;
    plane_task task = {call, mf_geometry_of(call)};
    mf_parallel_for(pool, (size_t)task.g.filters, weight_gradient_row, &task);
}

const mf_kernel mf_reference_convolution = {.run = run_forward};
const mf_kernel mf_reference_convolution_input_gradient = {.run = run_input_gradient};
const mf_kernel mf_reference_convolution_weight_gradient = {.run = run_weight_gradient};
