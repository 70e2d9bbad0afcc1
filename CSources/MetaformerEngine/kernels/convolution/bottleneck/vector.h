/*
 * Convolutions that are run as one, over vectors. A task makes some rows of the last one's output: the first is computed for
 * the rows that they need, some channels at a time, each channel is filtered, and what comes of all of them is multiplied
 * into the last. Rows at the edge of two tasks are computed by both; all of it stays in the caches of a core.
 */
#include "kernels/convolution/bottleneck/bottleneck.h"

/* Floats of the rows of a task between the filter and the last convolution, and the fewest tasks of an image. */
enum { BOTTLENECK_FLOATS = 160 << 10, BOTTLENECK_TASKS = 8 };

typedef struct bottleneck {
    convolution_job expand, depthwise, project; /* without a call where there is none */
    band b;                                     /* of the depthwise one: a task's rows */
    uint64_t image_rows;                        /* of the image that a task reads, at most */
    uint64_t line;                              /* floats of a channel of these, in whole tiles */
    uint64_t filtered; /* floats of a filtered channel's rows, and so many more that few share a set */
    uint64_t panels, expanded, weights_expand, weights_project; /* floats */
} bottleneck;

static int bottleneck_is_point(const convolution_job *job, int takes_residual) {
    mf_affine a;
    return point_fits(job) && job->phases[0].k <= DEPTH && mf_convolution_is_affine(job->call, &a) &&
           (takes_residual || a.residual < 0);
}

static int bottleneck_is_depthwise(const convolution_job *job) {
    if (!depthwise_fits(job) || !finish_fits(job)) return 0;
    band b = depthwise_plan(job);
    return depthwise_is_known(&b) && job->phases[0].out_w % MF_WIDTH == 0 && job->image_w % MF_WIDTH == 0;
}

/* The chain that ends with a call; b has no rows where the kernel does not take it, and its job is for the caller to set. */
static bottleneck bottleneck_make(const mf_call *last) {
    bottleneck n = {0};
    const mf_call *middle = last;
    mf_geometry g = mf_geometry_of(last);
    if (g.group_channels != 1 || g.group_filters != 1) n.project = convolution_make(last), middle = last->before;
    n.depthwise = convolution_make(middle);
    if (middle->before) n.expand = convolution_make(middle->before);
    convolution_job *jobs[] = {&n.expand, &n.depthwise, &n.project};
    for (int i = 0; i < 3; i++)
        if (jobs[i]->call) phases_enter(jobs[i], 0);
    if (!bottleneck_is_depthwise(&n.depthwise) || (n.project.call && !bottleneck_is_point(&n.project, 1)) ||
        (n.expand.call && !bottleneck_is_point(&n.expand, 0)))
        return n;
    const phase *p = &n.depthwise.phases[0];
    int64_t groups = n.depthwise.g.groups, step = n.depthwise.image_step_h;
    int64_t rows = BOTTLENECK_FLOATS / (groups * p->out_w), fair = (p->out_h + BOTTLENECK_TASKS - 1) / BOTTLENECK_TASKS;
    rows = (int64_t)up_to((uint64_t)(rows < fair ? rows : fair), DEPTHWISE_ROWS);
    n.b = depthwise_cut(&n.depthwise, rows);
    n.image_rows = (uint64_t)((n.b.rows - 1) * step + p->tap_h);
    n.line = up_to(n.image_rows * (uint64_t)n.depthwise.image_w, TILE_N);
    if (n.expand.call) {
        n.weights_expand = phase_weights(&n.expand, &n.expand.phases[0]);
        n.panels = n.expand.phases[0].k * n.line, n.expanded = TILE_M * n.line;
    }
    if (n.project.call) {
        n.weights_project = phase_weights(&n.project, &n.project.phases[0]);
        n.filtered = up_to((uint64_t)(n.b.rows * p->out_w), 32) + 16;
    }
    return n;
}

static int bottleneck_fits(const mf_call *last) {
    return bottleneck_make(last).b.rows > 0;
}

static uint64_t bottleneck_thread(const bottleneck *n) {
    return n->panels + n->expanded + band_floats(&n->b) + n->filtered * (uint64_t)n->depthwise.g.groups;
}

/* Weights that are not kept in their packed form lie before what the threads have. */
static size_t bottleneck_scratch(const mf_call *call, int threads) {
    bottleneck n = bottleneck_make(call);
    return (n.weights_expand + n.weights_project + (uint64_t)threads * bottleneck_thread(&n)) * sizeof(float);
}

/* Some channels of the first convolution, from rows that lie in panels. */
static void bottleneck_expand(const bottleneck *n, uint64_t image, uint64_t channel, uint64_t count, uint64_t pixels,
                              const float *panels, float *expanded) {
    uint64_t k = n->expand.phases[0].k;
    finish f = finish_make(&n->expand, image, channel, 0);
    for (uint64_t x = 0; x < pixels; x += TILE_N)
        point_column(n->expand.weights + channel * k, panels + x * k, TILE_N, n->line, k, NULL, 1, 1, f, expanded + x,
                     0, count, VECTORS);
}

/* Rows of the last convolution, from those of all channels. */
static void bottleneck_project(const bottleneck *n, uint64_t image, uint64_t pixel, uint64_t pixels,
                               const float *filtered) {
    const convolution_job *job = &n->project;
    uint64_t k = job->phases[0].k, m = (uint64_t)job->output_channels,
             plane = (uint64_t)(job->output_h * job->output_w);
    float *out = job->call->output + image * m * plane + pixel;
    finish f = finish_make(job, image, 0, pixel);
    for (uint64_t x = 0; x < pixels;) {
        finish at = f;
        if (f.a.residual >= 0) at.residual += x;
        int is_tile = x + TILE_N <= pixels;
        if (is_tile)
            point_column(job->weights, filtered + x, n->filtered, plane, k, NULL, 1, 1, at, out + x, 0, m, VECTORS);
        else
            point_column(job->weights, filtered + x, n->filtered, plane, k, NULL, 1, 1, at, out + x, 0, m, 1);
        x += is_tile ? TILE_N : MF_WIDTH;
    }
}

/* Some rows of an image. */
static void bottleneck_task(void *context, size_t index, int worker) {
    const bottleneck *n = context;
    const convolution_job *job = &n->depthwise;
    const band *b = &n->b;
    const phase *p = &job->phases[0];
    uint64_t image = index / b->per_image, groups = (uint64_t)job->g.groups;
    int64_t y = (int64_t)(index % b->per_image) * b->rows, rows = p->out_h - y < b->rows ? p->out_h - y : b->rows;
    int64_t width = job->image_w, top = b->top + y * b->splits, end = top + (rows - 1) * b->splits + p->tap_h;
    /* Rows may lie in the padding alone: then none of the image is read. */
    top = top < 0 ? 0 : top > job->image_h ? job->image_h : top;
    end = end < top ? top : end > job->image_h ? job->image_h : end;
    uint64_t plane = (uint64_t)(job->image_h * width), pixels = (uint64_t)((end - top) * width),
             pixel = (uint64_t)(y * p->out_w), out_plane = (uint64_t)(p->out_h * p->out_w);
    float *panels = convolution_own(job, worker), *expanded = panels + n->panels, *lines = expanded + n->expanded,
          *filtered = lines + band_floats(b);
    if (n->expand.call)
        pack_columns(n->expand.call->inputs[0] + image * n->expand.phases[0].k * plane + top * width, plane, 1, pixels,
                     n->expand.phases[0].k, panels);
    for (uint64_t group = 0; group < groups; group++) {
        const float *from = job->call->inputs[0] + (image * groups + group) * plane;
        if (n->expand.call) {
            uint64_t among = group % TILE_M, count = groups - group < TILE_M ? groups - group : TILE_M;
            if (among == 0) bottleneck_expand(n, image, group, count, pixels, panels, expanded);
            from = expanded + among * n->line - top * width;
        }
        depthwise_fill(b, from, y, group == 0, lines);
        finish f = finish_make(job, image, group, 0);
        float *to = n->project.call ? filtered + group * n->filtered
                                    : job->call->output + (image * groups + group) * out_plane + pixel;
        depthwise_known(b, job->call->inputs[1] + group * p->k, lines, from + end * width, &f, pixel, to,
                        (uint64_t)rows);
    }
    if (n->project.call) bottleneck_project(n, image, pixel, (uint64_t)(rows * p->out_w), filtered);
}

/* The packed weights of a call: those that are kept, or that are made here. */
static const float *bottleneck_weights(const convolution_job *job, const mf_pool *pool, float **scratch,
                                       uint64_t floats) {
    if (job->call->packed) return job->call->packed;
    float *packed = *scratch;
    *scratch += floats;
    convolution_pack_deep(job, pool, packed);
    return packed;
}

static void bottleneck_run(const mf_call *call, const mf_pool *pool, void *scratch) {
    bottleneck n = bottleneck_make(call);
    float *from = scratch;
    if (n.expand.call) n.expand.weights = bottleneck_weights(&n.expand, pool, &from, n.weights_expand);
    if (n.project.call) n.project.weights = bottleneck_weights(&n.project, pool, &from, n.weights_project);
    n.depthwise.scratch = from, n.depthwise.thread_scratch = bottleneck_thread(&n);
    n.b.job = &n.depthwise;
    mf_parallel_for(pool, n.b.per_image * (uint64_t)n.depthwise.g.batch, bottleneck_task, &n);
}

static const mf_kernel vector_bottleneck = {
    .scratch = bottleneck_scratch, .run = bottleneck_run, .packed = convolution_packed, .pack = convolution_pack};
