/* Nearest and bilinear resizing, some rows of a plane a task, and their adjoints, a plane a task. */
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
    const source *columns;                        /* where each column of the result takes its value from */
    float *rows;                                  /* of each worker, one of the forward operation's input */
} planes;

enum { ROWS = 16 };

/* A row of the result from one of the input. */
static void resize_row(const planes *p, const float *row, float *out) {
    int64_t j = 0;
    if (p->call->instruction->attributes[0] == 1 && p->out_width == 2 * p->width) {
        /* Twice as wide: what the table says, without reading it. */
        for (; j < 2 && j < p->out_width; j++)
            out[j] = row[p->columns[j].low] + p->columns[j].weight * (row[p->columns[j].high] - row[p->columns[j].low]);
        for (int64_t k = 1; k < p->width - 1; k++) {
            out[2 * k] = row[k - 1] + 0.75f * (row[k] - row[k - 1]);
            out[2 * k + 1] = row[k] + 0.25f * (row[k + 1] - row[k]);
        }
        if (p->width > 1) j = p->out_width - 2;
    }
    for (; j < p->out_width; j++) {
        source h = p->columns[j];
        out[j] = row[h.low] + h.weight * (row[h.high] - row[h.low]);
    }
}

static void resize_rows(void *context, size_t index, int worker) {
    const planes *p = context;
    int64_t parts = (p->out_height + ROWS - 1) / ROWS, plane = (int64_t)index / parts,
            from = (int64_t)index % parts * ROWS;
    int64_t end = from + ROWS < p->out_height ? from + ROWS : p->out_height;
    const float *x = p->call->inputs[0] + plane * p->height * p->width;
    float *out = p->call->output + plane * p->out_height * p->out_width, *row = p->rows + worker * p->width;
    for (int64_t i = from; i < end; i++) {
        source v = source_of(p->call->instruction->attributes[0], i, p->height, p->out_height);
        const float *a = x + v.low * p->width, *b = x + v.high * p->width;
        if (v.weight != 0)
            for (int64_t j = 0; j < p->width; j++) row[j] = a[j] + v.weight * (b[j] - a[j]);
        resize_row(p, v.weight != 0 ? row : a, out + i * p->out_width);
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
            source h = p->columns[j];
            float value = g[i * p->out_width + j], top = value * (1 - v.weight), bottom = value * v.weight;
            a[h.low] += top * (1 - h.weight);
            a[h.high] += top * h.weight;
            b[h.low] += bottom * (1 - h.weight);
            b[h.high] += bottom * h.weight;
        }
    }
}

static planes planes_of(const mf_call *call) {
    int adjoint = (int)call->instruction->attributes[1];
    const mf_shape *from = adjoint ? call->shape : call->shapes[0], *to = adjoint ? call->shapes[0] : call->shape;
    return (planes){.call = call,
                    .height = from->dims[from->rank - 2],
                    .width = from->dims[from->rank - 1],
                    .out_height = to->dims[to->rank - 2],
                    .out_width = to->dims[to->rank - 1]};
}

static size_t scratch_bytes(const mf_call *call, int threads) {
    planes p = planes_of(call);
    return (size_t)p.out_width * sizeof(source) + (size_t)(threads * p.width) * sizeof(float);
}

static void run(const mf_call *call, const mf_pool *pool, void *scratch) {
    planes p = planes_of(call);
    source *columns = scratch;
    for (int64_t j = 0; j < p.out_width; j++)
        columns[j] = source_of(call->instruction->attributes[0], j, p.width, p.out_width);
    p.columns = columns;
    p.rows = (float *)(void *)(columns + p.out_width);
    if (call->instruction->attributes[1]) {
        mf_parallel_for(pool, (size_t)(call->shape->count / (uint64_t)(p.height * p.width)), adjoint_plane, &p);
        return;
    }
    uint64_t parts = (uint64_t)((p.out_height + ROWS - 1) / ROWS);
    mf_parallel_for(pool, (size_t)(call->shape->count / (uint64_t)(p.out_height * p.out_width) * parts), resize_rows,
                    &p);
}

const mf_kernel mf_reference_resize = {.scratch = scratch_bytes, .run = run};
