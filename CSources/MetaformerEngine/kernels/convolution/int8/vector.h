/* Convolutions in 8-bit integers, over vectors. */
#include "kernels/convolution/int8/job.h"
/* What both kinds share comes before them. */
#include "kernels/convolution/int8/depthwise.h"
#include "kernels/convolution/int8/point.h"

static size_t int8_scratch(const mf_call *call, int threads) {
    int8_job job = int8_make(call);
    return job.weight_bytes + job.line_bytes + job.extreme_bytes + (size_t)threads * job.thread_bytes;
}

static size_t int8_packed(const mf_call *call) {
    return int8_make(call).weight_bytes;
}

static void int8_pack(const mf_call *call, const mf_pool *pool, void *packed) {
    int8_job job = int8_make(call);
    int8_place_weights(&job, packed);
    mf_parallel_for(pool, (size_t)job.g.filters, job.is_depthwise ? depthwise_int8_pack : point_int8_pack, &job);
}

static void int8_run(const mf_call *call, const mf_pool *pool, void *scratch) {
    int8_job job = int8_make(call);
    union {
        const void *kept;
        void *placed;
    } packed = {call->packed};
    if (!packed.kept) int8_pack(call, pool, packed.placed = scratch);
    int8_place_weights(&job, packed.placed);
    int8_place_scratch(&job, (unsigned char *)scratch + job.weight_bytes);
    int8_measure(&job, pool);
    if (job.is_depthwise)
        depthwise_int8_run(&job, pool);
    else
        point_int8_run(&job, pool);
}

static const mf_kernel vector_int8 = {
    .scratch = int8_scratch, .run = int8_run, .packed = int8_packed, .pack = int8_pack};
