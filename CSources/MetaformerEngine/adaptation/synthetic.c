#include "adaptation/synthetic.h"

#include "adaptation/hold_out.h"
#include "api/settings.h"
#include "image/score.h"
#include "support/error.h"
#include "support/memory.h"

#include <math.h>
#include <string.h>

/* Cells of the model's input: where one defect lies, and what its map is taken of. */
typedef struct window {
    int64_t top, left, height, width;
} window;

/* Where a defect is painted, and with what. */
typedef struct canvas {
    const float *clean; /* planes of the tile as it is */
    float *image;       /* and with the defects */
    int64_t height, width, channels;
    uint64_t random;
} canvas;

typedef struct trial {
    mf_inspection *inspection;
    mf_samples *samples;
    canvas canvas;
    float *image, *map, *mixed, *inside;
    void *bins[MF_SYNTHETIC_KINDS];
    mf_score scores[MF_SYNTHETIC_KINDS];
} trial;

/* ---- Painting ---------------------------------------------------------------------------------------------------- */

static double uniform(canvas *c, double low, double high) {
    return low + (high - low) * (double)mf_random_below(&c->random, 1U << 24) / (double)(1U << 24);
}

static double sign(canvas *c) {
    return mf_random_below(&c->random, 2) ? 1 : -1;
}

/* Lets colour cover a pixel by opacity, 0 to 1. */
static void cover(canvas *c, int64_t y, int64_t x, double opacity, const double *colour) {
    int64_t plane = c->height * c->width;
    for (int64_t k = 0; k < c->channels; k++) {
        float *p = c->image + k * plane + y * c->width + x;
        *p = (float)fmin(fmax((1 - opacity) * (double)*p + opacity * colour[k], 0), 1);
    }
}

static void colour_at(const canvas *c, int64_t y, int64_t x, double change, double *colour) {
    int64_t plane = c->height * c->width;
    for (int64_t k = 0; k < c->channels; k++) colour[k] = (double)c->clean[k * plane + y * c->width + x] + change;
}

/* Falls from 1 to 0 over a pixel at each side of an edge, from the distance inside of it. */
static double edge(double inside) {
    return fmin(fmax(inside + 0.5, 0), 1);
}

/* How far a colour is from the one that it covers, at most over the channels. */
static double difference(const canvas *c, int64_t y, int64_t x, int64_t from_y, int64_t from_x) {
    double here[4], there[4], most = 0;
    colour_at(c, y, x, 0, here), colour_at(c, from_y, from_x, 0, there);
    for (int64_t k = 0; k < c->channels; k++) most = fmax(most, fabs(here[k] - there[k]));
    return most;
}

/* The place, of some, whose surroundings differ most from those that they are to cover. */
static void find_source(canvas *c, int64_t y, int64_t x, int64_t reach, int64_t *out_y, int64_t *out_x) {
    double best = -1;
    for (int t = 0; t < 8; t++) {
        int64_t v = reach + (int64_t)mf_random_below(&c->random, (size_t)(c->height - 2 * reach));
        int64_t u = reach + (int64_t)mf_random_below(&c->random, (size_t)(c->width - 2 * reach));
        double sum = 0;
        for (int64_t i = -2; i <= 2; i++)
            for (int64_t k = -2; k <= 2; k++)
                sum += difference(c, y + i * reach / 3, x + k * reach / 3, v + i * reach / 3, u + k * reach / 3);
        if (sum > best) best = sum, *out_y = v, *out_x = u;
    }
}

/* A defect about (y, x) that reaches no further than reach from it. */
static void paint(canvas *c, mf_synthetic_kind kind, int64_t y, int64_t x, int64_t reach) {
    double r = (double)reach, angle = uniform(c, 0, 3.14159265358979), across = cos(angle), down = sin(angle);
    double ratio = uniform(c, 0.5, 1), change = sign(c) * uniform(c, 0.12, 0.4), thickness = fmax(r * 0.04, 0.7);
    double opacity = kind == MF_SYNTHETIC_BLOTCH ? uniform(c, 0.5, 0.9) : 1, colour[4];
    int64_t from_y = y, from_x = x;
    if (kind == MF_SYNTHETIC_PATCH) find_source(c, y, x, reach, &from_y, &from_x);
    if (kind == MF_SYNTHETIC_BLOTCH) colour_at(c, y, x, change, colour);
    for (int64_t i = -reach; i <= reach; i++)
        for (int64_t k = -reach; k <= reach; k++) {
            double along = across * (double)k + down * (double)i, beside = across * (double)i - down * (double)k;
            double inside = kind == MF_SYNTHETIC_SCRATCH
                                ? fmin(thickness - fabs(beside), r - fabs(along))
                                : (1 - sqrt(along * along + beside * beside / (ratio * ratio)) / r) * r * ratio;
            double cover_by = opacity * edge(kind == MF_SYNTHETIC_BLOTCH ? inside / (0.3 * r) - 0.5 : inside);
            if (cover_by <= 0) continue;
            if (kind != MF_SYNTHETIC_BLOTCH)
                colour_at(c, from_y + i, from_x + k, kind == MF_SYNTHETIC_SCRATCH ? change : 0, colour);
            cover(c, y + i, x + k, cover_by, colour);
        }
}

/* A place in the window that is inspected, at least reach from its edges; whether there is one. */
static int find_place(canvas *c, const window *w, const float *inside, int64_t reach, int64_t *out_y, int64_t *out_x) {
    for (int t = 0; t < 16; t++) {
        *out_y = w->top + reach + (int64_t)mf_random_below(&c->random, (size_t)(w->height - 2 * reach));
        *out_x = w->left + reach + (int64_t)mf_random_below(&c->random, (size_t)(w->width - 2 * reach));
        if (inside[*out_y * c->width + *out_x] > 0) return 1;
    }
    return 0;
}

/* ---- Inspecting -------------------------------------------------------------------------------------------------- */

static window quarter(const canvas *c, int number) {
    int64_t height = c->height / 2, width = c->width / 2;
    return (window){(number >> 1) * height, (number & 1) * width, height, width};
}

/* The map of the tile: with the defects in one window, and without them elsewhere. */
static void mix(trial *t, const window *w) {
    memcpy(t->mixed, t->map, t->samples->plane * sizeof(float));
    for (int64_t y = w->top; y < w->top + w->height; y++) {
        size_t at = (size_t)(y * t->canvas.width + w->left);
        memcpy(t->mixed + at, t->inspection->map + at, (size_t)w->width * sizeof(float));
    }
}

static mf_status run(trial *t, const float *image) {
    memcpy(t->inspection->image, image, t->samples->image * sizeof(float));
    return mf_runner_run(t->inspection->runner, t->samples->adaptation->error);
}

static mf_status map_of_clean(trial *t) {
    MF_TRY(run(t, t->image));
    memcpy(t->map, t->inspection->map, t->samples->plane * sizeof(float));
    return MF_OK;
}

/* A defect of each kind in a tile: adds the tile's map with each of them alone to that kind's score. */
static mf_status paint_tile(trial *t, unsigned *out_painted) {
    canvas *c = &t->canvas;
    memcpy(c->image, c->clean, t->samples->image * sizeof(float));
    int64_t side = c->height < c->width ? c->height : c->width;
    int turn = (int)mf_random_below(&c->random, 4);
    window windows[MF_SYNTHETIC_KINDS];
    *out_painted = 0;
    for (int kind = 0; kind < MF_SYNTHETIC_KINDS; kind++) {
        windows[kind] = quarter(c, (kind + turn) % 4);
        int64_t reach = (int64_t)(uniform(c, 0.04, 0.12) * (double)side), y, x;
        if (reach < 2 || !find_place(c, &windows[kind], t->inside, reach, &y, &x)) continue;
        paint(c, (mf_synthetic_kind)kind, y, x, reach);
        *out_painted |= 1U << kind;
    }
    MF_TRY(run(t, c->image));
    for (int kind = 0; kind < MF_SYNTHETIC_KINDS; kind++) {
        mix(t, &windows[kind]);
        mf_score_add(&t->scores[kind], t->mixed, t->samples->grid, t->samples->plane);
    }
    return MF_OK;
}

/* Inspects the opened frame with the defects in its tile number painted. */
static mf_status inspect(trial *t, int32_t painted_tile, unsigned *out_painted) {
    mf_samples *s = t->samples;
    for (int kind = 0; kind < MF_SYNTHETIC_KINDS; kind++)
        mf_score_start(&t->scores[kind], s->adaptation->model->score_share, t->bins[kind]);
    for (int32_t at = 0; at < mf_samples_tiles(s); at++) {
        mf_sample tile;
        if (!mf_samples_tile(s, at, &tile)) continue;
        MF_TRY(mf_samples_read(s, &tile, t->image, t->inside));
        if (mf_samples_tiles(s) > 1) MF_TRY(map_of_clean(t));
        if (at == painted_tile) {
            MF_TRY(paint_tile(t, out_painted));
            continue;
        }
        for (int kind = 0; kind < MF_SYNTHETIC_KINDS; kind++) mf_score_add(&t->scores[kind], t->map, s->grid, s->plane);
    }
    return MF_OK;
}

/* A tile of the opened frame that shows something inspected, drawn at random; -1 where there is none. */
static int32_t choose_tile(trial *t) {
    int32_t count = mf_samples_tiles(t->samples);
    int32_t first = (int32_t)mf_random_below(&t->canvas.random, (size_t)count);
    for (int32_t i = 0; i < count; i++) {
        mf_sample tile;
        if (mf_samples_tile(t->samples, (first + i) % count, &tile)) return (first + i) % count;
    }
    return -1;
}

static mf_status prepare(trial *t) {
    const mf_adaptation *a = t->samples->adaptation;
    int failed = 0;
    t->image = mf_adaptation_allocate(a, t->samples->image, sizeof(float), &failed);
    t->canvas.image = mf_adaptation_allocate(a, t->samples->image, sizeof(float), &failed);
    t->map = mf_adaptation_allocate(a, t->samples->plane, sizeof(float), &failed);
    t->mixed = mf_adaptation_allocate(a, t->samples->plane, sizeof(float), &failed);
    t->inside = mf_adaptation_allocate(a, t->samples->plane, sizeof(float), &failed);
    for (int kind = 0; kind < MF_SYNTHETIC_KINDS; kind++)
        t->bins[kind] = mf_adaptation_allocate(a, mf_score_bytes(), 1, &failed);
    t->canvas.clean = t->image;
    return failed ? mf_fail(a->error, MF_E_NOMEM, "no memory to paint defects into frames") : MF_OK;
}

static void end(trial *t) {
    const mf_allocator *a = t->samples->adaptation->allocator;
    mf_free(a, t->image), mf_free(a, t->canvas.image), mf_free(a, t->map), mf_free(a, t->mixed), mf_free(a, t->inside);
    for (int kind = 0; kind < MF_SYNTHETIC_KINDS; kind++) mf_free(a, t->bins[kind]);
}

static mf_status add_one(mf_synthetic *s, trial *t, float scale) {
    unsigned painted = 0;
    int32_t tile = choose_tile(t);
    if (tile < 0) return MF_OK;
    MF_TRY(inspect(t, tile, &painted));
    for (int kind = 0; kind < MF_SYNTHETIC_KINDS; kind++)
        if (painted >> kind & 1) s->scores[kind][s->count[kind]++] = scale * mf_score_finish(&t->scores[kind]);
    s->images++;
    return MF_OK;
}

mf_status mf_synthetic_add(mf_synthetic *s, mf_inspection *inspection, mf_samples *samples, size_t frame, size_t most,
                           float scale) {
    const mf_model *model = samples->adaptation->model;
    trial t = {.inspection = inspection,
               .samples = samples,
               .canvas = {.height = model->height,
                          .width = model->width,
                          .channels = model->channels,
                          .random = samples->adaptation->options.seed ^ (frame + 1) * 0x9e3779b97f4a7c15ULL}};
    if (most == 0 || s->images == MF_SYNTHETIC_IMAGES) return MF_OK;
    MF_TRY(mf_samples_open(samples, frame));
    mf_status status = prepare(&t);
    /* Of a frame that is one tile the inspection has its map still. */
    if (status == MF_OK) memcpy(t.map, inspection->map, samples->plane * sizeof(float));
    for (size_t i = 0; status == MF_OK && i < most && s->images < MF_SYNTHETIC_IMAGES; i++)
        status = add_one(s, &t, scale);
    end(&t);
    return status;
}

/* ---- The report -------------------------------------------------------------------------------------------------- */

mf_status mf_synthetic_record(const mf_synthetic *s, mf_model *adapted, mf_error *error) {
    static const char *const keys[MF_SYNTHETIC_KINDS] = {"synthetic.patch", "synthetic.scratch", "synthetic.blotch"};
    size_t found = 0, count = 0;
    for (int kind = 0; kind < MF_SYNTHETIC_KINDS; kind++) {
        size_t own = 0;
        for (size_t i = 0; i < s->count[kind]; i++) own += s->scores[kind][i] > adapted->threshold;
        if (s->count[kind]) MF_TRY(mf_model_set_number(adapted, keys[kind], (float)own / (float)s->count[kind], error));
        found += own, count += s->count[kind];
    }
    if (!count) return MF_OK;
    MF_TRY(mf_model_set_number(adapted, "synthetic.found", (float)found / (float)count, error));
    MF_TRY(mf_model_set_number(adapted, "synthetic.count", (float)count, error));
    if (2 * found < count)
        mf_log_write(&adapted->logger, MF_LOG_WARNING,
                     "only %zu of %zu synthetic defects are found: adapt to more frames, tile them or take a larger "
                     "input, or mask what varies from one to the next",
                     found, count);
    return MF_OK;
}
