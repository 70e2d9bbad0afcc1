/* Nearest and bilinear resizing, and their adjoints, a plane a task. */
#include "kernels/kernel.h"

#include <math.h>
#include <string.h>

/* Where an index of the result takes its value from: two neighbours and the second one's weight. */
typedef struct source {
    int64_t low, high;
    float weight;
} source;

static source source_of(uint32_t mode, int64_t i, int64_t in, int64_t out) {
    if (mode == 0) {
        int64_t nearest = (2 * i + 1) * in / (2 * out);
        return (source){nearest, nearest, 0};
    }
    float at = ((float)i + 0.5f) * (float)in / (float)out - 0.5f;
    if (at < 0) at = 0;
    int64_t low = (int64_t)at;
    if (low > in - 1) low = in - 1;
    return (source){low, low + 1 < in ? low + 1 : low, at - (float)low};
}

typedef struct planes {
    const mf_call *call;
    int64_t height, width, out_height, out_width; /* of the forward operation */
} planes;

static void resize_plane(void *context, size_t index, int worker) {
    (void)worker;
    const planes *p = context;
    uint32_t mode = p->call->instruction->attributes[0];
    const float *x = p->call->inputs[0] + (int64_t)index * p->height * p->width;
    float *out = p->call->output + (int64_t)index * p->out_height * p->out_width;
    for (int64_t i = 0; i < p->out_height; i++) {
        source v = source_of(mode, i, p->height, p->out_height);
        const float *a = x + v.low * p->width, *b = x + v.high * p->width;
        for (int64_t j = 0; j < p->out_width; j++) {
            source h = source_of(mode, j, p->width, p->out_width);
            float top = a[h.low] + h.weight * (a[h.high] - a[h.low]),
                  bottom = b[h.low] + h.weight * (b[h.high] - b[h.low]);
            out[i * p->out_width + j] = top + v.weight * (bottom - top);
        }
    }
}

static void adjoint_plane(void *context, size_t index, int worker) {
    (void)worker;
    const planes *p = context;
    uint32_t mode = p->call->instruction->attributes[0];
    const float *g = p->call->inputs[0] + (int64_t)index * p->out_height * p->out_width;
    float *out = p->call->output + (int64_t)index * p->height * p->width;
    memset(out, 0, (size_t)(p->height * p->width) * sizeof(float));
    for (int64_t i = 0; i < p->out_height; i++) {
        source v = source_of(mode, i, p->height, p->out_height);
        float *a = out + v.low * p->width, *b = out + v.high * p->width;
        for (int64_t j = 0; j < p->out_width; j++) {
            source h = source_of(mode, j, p->width, p->out_width);
            float value = g[i * p->out_width + j], top = value * (1 - v.weight), bottom = value * v.weight;
            a[h.low] += top * (1 - h.weight);
            a[h.high] += top * h.weight;
            b[h.low] += bottom * (1 - h.weight);
            b[h.high] += bottom * h.weight;
        }
    }
}

static void run(const mf_call *call, const mf_team *team, void *scratch) {
    (void)scratch;
    int adjoint = (int)call->instruction->attributes[1];
    const mf_shape *large = adjoint ? call->shape : call->shapes[0], *result = adjoint ? call->shapes[0] : call->shape;
    planes p = {call, large->dims[large->rank - 2], large->dims[large->rank - 1], result->dims[result->rank - 2],
                result->dims[result->rank - 1]};
    size_t count = (size_t)(call->shape->count / ((uint64_t)call->shape->dims[call->shape->rank - 2] *
                                                  call->shape->dims[call->shape->rank - 1]));
    mf_team_run(team, count, adjoint ? adjoint_plane : resize_plane, &p);
}

const mf_kernel mf_reference_resize = {NULL, run};
