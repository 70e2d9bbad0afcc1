/* Pooling and its adjoints, a plane a task. */
#include "kernels/pool/pool.h"

#include <string.h>

/* The first maximum of the window of pooled position (i, j), as an index into the plane. */
static int64_t first_maximum(const mf_pooling *p, const float *x, int64_t i, int64_t j) {
    int64_t best = -1;
    for (int64_t y = i * p->stride_h - p->pad_top, y_end = y + p->kernel_h; y < y_end; y++)
        for (int64_t k = j * p->stride_w - p->pad_left, k_end = k + p->kernel_w; k < k_end; k++) {
            if (y < 0 || y >= p->height || k < 0 || k >= p->width) continue;
            int64_t at = y * p->width + k;
            if (best < 0 || x[at] > x[best]) best = at;
        }
    return best;
}

static void gather_plane(void *context, size_t index, int worker) {
    (void)worker;
    const mf_pooling *p = context;
    const float *x = p->call->inputs[0] + (int64_t)index * p->height * p->width,
                *v = p->call->inputs[1] + (int64_t)index * p->height * p->width;
    float *out = p->call->output + (int64_t)index * p->out_height * p->out_width;
    for (int64_t i = 0; i < p->out_height; i++)
        for (int64_t j = 0; j < p->out_width; j++) out[i * p->out_width + j] = v[first_maximum(p, x, i, j)];
}

static void scatter_plane(void *context, size_t index, int worker) {
    (void)worker;
    const mf_pooling *p = context;
    const float *x = p->call->inputs[0] + (int64_t)index * p->height * p->width,
                *g = p->call->inputs[1] + (int64_t)index * p->out_height * p->out_width;
    float *out = p->call->output + (int64_t)index * p->height * p->width;
    memset(out, 0, (size_t)(p->height * p->width) * sizeof(float));
    for (int64_t i = 0; i < p->out_height; i++)
        for (int64_t j = 0; j < p->out_width; j++) out[first_maximum(p, x, i, j)] += g[i * p->out_width + j];
}

static void average_plane(void *context, size_t index, int worker) {
    (void)worker;
    const mf_pooling *p = context;
    const float *x = p->call->inputs[0] + (int64_t)index * p->height * p->width;
    float *out = p->call->output + (int64_t)index * p->out_height * p->out_width,
          scale = 1.0f / (float)(p->kernel_h * p->kernel_w);
    for (int64_t i = 0; i < p->out_height; i++, out += p->out_width) {
        memset(out, 0, (size_t)p->out_width * sizeof(float));
        for (int64_t y = 0; y < p->kernel_h; y++)
            for (int64_t k = 0; k < p->kernel_w; k++) {
                const float *from = x + (i * p->stride_h + y) * p->width + k;
                for (int64_t j = 0; j < p->out_width; j++) out[j] += from[j * p->stride_w];
            }
        for (int64_t j = 0; j < p->out_width; j++) out[j] *= scale;
    }
}

static void average_adjoint_plane(void *context, size_t index, int worker) {
    (void)worker;
    const mf_pooling *p = context;
    const float *g = p->call->inputs[0] + (int64_t)index * p->out_height * p->out_width;
    float *out = p->call->output + (int64_t)index * p->height * p->width,
          scale = 1.0f / (float)(p->kernel_h * p->kernel_w);
    memset(out, 0, (size_t)(p->height * p->width) * sizeof(float));
    for (int64_t i = 0; i < p->out_height; i++)
        for (int64_t j = 0; j < p->out_width; j++) {
            float value = g[i * p->out_width + j] * scale;
            for (int64_t y = 0; y < p->kernel_h; y++)
                for (int64_t k = 0; k < p->kernel_w; k++)
                    out[(i * p->stride_h + y) * p->width + j * p->stride_w + k] += value;
        }
}

static void run_gather(const mf_call *call, const mf_pool *pool, void *scratch) {
    (void)scratch;
    mf_pooling p = mf_pooling_of(call, call->shapes[0], call->shape);
    mf_parallel_for(pool, (size_t)call->shape->dims[0] * call->shape->dims[1], gather_plane, &p);
}
static void run_scatter(const mf_call *call, const mf_pool *pool, void *scratch) {
    (void)scratch;
    mf_pooling p = mf_pooling_of(call, call->shape, call->shapes[1]);
    mf_parallel_for(pool, (size_t)call->shape->dims[0] * call->shape->dims[1], scatter_plane, &p);
}
static void run_average(const mf_call *call, const mf_pool *pool, void *scratch) {
    (void)scratch;
    mf_pooling p = mf_pooling_of(call, call->shapes[0], call->shape);
    mf_parallel_for(pool, (size_t)call->shape->dims[0] * call->shape->dims[1], average_plane, &p);
}
static void run_average_adjoint(const mf_call *call, const mf_pool *pool, void *scratch) {
    (void)scratch;
    mf_pooling p = mf_pooling_of(call, call->shape, call->shapes[0]);
    mf_parallel_for(pool, (size_t)call->shape->dims[0] * call->shape->dims[1], average_adjoint_plane, &p);
}

const mf_kernel mf_reference_max_pool_gather = {.run = run_gather};
const mf_kernel mf_reference_max_pool_scatter = {.run = run_scatter};
const mf_kernel mf_reference_average_pool = {.run = run_average};
const mf_kernel mf_reference_average_pool_adjoint = {.run = run_average_adjoint};
