/*
 * Convolution by gathered patches (im2col): a panel of them at a time, which is multiplied by the weights while it is in
 * the caches. It takes what no other strategy does: the smallest images, and phases without taps.
 */

/* A small image's patches are gathered once; those of a large one by each block, whose panels stay in its caches. */
enum { MOST_GATHERED = 1 << 18 };

typedef struct gather {
    const convolution_job *job;
    cut c;
    uint64_t blocks;
    uint64_t panels; /* floats of all patches of a group */
    int shares;      /* patches are gathered once for all blocks */
} gather;

static gather gather_plan(const convolution_job *job) {
    const phase *p = &job->phases[0];
    uint64_t pixels = (uint64_t)(job->g.batch * p->out_h * p->out_w);
    gather t = {.job = job, .panels = up_to(pixels, TILE_N) * p->k};
    t.c = cut_make((uint64_t)job->output_channels, pixels, (uint64_t)job->g.groups, 0);
    t.blocks = t.c.down * t.c.across;
    t.shares = t.c.down > 1 && t.panels <= MOST_GATHERED;
    return t;
}

static int gather_fits(const convolution_job *job) {
    return job->together == 1;
}

static footprint gather_scratch(const convolution_job *job) {
    gather t = gather_plan(job);
    uint64_t row = t.shares && t.c.n > t.c.columns ? t.c.n : t.c.columns;
    return (footprint){.weights = phase_weights(job, &job->phases[0]),
                       .shared = t.shares ? (uint64_t)job->g.groups * t.panels : 0,
                       .thread = cut_b(&t.c) + cut_c(&t.c) + up_to(row, 16) +
                                 mf_expression_scratch(job->call->instruction->expression)};
}

/* Runs of a block's columns that lie in one row of one image's pixels. */
typedef struct pixels {
    uint64_t image;
    int64_t y, x, n;
} pixels;

static inline pixels pixels_at(const phase *p, uint64_t column, uint64_t end) {
    uint64_t size = (uint64_t)(p->out_h * p->out_w), in_image = column % size;
    pixels r = {column / size, (int64_t)in_image / p->out_w, (int64_t)in_image % p->out_w, 0};
    r.n = p->out_w - r.x < (int64_t)(end - column) ? p->out_w - r.x : (int64_t)(end - column);
    return r;
}

static void gather_patches(const convolution_job *job, uint64_t group, const block *t, uint64_t k0, uint64_t depth,
                           float *row, float *to) {
    const phase *p = &job->phases[0];
    uint64_t taps = (uint64_t)(p->tap_h * p->tap_w), plane = (uint64_t)(job->image_h * job->image_w);
    uint64_t all_channels = (uint64_t)(job->g.groups * job->image_channels);
    for (uint64_t k = 0; k < depth; k++) {
        int64_t tap = (int64_t)((k0 + k) % taps);
        uint64_t channel = group * (uint64_t)job->image_channels + (k0 + k) / taps;
        int64_t down = p->origin_h + tap / p->tap_w * job->tap_move,
                right = p->origin_w + tap % p->tap_w * job->tap_move;
        for (uint64_t column = t->n0; column < t->n0 + t->n;) {
            pixels r = pixels_at(p, column, t->n0 + t->n);
            int64_t y = down + r.y * job->image_step_h;
            float *piece = row + (column - t->n0);
            if (y < 0 || y >= job->image_h)
                memset(piece, 0, (size_t)r.n * sizeof(float));
            else
                gather_columns(job->call->inputs[0] + (r.image * all_channels + channel) * plane +
                                   (uint64_t)(y * job->image_w),
                               job->image_w, right + r.x * job->image_step_w, job->image_step_w, r.n, piece);
            column += (uint64_t)r.n;
        }
        spread_row(row, t->n, k, depth, to);
    }
}

/* Stores a block of gathered patches' results, run by run. */
static void gather_store(const gather *g, uint64_t group, const block *t, const float *c, evaluator *v) {
    const convolution_job *job = g->job;
    int whole = job->output_step_h == 1 && job->output_step_w == 1;
    for (uint64_t i = 0; i < t->m; i++)
        for (uint64_t column = t->n0; column < t->n0 + t->n;) {
            pixels r = pixels_at(&job->phases[0], column, t->n0 + t->n);
            uint64_t size = (uint64_t)(job->phases[0].out_h * job->phases[0].out_w), in_image = size - column % size;
            uint64_t rest = t->n0 + t->n - column;
            uint64_t n = !whole ? (uint64_t)r.n : in_image < rest ? in_image : rest;
            convolution_store(job, r.image, group * (uint64_t)job->output_channels + t->m0 + i, r.y, r.x,
                              c + i * g->c.columns + (column - t->n0), n, v);
            column += n;
        }
}

/* A block of k of all patches of a group. */
static void gather_shared(void *context, size_t index, int worker) {
    const gather *g = context;
    const convolution_job *job = g->job;
    uint64_t steps = (job->phases[0].k + DEPTH - 1) / DEPTH, group = index / steps, k = index % steps * DEPTH;
    uint64_t depth = job->phases[0].k - k < DEPTH ? job->phases[0].k - k : DEPTH;
    block all = {.m = g->c.m, .n = g->c.n};
    float *row = convolution_own(job, worker) + cut_b(&g->c) + cut_c(&g->c);
    gather_patches(job, group, &all, k, depth, row, job->shared + group * g->panels + k * up_to(g->c.n, TILE_N));
}

static void gather_block(void *context, size_t index, int worker) {
    const gather *g = context;
    const convolution_job *job = g->job;
    const phase *p = &job->phases[0];
    uint64_t group = index / g->blocks;
    block t = cut_block(&g->c, index % g->blocks);
    float *b = convolution_own(job, worker), *c = b + cut_b(&g->c), *row = c + cut_c(&g->c);
    evaluator v = evaluator_make(job->call->instruction->expression, row + up_to(g->c.columns, 16));
    const float *weights = job->weights + group * packed_weights(job, p);
    uint64_t m = up_to((uint64_t)job->output_channels, TILE_M);
    if (p->k == 0) memset(c, 0, cut_c(&g->c) * sizeof(float));
    for (uint64_t k = 0; k < p->k; k += DEPTH) {
        uint64_t depth = p->k - k < DEPTH ? p->k - k : DEPTH;
        const float *panels = b;
        if (g->shares)
            panels = job->shared + group * g->panels + k * up_to(g->c.n, TILE_N) + t.n0 * depth;
        else
            gather_patches(job, group, &t, k, depth, row, b);
        multiply_panels(weights + m * k + t.m0 * depth, panels, t.m, t.n, depth, c, g->c.columns, k > 0);
    }
    gather_store(g, group, &t, c, &v);
}

static void gather_run(const convolution_job *job, const mf_pool *pool) {
    gather t = gather_plan(job);
    size_t groups = (size_t)job->g.groups;
    if (t.shares) mf_parallel_for(pool, groups * ((job->phases[0].k + DEPTH - 1) / DEPTH), gather_shared, &t);
    mf_parallel_for(pool, groups * t.blocks, gather_block, &t);
}

static const strategy gather_strategy = {gather_fits, gather_scratch, convolution_pack_deep, gather_run};
