#include "metrics/metric.h"
#include "metrics/similarity.h"
#include "support/error.h"
#include "support/memory.h"

#include <metaformer/engine.h>

#include <math.h>

/* The separable window, a band of the map's rows a task. In double: variances are differences of near numbers, and in
   float a bright flat area would lose all of them against K. */
enum { TAPS = MF_SIMILARITY_TAPS, RADIUS = TAPS / 2, SIGNALS = MF_SIMILARITY_SIGNALS, BAND = 32 };

typedef struct ssim_job {
    const float *a, *b;
    float *map;
    size_t height, width, bands;
    double weights[RADIUS + 1]; /* from the middle outwards */
    double *scratch;            /* of each worker */
    size_t worker_scratch;
    double *sums; /* of each task */
    const mf_similarity *similarity;
} ssim_job;

static void ssim_band(void *context, size_t index, int worker) {
    const ssim_job *job = context;
    const mf_similarity *similarity = job->similarity;
    size_t width = job->width, n = width - TAPS + 1, rows = job->height - TAPS + 1;
    size_t plane = index / job->bands, y0 = index % job->bands * BAND, y1 = y0 + BAND < rows ? y0 + BAND : rows;
    const float *a = job->a + plane * job->height * width, *b = job->b + plane * job->height * width;
    double *signals = job->scratch + (size_t)worker * job->worker_scratch; /* [SIGNALS, width] */
    double *averaged = signals + SIGNALS * width;                          /* a ring of rows [TAPS, SIGNALS, n] */
    double sum = 0;
    for (size_t y = y0; y < y1 + TAPS - 1; y++) {
        similarity->make_signals(a + y * width, b + y * width, width, signals);
        double *slot = averaged + y % TAPS * SIGNALS * n;
        for (size_t s = 0; s < SIGNALS; s++)
            similarity->average_row(signals + s * width, job->weights, n, slot + s * n);
        if (y < y0 + TAPS - 1) continue;
        size_t top = y - (TAPS - 1);
        for (size_t s = 0; s < SIGNALS; s++) {
            const double *window[TAPS];
            for (size_t i = 0; i < TAPS; i++) window[i] = averaged + ((top + i) % TAPS * SIGNALS + s) * n;
            similarity->average_column(window, job->weights, n, signals + s * n);
        }
        sum += similarity->compare_row(signals, n);
        if (!job->map) continue;
        float *map = job->map + (plane * rows + top) * n;
        for (size_t x = 0; x < n; x++) map[x] = (float)signals[x];
    }
    job->sums[index] = sum;
}

static void set_weights(double *weights) {
    double total = 0;
    for (int i = 0; i <= RADIUS; i++) {
        weights[i] = exp(-i * i / (2 * 1.5 * 1.5));
        total += i ? 2 * weights[i] : weights[i];
    }
    for (int i = 0; i <= RADIUS; i++) weights[i] /= total;
}

static int is_finite(const float *values, size_t count) {
    uint32_t invalid = 0;
    for (size_t i = 0; i < count; i++) invalid |= mf_score_is_invalid(values[i]);
    return !invalid;
}

mf_status mf_ssim(const float *a, const float *b, int32_t channels, int32_t height, int32_t width,
                  const mf_metric_options *options, float *map, double *out_mean, mf_error *error) {
    if (!a || !b || !out_mean) return mf_fail(error, MF_E_INVALID, "two images and a place for the mean are needed");
    if (channels < 1 || channels > 1024 || height < TAPS || width < TAPS || height > MF_MAX_SIDE || width > MF_MAX_SIDE)
        return mf_fail(error, MF_E_INVALID, "images of %d channels, %d x %d; give 1 to 1024, sides %d to %d", channels,
                       width, height, TAPS, MF_MAX_SIDE);
    mf_metric_options resolved;
    mf_allocator allocator;
    MF_TRY(mf_metric_options_resolve(options, &resolved, &allocator, error));
    mf_isa isa;
    MF_TRY(mf_isa_resolve(MF_ISA_AUTOMATIC, &isa, error));
    mf_pool pool = mf_pool_make(resolved.threads, NULL);
    ssim_job job = {.a = a,
                    .b = b,
                    .map = map,
                    .height = (size_t)height,
                    .width = (size_t)width,
                    .similarity = mf_similarity_find(isa)};
    size_t rows = job.height - TAPS + 1, columns = job.width - TAPS + 1, planes = (size_t)channels;
    if (!is_finite(a, planes * job.height * job.width) || !is_finite(b, planes * job.height * job.width))
        return mf_fail(error, MF_E_INVALID, "the images hold NaN or infinite values");
    set_weights(job.weights);
    job.bands = (rows + BAND - 1) / BAND;
    job.worker_scratch = SIGNALS * (1 + TAPS) * job.width;
    size_t tasks = planes * job.bands;
    job.scratch = mf_allocate(&allocator, (size_t)pool.threads * job.worker_scratch * sizeof(double));
    job.sums = mf_allocate(&allocator, tasks * sizeof(double));
    int has_memory = job.scratch && job.sums;
    if (has_memory) {
        mf_parallel_for(&pool, tasks, ssim_band, &job);
        double sum = 0;
        for (size_t i = 0; i < tasks; i++) sum += job.sums[i];
        *out_mean = sum / ((double)planes * (double)rows * (double)columns);
    }
    mf_free(&allocator, job.scratch);
    mf_free(&allocator, job.sums);
    return has_memory ? MF_OK : mf_fail(error, MF_E_NOMEM, "no memory to compare images of %d x %d", width, height);
}
