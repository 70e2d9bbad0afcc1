/*
 * Convolution and its input gradient as matrix products of the weights and the image's patches, of which no matrix is
 * ever made. Where rows of the output are wide, or many, the product's columns are read straight from a band of the image
 * (band_vector.h); of the smallest images, patches are gathered into panels; 3 x 3 taps of many channels take fewer
 * products (winograd_vector.h); of one channel to one there is no product to make (depthwise_vector.h); of one tap there are no patches to gather
 * (point_vector.h). The input gradient
 * of a strided convolution falls into stride_h x stride_w phases, each a convolution of dy, at stride 1, with the taps
 * that reach that phase's pixels; phases that go by bands share them and are stored together.
 */

/* What one phase reads and writes. For convolution there is one, with all taps. */
typedef struct phase {
    int64_t tap_h, tap_w;     /* taps that take part */
    int64_t first_h, first_w; /* the first of them in the kernel; the next are tap_step further */
    int64_t tap_step_h, tap_step_w;
    int64_t out_h, out_w;       /* the phase's pixels */
    int64_t top, left;          /* where they lie in the output, output_step apart */
    int64_t origin_h, origin_w; /* image row of pixel 0 and tap 0; a tap adds tap_move, a pixel image_step */
    uint64_t k;                 /* channels x taps */
} phase;

/* How phases go by bands: see band_vector.h. */
typedef struct band {
    int64_t top, left;          /* the image's row and column that a band of output row 0 begins with */
    int64_t rows;               /* a phase's rows of a task; 0 where another way is taken */
    int64_t splits, row_splits; /* a channel's columns and rows, sorted by their phase, */
    int64_t lines, pitch;       /* and of each of these the lines, and the floats of one */
    int64_t channels;           /* image channels in a block of k */
    int flat;                   /* a task's rows are one run of pixels; bands are filled once for all tasks */
    int64_t width, across;      /* floats of a run, a multiple of MF_WIDTH, and from one row to the next in a tile */
    uint64_t per_image, down, m_rows; /* tasks down an image, blocks of output channels, and channels of one */
    uint64_t stride;                  /* floats of a channel in a tile */
    uint64_t planes;                  /* of one channel to one: channels of a task */
} band;

/* How a phase goes by tiles of 4 x 4 outputs: see winograd_vector.h. */
typedef struct winograd {
    uint64_t across, down; /* tiles of an image; a row of tiles is all those of four output rows */
    uint64_t rows;         /* rows of tiles in a chunk, of one image or several; 0 where another way is taken */
    uint64_t tiles;        /* of a chunk, rounded up to TILE_N */
    uint64_t m;            /* output channels, rounded up to TILE_M */
    uint64_t pitch;        /* floats of a line of the image with its borders */
    uint64_t first, count; /* the rows of tiles of the chunk at work */
} winograd;

/* How a convolution of one tap is cut into tasks: see point_vector.h. */
typedef struct point {
    uint64_t columns, across; /* pixels of a task, and tasks over an image; 0 where another way is taken */
    uint64_t m_rows, down;    /* output channels of a task, and tasks over all of them */
} point;

enum { MOST_PHASES = 4 };

typedef struct convolution_job {
    const mf_call *call;
    mf_geometry g;
    int gradient;
    int64_t image_channels, image_h, image_w; /* of what is read, in a group */
    int64_t image_step_h, image_step_w;       /* pixels of the image from one output pixel to the next */
    int64_t tap_move;                         /* 1, or -1 for the gradient */
    int64_t output_channels, output_h, output_w;
    int64_t output_step_h, output_step_w;
    phase phases[MOST_PHASES]; /* those at work */
    int64_t together;          /* how many they are: where several, all of one size */
    cut c;
    uint64_t blocks;
    uint64_t depth; /* of the blocks that k goes in: the sum of those of all phases at work */
    int shares;     /* patches are gathered once for all blocks, into panels */
    band b;         /* rows is 0 where patches are gathered */
    winograd w;
    point p;
    const float *weights;   /* packed */
    float *tiles, *results; /* of a chunk of tiles */
    float *shared;          /* panels of patches, or bands, for all tasks */
    float *scratch;
    uint64_t thread_scratch;
} convolution_job;

static phase phase_of(const convolution_job *job, int64_t index) {
    const mf_geometry *g = &job->g;
    phase p = {.tap_h = g->kernel_h,
               .tap_w = g->kernel_w,
               .tap_step_h = 1,
               .tap_step_w = 1,
               .out_h = job->output_h,
               .out_w = job->output_w,
               .origin_h = -g->pad_top,
               .origin_w = -g->pad_left};
    if (job->gradient) {
        /* Pixel y takes dy's row (y + pad - tap) / stride where that is whole: taps of the same remainder as y +
           pad. */
        p.top = index / g->stride_w, p.left = index % g->stride_w;
        p.first_h = (p.top + g->pad_top) % g->stride_h, p.first_w = (p.left + g->pad_left) % g->stride_w;
        p.tap_step_h = g->stride_h, p.tap_step_w = g->stride_w;
        p.tap_h = p.first_h < g->kernel_h ? (g->kernel_h - p.first_h + g->stride_h - 1) / g->stride_h : 0;
        p.tap_w = p.first_w < g->kernel_w ? (g->kernel_w - p.first_w + g->stride_w - 1) / g->stride_w : 0;
        p.out_h = p.top < job->output_h ? (job->output_h - p.top + g->stride_h - 1) / g->stride_h : 0;
        p.out_w = p.left < job->output_w ? (job->output_w - p.left + g->stride_w - 1) / g->stride_w : 0;
        p.origin_h = (p.top + g->pad_top - p.first_h) / g->stride_h,
        p.origin_w = (p.left + g->pad_left - p.first_w) / g->stride_w;
    }
    p.k = (uint64_t)(job->image_channels * p.tap_h * p.tap_w);
    return p;
}

/* The image's row and column that a phase's pixel 0 reads first. */
static int64_t phase_row(const convolution_job *job, const phase *p) {
    return job->tap_move > 0 ? p->origin_h : p->origin_h - (p->tap_h - 1);
}
static int64_t phase_column(const convolution_job *job, const phase *p) {
    return job->tap_move > 0 ? p->origin_w : p->origin_w - (p->tap_w - 1);
}

static int is_depthwise(const convolution_job *job);
static band depthwise_band_of(const convolution_job *job);
static winograd winograd_of(const convolution_job *job);
static point point_of(const convolution_job *job);
static uint64_t point_thread(const convolution_job *job);
static uint64_t winograd_weights(const convolution_job *job);
static uint64_t winograd_matrices(const convolution_job *job);
static uint64_t winograd_thread(const convolution_job *job);

static int64_t phase_count(const convolution_job *job) {
    return job->gradient ? job->g.stride_h * job->g.stride_w : 1;
}

/* How often phases are run. */
static int64_t step_count(const convolution_job *job) {
    return phase_count(job) / job->together;
}

/* Floats of a run of so many rows. */
static int64_t run_width(const band *b, const phase *p, int64_t rows) {
    return (int64_t)up_to((uint64_t)((rows - 1) * b->across + p->out_w), MF_WIDTH);
}

/* Cuts the phases at work for bands, if their rows, or all of their pixels in one run, fill enough of the vectors. */
static band band_of(const convolution_job *job) {
    const phase *p = &job->phases[0];
    band b = {.splits = job->image_step_w, .row_splits = job->image_step_h};
    if (p->k == 0 || p->out_h <= 0 || p->out_w <= 0) return b;
    b.top = phase_row(job, p), b.left = phase_column(job, p);
    int64_t bottom = b.top, right = b.left, most = 1; /* where taps reach, and how many a phase has */
    for (int64_t i = 0; i < job->together; i++) {
        const phase *q = &job->phases[i];
        int64_t top = phase_row(job, q), left = phase_column(job, q);
        if (top < b.top) b.top = top;
        if (left < b.left) b.left = left;
        if (top + q->tap_h > bottom) bottom = top + q->tap_h;
        if (left + q->tap_w > right) right = left + q->tap_w;
        if (q->tap_h * q->tap_w > most) most = q->tap_h * q->tap_w;
    }
    b.channels = DEPTH / most;
    b.channels = b.channels < 1 ? 1 : b.channels > job->image_channels ? job->image_channels : b.channels;
    uint64_t m = (uint64_t)job->output_channels, images = (uint64_t)(job->g.batch * job->g.groups);
    b.down = (m + 263) / 264;
    b.m_rows = m <= 4 ? 4 : up_to((m + b.down - 1) / b.down, TILE_M);
    int64_t more_lines = (bottom - b.top - 1) / b.row_splits, more_columns = (right - b.left - 1) / b.splits;
    b.width = b.across = (int64_t)up_to((uint64_t)p->out_w, MF_WIDTH);
    if (p->out_w >= TILE_N && b.width * 4 <= p->out_w * 5) {
        int64_t wanted = (b.m_rows <= 4 ? 512 : b.m_rows <= 48 && job->together == 1 ? 256 : 128) / b.width;
        b.rows = wanted < 1 ? 1 : wanted > p->out_h ? p->out_h : wanted;
        while (b.rows > 1 && (uint64_t)((p->out_h + b.rows - 1) / b.rows) * images < 8) b.rows--;
        b.per_image = (uint64_t)((p->out_h + b.rows - 1) / b.rows);
        b.lines = b.rows + more_lines, b.pitch = b.width + more_columns;
        b.stride = (uint64_t)(b.rows * b.width);
        return b;
    }
    b.pitch = b.across = p->out_w + more_columns;
    if (run_width(&b, p, p->out_h) > 2 * p->out_h * p->out_w) return b;
    int64_t wanted = 256 / b.pitch;
    b.flat = 1;
    b.rows = wanted < 1 ? 1 : wanted > p->out_h ? p->out_h : wanted;
    b.per_image = (uint64_t)((p->out_h + b.rows - 1) / b.rows);
    while (b.m_rows > TILE_M && b.down * b.per_image * images < 8) {
        b.m_rows = up_to(b.m_rows / 2, TILE_M);
        b.down = (m + b.m_rows - 1) / b.m_rows;
    }
    b.lines = p->out_h + more_lines;
    b.width = run_width(&b, p, b.rows);
    b.stride = (uint64_t)b.width;
    return b;
}

/* Goes to the phases of a step. */
static void phases_enter(convolution_job *job, int64_t step) {
    for (int64_t i = 0; i < job->together; i++) job->phases[i] = phase_of(job, step * job->together + i);
}

static convolution_job convolution_plan(const mf_call *call) {
    convolution_job job = {
        .call = call, .g = mf_geometry_of(call), .gradient = call->instruction->op == MF_OP_convolution_input_gradient};
    const mf_geometry *g = &job.g;
    if (job.gradient) {
        job.image_channels = g->group_filters, job.image_h = g->out_height, job.image_w = g->out_width,
        job.image_step_h = job.image_step_w = 1;
        job.output_channels = g->group_channels, job.output_h = g->height, job.output_w = g->width;
        job.output_step_h = g->stride_h, job.output_step_w = g->stride_w, job.tap_move = -1;
    } else {
        job.image_channels = g->group_channels, job.image_h = g->height, job.image_w = g->width;
        job.image_step_h = g->stride_h, job.image_step_w = g->stride_w;
        job.output_channels = g->group_filters, job.output_h = g->out_height, job.output_w = g->out_width;
        job.output_step_h = job.output_step_w = 1, job.tap_move = 1;
    }
    job.together = 1;
    /* Phases that are alike are run at once where they go by bands. */
    int64_t count = phase_count(&job);
    if (count > 1 && count <= MOST_PHASES && !is_depthwise(&job) && job.output_h % g->stride_h == 0 &&
        job.output_w % g->stride_w == 0 && g->kernel_h >= g->stride_h && g->kernel_w >= g->stride_w) {
        job.together = count;
        phases_enter(&job, 0);
        if (band_of(&job).rows == 0) job.together = 1;
    }
    return job;
}

/* Floats of a channel of a band. */
static uint64_t band_channel(const band *b) {
    return (uint64_t)(b->splits * b->row_splits * b->lines * b->pitch);
}
/* Floats of a task's band of its own. */
static uint64_t band_floats(const band *b) {
    return b->flat ? 0 : up_to((uint64_t)b->channels * band_channel(b), 16);
}
/* Floats of a phase's tile. */
static uint64_t band_tile(const band *b) {
    return up_to(b->m_rows * b->stride, 16);
}
/* Floats of a channel's rows of all phases, as they are stored. */
static uint64_t band_rows(const convolution_job *job) {
    return job->together > 1 ? up_to((uint64_t)(job->b.rows * job->output_step_h * job->output_w), 16) : 0;
}

/* A small image's patches are gathered once; those of a large one by each block, whose panels stay in its caches. */
enum { MOST_GATHERED = 1 << 18 };

/* Floats of all patches of a group, in panels. */
static uint64_t gathered_panels(const convolution_job *job) {
    return up_to((uint64_t)(job->g.batch * job->phases[0].out_h * job->phases[0].out_w), TILE_N) * job->phases[0].k;
}

/* The depth of a phase's blocks of k. */
static uint64_t phase_depth(const convolution_job *job, const phase *p) {
    return job->b.rows ? (uint64_t)(job->b.channels * p->tap_h * p->tap_w) : DEPTH;
}

/* Goes to the next phases to be run at once: cuts their product, and works out the thread's scratch. */
static void convolution_enter(convolution_job *job, int64_t step) {
    phases_enter(job, step);
    job->w = winograd_of(job);
    job->p = point_of(job);
    job->b = (band){0};
    job->shares = 0;
    uint64_t expression = mf_expression_scratch(job->call->instruction->expression);
    if (job->w.rows) {
        job->thread_scratch = winograd_thread(job) + expression;
        return;
    }
    if (job->p.columns) {
        job->thread_scratch = point_thread(job);
        job->blocks = job->p.across * job->p.down * (uint64_t)job->g.batch;
        return;
    }
    job->b = is_depthwise(job) ? depthwise_band_of(job) : band_of(job);
    if (job->b.rows) {
        job->depth = 0;
        for (int64_t i = 0; i < job->together; i++) job->depth += phase_depth(job, &job->phases[i]);
        job->blocks = job->b.per_image * job->b.down * (uint64_t)job->g.batch;
        /* Room for the offsets of k, and for the weights of a depthwise one. */
        job->thread_scratch = band_floats(&job->b) + 2 * up_to(job->depth, 16) +
                              (uint64_t)job->together * band_tile(&job->b) + band_rows(job) + expression;
        return;
    }
    job->depth = DEPTH;
    job->c =
        cut_make((uint64_t)job->output_channels, (uint64_t)(job->g.batch * job->phases[0].out_h * job->phases[0].out_w),
                 (uint64_t)job->g.groups, 0);
    job->blocks = job->c.down * job->c.across;
    job->shares = job->c.down > 1 && gathered_panels(job) <= MOST_GATHERED;
    uint64_t row = job->shares && job->c.n > job->c.columns ? job->c.n : job->c.columns;
    job->thread_scratch = cut_b(&job->c) + cut_c(&job->c) + up_to(row, 16) + expression;
}

/* Floats of a phase's packed weights, of one group. */
static uint64_t packed_weights(const convolution_job *job, const phase *p) {
    return up_to(up_to((uint64_t)job->output_channels, TILE_M) * p->k, 16);
}

/* Floats of the packed weights of the phases at work in all groups, one phase after the other. */
static uint64_t step_weights(const convolution_job *job) {
    if (job->w.rows) return winograd_weights(job);
    if (is_depthwise(job) && job->b.rows) return 0;
    uint64_t floats = 0;
    for (int64_t i = 0; i < job->together; i++)
        floats += (uint64_t)job->g.groups * packed_weights(job, &job->phases[i]);
    return floats;
}

/* Floats of the bands that are filled for all tasks (the last run reads on to the end of a vector), or of the patches that are
   gathered for all blocks. */
static uint64_t shared_floats(const convolution_job *job) {
    if (job->b.flat)
        return up_to((uint64_t)(job->g.batch * job->g.groups * job->image_channels) * band_channel(&job->b) + MF_WIDTH,
                     16);
    return job->shares ? (uint64_t)job->g.groups * gathered_panels(job) : 0;
}

static size_t convolution_scratch(const mf_call *call, int threads) {
    convolution_job job = convolution_plan(call);
    size_t most = 0;
    for (int64_t i = 0; i < step_count(&job); i++) {
        convolution_enter(&job, i);
        size_t floats = step_weights(&job) + (uint64_t)threads * job.thread_scratch +
                        (job.w.rows ? winograd_matrices(&job) : 0) + shared_floats(&job);
        most = floats > most ? floats : most;
    }
    return most * sizeof(float);
}

/* ---- Weights ----------------------------------------------------------------------------------------------------- */

/* Where a phase's packed weights go. */
typedef struct weights_job {
    const convolution_job *job;
    const phase *p;
    float *packed;
} weights_job;

/* Packs TILE_M output channels of a group, all k, block of depth after block. */
static void convolution_pack_weights(void *context, size_t index, int worker) {
    (void)worker;
    const weights_job *to_pack = context;
    const convolution_job *job = to_pack->job;
    const mf_geometry *g = &job->g;
    const phase *p = to_pack->p;
    uint64_t m = (uint64_t)job->output_channels, block_depth = phase_depth(job, p), panels = (m + TILE_M - 1) / TILE_M,
             group = index / panels, m0 = index % panels * TILE_M;
    uint64_t taps = (uint64_t)(p->tap_h * p->tap_w), kernel = (uint64_t)(g->kernel_h * g->kernel_w);
    const float *w = job->call->inputs[1] + group * (uint64_t)(g->group_filters * g->group_channels) * kernel;
    uint64_t channel =
        job->gradient ? (uint64_t)g->group_channels * kernel : kernel; /* from an image channel to the next */
    uint64_t row =
        job->gradient ? kernel : (uint64_t)g->group_channels * kernel; /* from an output channel to the next */
    float *base = to_pack->packed + group * packed_weights(job, p);
    for (uint64_t k0 = 0; k0 < p->k; k0 += block_depth) {
        uint64_t depth = p->k - k0 < block_depth ? p->k - k0 : block_depth;
        float *to = base + up_to(m, TILE_M) * k0 + m0 * depth;
        for (uint64_t k = k0; k < k0 + depth; k++, to += TILE_M) {
            int64_t tap = (int64_t)(k % taps);
            int64_t at = (p->first_h + tap / p->tap_w * p->tap_step_h) * g->kernel_w + p->first_w +
                         tap % p->tap_w * p->tap_step_w;
            const float *from = w + k / taps * channel + (uint64_t)at;
            for (uint64_t i = 0; i < TILE_M; i++) to[i] = m0 + i < m ? from[(m0 + i) * row] : 0;
        }
    }
}

/* ---- Image ------------------------------------------------------------------------------------------------------- */

#include "kernels/convolution/gather_vector.h"

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

static void convolution_pack_image(const convolution_job *job, uint64_t group, const block *t, uint64_t k0,
                                   uint64_t depth, float *row, float *to) {
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

/* ---- Output ------------------------------------------------------------------------------------------------------ */

/* Finishes n values of an output channel that lie one after the other in the output, and stores them from at on in its
   plane. */
static void convolution_finish(const convolution_job *job, uint64_t image, uint64_t channel, uint64_t at,
                               const float *values, uint64_t n, evaluator *v) {
    const mf_call *call = job->call;
    uint64_t channels = (uint64_t)(job->g.groups * job->output_channels);
    mf_operand operands[MF_MAX_INPUTS + 1];
    operands[0] = (mf_operand){values, 1};
    mf_epilogue_at(call, image, channel, at, operands);
    evaluate(v, operands, call->output + (image * channels + channel) * (uint64_t)(job->output_h * job->output_w) + at,
             n);
}

/* Finishes n values of an output channel and stores them from pixel (y, x) of the phase on: in one row, or, where the
   phase is the whole output, over as many as there are. */
static void convolution_store(const convolution_job *job, uint64_t image, uint64_t channel, int64_t y, int64_t x,
                              const float *values, uint64_t n, evaluator *v) {
    const mf_call *call = job->call;
    const phase *p = &job->phases[0];
    uint64_t step = (uint64_t)job->output_step_w, channels = (uint64_t)(job->g.groups * job->output_channels);
    uint64_t at = (uint64_t)((p->top + y * job->output_step_h) * job->output_w + p->left + x * job->output_step_w);
    float *out = call->output + (image * channels + channel) * (uint64_t)(job->output_h * job->output_w) + at;
    if (step == 1) {
        convolution_finish(job, image, channel, at, values, n, v);
        return;
    }
    mf_operand operands[MF_MAX_INPUTS + 1];
    float finished[MF_BLOCK];
    for (uint64_t from = 0; from < n; from += MF_BLOCK) {
        uint64_t count = n - from < MF_BLOCK ? n - from : MF_BLOCK;
        operands[0] = (mf_operand){values + from, 1};
        mf_epilogue_at(call, image, channel, at + from * step, operands);
        for (uint32_t e = 1; e < call->instruction->input_count - 1; e++) operands[e].step *= (int64_t)step;
        evaluate(v, operands, finished, count);
        for (uint64_t k = 0; k < count; k++) out[(from + k) * step] = finished[k];
    }
}

/* As convolution_store, for rows of pixels that lie pitch apart, from row y on. */
static void convolution_store_rows(const convolution_job *job, uint64_t image, uint64_t channel, int64_t y,
                                   const float *values, int64_t pitch, int64_t rows, evaluator *v) {
    int64_t width = job->phases[0].out_w;
    if (pitch == width && width == job->output_w) width *= rows, rows = 1;
    for (int64_t r = 0; r < rows; r++)
        convolution_store(job, image, channel, y + r, 0, values + r * pitch, (uint64_t)width, v);
}

/* Stores a block of gathered patches' results, run by run. */
static void convolution_store_block(const convolution_job *job, uint64_t group, const block *t, const float *c,
                                    evaluator *v) {
    int whole = job->output_step_h == 1 && job->output_step_w == 1;
    for (uint64_t i = 0; i < t->m; i++)
        for (uint64_t column = t->n0; column < t->n0 + t->n;) {
            pixels r = pixels_at(&job->phases[0], column, t->n0 + t->n);
            uint64_t size = (uint64_t)(job->phases[0].out_h * job->phases[0].out_w), in_image = size - column % size;
            uint64_t rest = t->n0 + t->n - column;
            uint64_t n = !whole ? (uint64_t)r.n : in_image < rest ? in_image : rest;
            convolution_store(job, r.image, group * (uint64_t)job->output_channels + t->m0 + i, r.y, r.x,
                              c + i * job->c.columns + (column - t->n0), n, v);
            column += n;
        }
}

/* A block of k of all patches of a group. */
static void convolution_gather(void *context, size_t index, int worker) {
    const convolution_job *job = context;
    uint64_t steps = (job->phases[0].k + DEPTH - 1) / DEPTH, group = index / steps, k = index % steps * DEPTH;
    uint64_t depth = job->phases[0].k - k < DEPTH ? job->phases[0].k - k : DEPTH;
    block all = {.m = job->c.m, .n = job->c.n};
    float *row = job->scratch + (size_t)worker * job->thread_scratch + cut_b(&job->c) + cut_c(&job->c);
    convolution_pack_image(job, group, &all, k, depth, row,
                           job->shared + group * gathered_panels(job) + k * up_to(job->c.n, TILE_N));
}

static void convolution_block(void *context, size_t index, int worker) {
    const convolution_job *job = context;
    const phase *p = &job->phases[0];
    uint64_t group = index / job->blocks;
    block t = cut_block(&job->c, index % job->blocks);
    float *b = job->scratch + (size_t)worker * job->thread_scratch, *c = b + cut_b(&job->c), *row = c + cut_c(&job->c);
    evaluator v = evaluator_make(job->call->instruction->expression, row + up_to(job->c.columns, 16));
    const float *weights = job->weights + group * packed_weights(job, p);
    uint64_t m = up_to((uint64_t)job->output_channels, TILE_M);
    if (p->k == 0) memset(c, 0, cut_c(&job->c) * sizeof(float));
    for (uint64_t k = 0; k < p->k; k += DEPTH) {
        uint64_t depth = p->k - k < DEPTH ? p->k - k : DEPTH;
        const float *panels = b;
        if (job->shares)
            panels = job->shared + group * gathered_panels(job) + k * up_to(job->c.n, TILE_N) + t.n0 * depth;
        else
            convolution_pack_image(job, group, &t, k, depth, row, b);
        multiply_panels(weights + m * k + t.m0 * depth, panels, t.m, t.n, depth, c, job->c.columns, k > 0);
    }
    convolution_store_block(job, group, &t, c, &v);
}

#include "kernels/convolution/band_vector.h"
#include "kernels/convolution/depthwise_vector.h"
#include "kernels/convolution/point_vector.h"
#include "kernels/convolution/winograd_vector.h"

static void step_pack(const convolution_job *job, const mf_pool *pool, float *packed) {
    weights_job to_pack = {job, &job->phases[0], packed};
    size_t panels = (size_t)(up_to((uint64_t)job->output_channels, TILE_M) / TILE_M);
    if (job->w.rows) {
        mf_parallel_for(pool, panels, winograd_pack_weights, &to_pack);
        return;
    }
    if (step_weights(job) == 0) return;
    for (int64_t i = 0; i < job->together; i++) {
        to_pack.p = &job->phases[i];
        mf_parallel_for(pool, (size_t)job->g.groups * panels, convolution_pack_weights, &to_pack);
        to_pack.packed += (uint64_t)job->g.groups * packed_weights(job, to_pack.p);
    }
}

static size_t convolution_packed(const mf_call *call) {
    convolution_job job = convolution_plan(call);
    uint64_t floats = 0;
    for (int64_t i = 0; i < step_count(&job); i++) {
        convolution_enter(&job, i);
        floats += step_weights(&job);
    }
    return floats * sizeof(float);
}

static void convolution_pack(const mf_call *call, const mf_pool *pool, void *packed) {
    convolution_job job = convolution_plan(call);
    float *to = packed;
    for (int64_t i = 0; i < step_count(&job); i++) {
        convolution_enter(&job, i);
        step_pack(&job, pool, to);
        to += step_weights(&job);
    }
}

static void convolution_run(const mf_call *call, const mf_pool *pool, void *scratch) {
    convolution_job job = convolution_plan(call);
    const float *packed = call->packed;
    for (int64_t i = 0; i < step_count(&job); i++) {
        convolution_enter(&job, i);
        uint64_t weights = step_weights(&job);
        job.scratch = scratch;
        if (packed) {
            job.weights = packed;
            packed += weights;
        } else {
            step_pack(&job, pool, job.scratch);
            job.weights = job.scratch;
            job.scratch += weights;
        }
        if (job.phases[0].out_h == 0 || job.phases[0].out_w == 0) continue;
        if (job.w.rows) {
            convolution_winograd(&job, pool);
            continue;
        }
        job.shared = job.scratch;
        job.scratch += shared_floats(&job);
        if (job.b.flat)
            mf_parallel_for(pool, (size_t)(job.g.batch * job.g.groups * job.image_channels), convolution_fill, &job);
        if (job.shares)
            mf_parallel_for(pool, (size_t)((uint64_t)job.g.groups * ((job.phases[0].k + DEPTH - 1) / DEPTH)),
                            convolution_gather, &job);
        size_t tasks = is_depthwise(&job) && job.b.rows ? depthwise_tasks(&job) : (size_t)job.g.groups * job.blocks;
        mf_parallel_for(pool, tasks,
                        job.p.columns        ? convolution_point
                        : !job.b.rows        ? convolution_block
                        : is_depthwise(&job) ? convolution_depthwise
                                             : convolution_band,
                        &job);
    }
}

static const mf_kernel vector_convolution = {
    .scratch = convolution_scratch, .run = convolution_run, .packed = convolution_packed, .pack = convolution_pack};
static const mf_kernel vector_convolution_input_gradient = {
    .scratch = convolution_scratch, .run = convolution_run, .packed = convolution_packed, .pack = convolution_pack};
