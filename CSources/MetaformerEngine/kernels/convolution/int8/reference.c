#include "kernels/convolution/int8/int8.h"
#include "support/memory.h"

#include <string.h>

/* What the scratch holds: the images and the weights in integers, and what they stand for. */
typedef struct int8_job {
    const mf_call *call;
    mf_geometry g;
    mf_affine affine;
    uint8_t *x;            /* batch x channels x height x width */
    int16_t *w;            /* filters x group_channels x kernel */
    mf_int8_range *ranges; /* of each image */
    float *scales;         /* of each filter */
    int32_t *sums;         /* of each filter's weights */
} int8_job;

static uint64_t pixel_count(const mf_geometry *g) {
    return (uint64_t)(g->channels * g->height * g->width);
}
static uint64_t filter_size(const mf_geometry *g) {
    return (uint64_t)(g->group_channels * g->kernel_h * g->kernel_w);
}

/* Where each part begins; the size of all in *out_bytes. */
static int8_job make(const mf_call *call, unsigned char *scratch, size_t *out_bytes) {
    int8_job job = {.call = call, .g = mf_geometry_of(call)};
    mf_affine_of(call->instruction->expression, &job.affine);
    uint64_t batch = (uint64_t)job.g.batch, filters = (uint64_t)job.g.filters;
    size_t parts[] = {batch * pixel_count(&job.g), filters * filter_size(&job.g) * sizeof *job.w,
                      batch * sizeof *job.ranges, filters * sizeof *job.scales, filters * sizeof *job.sums},
           at[6] = {0};
    for (int i = 0; i < 5; i++) at[i + 1] = at[i] + mf_round_up(parts[i], MF_CACHE_LINE);
    *out_bytes = at[5];
    if (!scratch) return job;
    job.x = scratch, job.w = (void *)(scratch + at[1]);
    job.ranges = (void *)(scratch + at[2]), job.scales = (void *)(scratch + at[3]),
    job.sums = (void *)(scratch + at[4]);
    return job;
}

static size_t scratch_bytes(const mf_call *call, int threads) {
    (void)threads;
    size_t bytes;
    make(call, NULL, &bytes);
    return bytes;
}

static void round_images(int8_job *job) {
    const mf_call *call = job->call;
    uint64_t count = pixel_count(&job->g);
    for (int64_t b = 0; b < job->g.batch; b++) {
        uint8_t *to = job->x + (uint64_t)b * count;
        if (call->input_high > 0) {
            job->ranges[b] = mf_int8_range_of(0, call->input_high);
            memcpy(to, mf_int8_input(call) + (uint64_t)b * count, count);
            continue;
        }
        const float *x = call->inputs[0] + (uint64_t)b * count;
        mf_int8_extremes found = mf_int8_nothing();
        for (uint64_t i = 0; i < count; i++) mf_int8_extend(&found, x[i], x[i]);
        job->ranges[b] = mf_int8_range_of(found.low, found.high);
        for (uint64_t i = 0; i < count; i++) to[i] = mf_int8_byte((x[i] - found.low) * job->ranges[b].inverse);
    }
}

static void round_weights(int8_job *job) {
    uint64_t size = filter_size(&job->g);
    int limit = mf_int8_kind_of(job->call) == MF_INT8_POINT ? MF_INT8_POINT_WEIGHT : MF_INT8_DEPTHWISE_WEIGHT;
    for (int64_t o = 0; o < job->g.filters; o++) {
        int16_t *to = job->w + (uint64_t)o * size;
        const float *w = job->call->inputs[1] + (uint64_t)o * size;
        float most = mf_int8_most(w, size);
        job->scales[o] = most / (float)limit, job->sums[o] = 0;
        for (uint64_t k = 0; k < size; k++) job->sums[o] += to[k] = mf_int8_weight(w[k], most, limit);
    }
}

static int32_t sum_at(const int8_job *job, int64_t image, int64_t filter, int64_t top, int64_t left) {
    const mf_geometry *g = &job->g;
    const uint8_t *x = job->x + ((uint64_t)(image * g->groups + filter / g->group_filters)) *
                                    (uint64_t)(g->group_channels * g->height * g->width);
    const int16_t *w = job->w + (uint64_t)filter * filter_size(g);
    int32_t sum = 0;
    for (int64_t c = 0; c < g->group_channels; c++)
        for (int64_t i = 0; i < g->kernel_h; i++)
            for (int64_t j = 0; j < g->kernel_w; j++) {
                int64_t row = top + i, column = left + j;
                if (row < 0 || row >= g->height || column < 0 || column >= g->width) continue;
                sum += x[(c * g->height + row) * g->width + column] * w[(c * g->kernel_h + i) * g->kernel_w + j];
            }
    return sum;
}

/* One plane of y. */
static void output_plane(void *context, size_t index, int worker) {
    (void)worker;
    const int8_job *job = context;
    const mf_call *call = job->call;
    const mf_geometry *g = &job->g;
    const mf_affine *a = &job->affine;
    int64_t b = (int64_t)index / g->filters, o = (int64_t)index % g->filters, plane = g->out_height * g->out_width;
    mf_int8_line line =
        mf_int8_line_of(call, a, (uint64_t)b, (uint64_t)o, job->ranges[b], job->scales[o], job->sums[o]);
    mf_operand operands[MF_MAX_INPUTS + 1];
    mf_epilogue_at(call, (uint64_t)b, (uint64_t)o, 0, operands);
    for (int64_t p = 0; p < plane; p++) {
        int32_t sum = sum_at(job, b, o, p / g->out_width * g->stride_h - g->pad_top,
                             p % g->out_width * g->stride_w - g->pad_left);
        float y = (float)sum * line.gain + line.offset;
        if (call->output_high > 0) {
            mf_int8_output(call)[(int64_t)index * plane + p] = mf_int8_byte(y);
            continue;
        }
        if (a->residual >= 0) y = operands[a->residual].data[p] + y;
        if (a->is_limited) y = y > a->low ? y : a->low, y = y < a->high ? y : a->high;
        call->output[(int64_t)index * plane + p] = y;
    }
}

static void run(const mf_call *call, const mf_pool *pool, void *scratch) {
    size_t bytes;
    int8_job job = make(call, scratch, &bytes);
    round_images(&job);
    round_weights(&job);
    mf_parallel_for(pool, (size_t)(job.g.batch * job.g.filters), output_plane, &job);
}

const mf_kernel mf_int8_reference = {.scratch = scratch_bytes, .run = run};
