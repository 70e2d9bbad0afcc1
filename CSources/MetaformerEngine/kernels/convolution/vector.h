/*
 * Convolution and its input gradient as matrix products of the weights and the image's patches, of which no matrix is
 * ever made. There are several ways to do it: the first strategy of the table that fits takes the phases at work. Phases
 * that are alike are run at once where one takes them together.
 */
#include "kernels/convolution/int8/bytes.h"
#include "kernels/convolution/rows.h"
/* What all strategies share comes before them. */
#include "kernels/convolution/plan.h"

#include "kernels/convolution/band.h"
#include "kernels/convolution/depthwise.h"
#include "kernels/convolution/gather.h"
#include "kernels/convolution/point.h"
#include "kernels/convolution/winograd.h"

/* By preference. The last one takes whatever is run by itself. */
static const strategy *const strategies[] = {&winograd_strategy, &point_strategy, &depthwise_strategy, &band_strategy,
                                             &gather_strategy};

static const strategy *convolution_strategy(const convolution_job *job) {
    for (size_t i = 0; i < sizeof strategies / sizeof *strategies; i++)
        if (strategies[i]->fits(job)) return strategies[i];
    return NULL;
}

static convolution_job convolution_make(const mf_call *call) {
    convolution_job job = convolution_plan(call);
    if (!phases_are_alike(&job)) return job;
    job.together = phase_count(&job);
    phases_enter(&job, 0);
    if (!convolution_strategy(&job)) job.together = 1;
    return job;
}

/* Goes to the phases of a step; *f is what their strategy needs. */
static const strategy *convolution_enter(convolution_job *job, int64_t step, footprint *f) {
    phases_enter(job, step);
    const strategy *s = convolution_strategy(job);
    *f = s->scratch(job);
    f->weights = up_to(f->weights, 16), f->shared = up_to(f->shared, 16), f->thread = up_to(f->thread, 16);
    return s;
}

static size_t convolution_scratch(const mf_call *call, int threads) {
    convolution_job job = convolution_make(call);
    footprint f;
    size_t most = 0;
    for (int64_t i = 0; i < step_count(&job); i++) {
        convolution_enter(&job, i, &f);
        size_t floats = f.weights + f.shared + (uint64_t)threads * f.thread;
        most = floats > most ? floats : most;
    }
    return most * sizeof(float);
}

static size_t convolution_packed(const mf_call *call) {
    convolution_job job = convolution_make(call);
    footprint f;
    uint64_t floats = 0;
    for (int64_t i = 0; i < step_count(&job); i++) {
        convolution_enter(&job, i, &f);
        floats += f.weights;
    }
    return floats * sizeof(float);
}

static void convolution_pack(const mf_call *call, const mf_pool *pool, void *packed) {
    convolution_job job = convolution_make(call);
    footprint f;
    float *to = packed;
    for (int64_t i = 0; i < step_count(&job); i++, to += f.weights)
        convolution_enter(&job, i, &f)->pack(&job, pool, to);
}

static void convolution_run(const mf_call *call, const mf_pool *pool, void *scratch) {
    convolution_job job = convolution_make(call);
    footprint f;
    const float *packed = call->packed;
    for (int64_t i = 0; i < step_count(&job); i++) {
        const strategy *s = convolution_enter(&job, i, &f);
        job.shared = scratch;
        if (packed) {
            job.weights = packed, packed += f.weights;
        } else {
            s->pack(&job, pool, job.shared);
            job.weights = job.shared, job.shared += f.weights;
        }
        job.scratch = job.shared + f.shared, job.thread_scratch = f.thread;
        if (job.phases[0].out_h > 0 && job.phases[0].out_w > 0) s->run(&job, pool);
    }
}

static const mf_kernel vector_convolution = {
    .scratch = convolution_scratch, .run = convolution_run, .packed = convolution_packed, .pack = convolution_pack};
static const mf_kernel vector_convolution_input_gradient = {
    .scratch = convolution_scratch, .run = convolution_run, .packed = convolution_packed, .pack = convolution_pack};
