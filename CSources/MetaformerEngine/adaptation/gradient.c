#include "adaptation/gradient.h"

#include "adaptation/map_statistics.h"
#include "api/settings.h"
#include "support/error.h"
#include "support/memory.h"

#include <math.h>
#include <string.h>

/* What the model sees of a tile: planes of its input's size. response is NULL where there is no prior, and inside, of
   zeros and ones, where all tiles are inspected whole. */
typedef struct sample {
    float *image, *response, *inside;
} sample;

typedef struct trainer {
    mf_adaptation *a;
    mf_samples *samples;
    mf_variables *variables;
    mf_runner *prior, *gradient, *update;
    mf_inspection inspection;
    sample kept;   /* of all tiles, or of the last one */
    int cached;    /* whether all tiles are kept; else they are read anew whenever they are needed */
    int sums_loss; /* over the tiles of a step; else it is their mean */
    size_t micro;  /* images that the gradient program takes at once */
    sample batch;
    float *weights, *loss, *rate;
    mf_variable *mean, *gain; /* of the good frames' maps; NULL where the model does not ask for them */
    mf_map_statistics statistics;
    size_t *order, *queue; /* of frames; of tiles that are shown */
    size_t steps_done, steps_total;
    uint64_t random;
} trainer;

/* ---- Setting up -------------------------------------------------------------------------------------------------- */

static mf_status find_normality(trainer *t) {
    mf_adaptation *a = t->a;
    MF_TRY(mf_variables_add(t->variables, a, "normal.mean"));
    MF_TRY(mf_variables_add(t->variables, a, "normal.gain"));
    t->mean = mf_variables_find(t->variables, "normal.mean"), t->gain = mf_variables_find(t->variables, "normal.gain");
    size_t plane = t->samples->plane;
    if ((t->mean == NULL) != (t->gain == NULL) ||
        (t->mean && (t->mean->count != plane || t->gain->count != plane || !t->mean->start || !t->gain->start)))
        return mf_fail(a->error, MF_E_FORMAT,
                       "'normal.mean' and 'normal.gain' must both be there, a number a position");
    return MF_OK;
}

static mf_status prepare_training(trainer *t) {
    mf_adaptation *a = t->a;
    const mf_program *gradient = a->model->programs[MF_PROGRAM_GRADIENT];
    size_t image = t->samples->image, plane = t->samples->plane;
    int failed = 0, prior = mf_program_find(gradient, "response") != NULL,
        masks = mf_program_find(gradient, "mask") != NULL;
    if (t->samples->masked && !masks)
        return mf_fail(a->error, MF_E_STATE,
                       "this model cannot be adapted with masks or padding: its gradient program takes no 'mask'");
    t->micro = mf_program_find(gradient, "weight")->count;
    t->batch.image = mf_adaptation_allocate(a, t->micro * image, sizeof(float), &failed);
    if (prior) t->batch.response = mf_adaptation_allocate(a, t->micro * plane, sizeof(float), &failed);
    if (masks) t->batch.inside = mf_adaptation_allocate(a, t->micro * plane, sizeof(float), &failed);
    t->weights = mf_adaptation_allocate(a, t->micro, sizeof(float), &failed);
    t->loss = mf_adaptation_allocate(a, 1, sizeof(float), &failed);
    t->rate = mf_adaptation_allocate(a, 1, sizeof(float), &failed);
    t->order = mf_adaptation_allocate(a, t->samples->count, sizeof *t->order, &failed);
    t->queue = mf_adaptation_allocate(a, t->samples->first_tile[t->samples->count], sizeof *t->queue, &failed);
    if (failed) return mf_fail(a->error, MF_E_NOMEM, "no memory to adapt with");
    for (size_t i = 0; masks && i < t->micro * plane; i++) t->batch.inside[i] = 1;
    if (prior) MF_TRY(mf_variables_run(t->variables, a, MF_PROGRAM_PRIOR, &t->prior));
    MF_TRY(mf_variables_run(t->variables, a, MF_PROGRAM_GRADIENT, &t->gradient));
    MF_TRY(mf_variables_run(t->variables, a, MF_PROGRAM_UPDATE, &t->update));
    MF_TRY(mf_runner_bind(t->gradient, "image", t->batch.image, t->micro * image, a->error));
    MF_TRY(mf_runner_bind(t->gradient, "weight", t->weights, t->micro, a->error));
    MF_TRY(mf_runner_bind(t->gradient, "loss", t->loss, 1, a->error));
    if (prior) MF_TRY(mf_runner_bind(t->gradient, "response", t->batch.response, t->micro * plane, a->error));
    if (masks) MF_TRY(mf_runner_bind(t->gradient, "mask", t->batch.inside, t->micro * plane, a->error));
    return mf_runner_bind(t->update, "learning_rate", t->rate, 1, a->error);
}

static sample kept_at(const trainer *t, size_t index) {
    const sample *all = &t->kept;
    return (sample){all->image + index * t->samples->image,
                    all->response ? all->response + index * t->samples->plane : NULL,
                    all->inside ? all->inside + index * t->samples->plane : NULL};
}

/* Reads a tile; the prior, which is frozen, responds to it. */
static mf_status read_tile(trainer *t, size_t tile, const sample *to) {
    MF_TRY(mf_samples_read(t->samples, &t->samples->tiles[tile], to->image, to->inside));
    if (!to->response) return MF_OK;
    MF_TRY(mf_runner_bind(t->prior, "image", to->image, t->samples->image, t->a->error));
    MF_TRY(mf_runner_bind(t->prior, "response", to->response, t->samples->plane, t->a->error));
    return mf_runner_run(t->prior, t->a->error);
}

/* What the model sees of a tile: until the next call, where tiles are not cached. */
static mf_status see(trainer *t, size_t tile, sample *out_sample) {
    *out_sample = kept_at(t, t->cached ? tile : 0);
    return t->cached ? MF_OK : read_tile(t, tile, out_sample);
}

/* Reads all tiles that are to be kept, or makes room for one. */
static mf_status read_frames(trainer *t) {
    mf_adaptation *a = t->a;
    const mf_samples *s = t->samples;
    size_t all = s->first_tile[s->count], floats = s->image + (t->prior ? s->plane : 0) + (s->masked ? s->plane : 0);
    t->cached = all <= a->options.cache_bytes / sizeof(float) / floats;
    size_t room = t->cached ? all : 1;
    int failed = 0;
    t->kept.image = mf_adaptation_allocate(a, room * s->image, sizeof(float), &failed);
    if (t->prior) t->kept.response = mf_adaptation_allocate(a, room * s->plane, sizeof(float), &failed);
    if (s->masked) t->kept.inside = mf_adaptation_allocate(a, room * s->plane, sizeof(float), &failed);
    if (failed) return mf_fail(a->error, MF_E_NOMEM, "no memory for %zu tiles of %zu frames", room, s->count);
    for (size_t i = 0; i < s->count; i++) {
        for (size_t k = s->first_tile[i]; t->cached && k < s->first_tile[i + 1]; k++) {
            sample to = kept_at(t, k);
            MF_TRY(read_tile(t, k, &to));
        }
        MF_TRY(mf_adaptation_report(a, "reading", i + 1, s->count, 0));
    }
    return MF_OK;
}

static mf_status prepare(trainer *t) {
    mf_adaptation *a = t->a;
    MF_TRY(mf_model_choice(a->model, MF_KEY_adapt_loss, &t->sums_loss, a->error));
    MF_TRY(mf_samples_lay_out(t->samples));
    MF_TRY(mf_map_statistics_prepare(&t->statistics, a, t->samples->plane));
    MF_TRY(find_normality(t));
    mf_runner *inspect = NULL;
    MF_TRY(mf_variables_run(t->variables, a, MF_PROGRAM_INSPECT, &inspect));
    MF_TRY(mf_inspection_prepare(&t->inspection, a->model, a->options.framing, inspect, &a->pool, t->samples->widest,
                                 a->error));
    MF_TRY(prepare_training(t));
    return read_frames(t);
}

static void end(trainer *t) {
    const mf_allocator *allocator = t->a->allocator;
    mf_runner_release(t->prior), mf_runner_release(t->gradient), mf_runner_release(t->update);
    mf_inspection_release(&t->inspection);
    mf_map_statistics_release(&t->statistics, t->a);
    void *parts[] = {t->kept.image,     t->kept.response, t->kept.inside, t->batch.image,
                     t->batch.response, t->batch.inside,  t->weights,     t->loss,
                     t->rate,           t->order,         t->queue};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) mf_free(allocator, parts[i]);
}

/* ---- Steps ------------------------------------------------------------------------------------------------------- */

/* Puts a tile into place of the micro-batch, shifted and flipped at random where the options allow it. */
static mf_status place_tile(trainer *t, size_t tile, size_t place) {
    const mf_samples *s = t->samples;
    int64_t down = 0, right = 0, reach = t->a->options.shift;
    int flip = 0;
    if (reach) {
        down = (int64_t)mf_random_below(&t->random, (size_t)(2 * reach + 1)) - reach;
        right = (int64_t)mf_random_below(&t->random, (size_t)(2 * reach + 1)) - reach;
    }
    if (t->a->options.flips) flip = (int)mf_random_below(&t->random, 2);
    sample from;
    MF_TRY(see(t, tile, &from));
    size_t channels = (size_t)t->a->model->channels;
    mf_samples_move(s, from.image, channels, down, right, flip, t->batch.image + place * s->image);
    if (from.response) mf_samples_move(s, from.response, 1, down, right, flip, t->batch.response + place * s->plane);
    if (from.inside) mf_samples_move(s, from.inside, 1, down, right, flip, t->batch.inside + place * s->plane);
    return MF_OK;
}

/* One step on tiles queue[from … from + n - 1]: their mean or summed loss where they are inspected, by accumulated
   micro-batches. */
static mf_status take_step(trainer *t, size_t from, size_t n, float *out_loss) {
    *out_loss = 0;
    for (size_t at = 0; at < n; at += t->micro) {
        for (size_t place = 0; place < t->micro; place++) {
            t->weights[place] = 0;
            if (at + place >= n) continue;
            size_t tile = t->queue[from + at + place];
            MF_TRY(place_tile(t, tile, place));
            t->weights[place] = (t->sums_loss ? 1.0f : 1.0f / (float)n) / t->samples->tiles[tile].coverage;
        }
        MF_TRY(mf_runner_run(t->gradient, t->a->error));
        *out_loss += *t->loss;
    }
    if (!isfinite(*out_loss))
        return mf_fail(t->a->error, MF_E_STATE, "the loss is not finite: take a lower learning rate than %g",
                       (double)t->a->options.learning_rate);
    *t->rate = t->a->options.learning_rate;
    return mf_runner_run(t->update, t->a->error);
}

/* Measures the maps of the first n tiles of the queue: what is normal at each position. */
static mf_status measure_normality(trainer *t, size_t n) {
    if (!t->mean) return MF_OK;
    size_t plane = t->samples->plane;
    for (size_t i = 0; i < plane; i++) t->mean->values[i] = 0, t->gain->values[i] = 1;
    mf_map_statistics_start(&t->statistics);
    for (size_t i = 0; i < n; i++) {
        sample from;
        MF_TRY(see(t, t->queue[i], &from));
        memcpy(t->inspection.image, from.image, t->samples->image * sizeof(float));
        MF_TRY(mf_runner_run(t->inspection.runner, t->a->error));
        mf_map_statistics_add(&t->statistics, t->inspection.map, from.inside);
    }
    return mf_map_statistics_finish(&t->statistics, t->mean->values, t->gain->values, t->a->error);
}

/* The number of tiles of the first n frames of the order. */
static size_t tiles_of(const trainer *t, size_t n) {
    size_t tiles = 0;
    const size_t *first = t->samples->first_tile;
    for (size_t i = 0; i < n; i++) tiles += first[t->order[i] + 1] - first[t->order[i]];
    return tiles;
}

static size_t batch_of(const trainer *t, size_t tiles) {
    return (size_t)t->a->options.batch < tiles ? (size_t)t->a->options.batch : tiles;
}

static size_t steps_of(const trainer *t, size_t n) {
    size_t tiles = tiles_of(t, n), batch = batch_of(t, tiles);
    return (size_t)t->a->options.epochs * ((tiles + batch - 1) / batch);
}

/* From the model's own parameters, all epochs over the tiles of the first n frames of the order. */
static mf_status train(trainer *t, size_t n) {
    size_t tiles = 0;
    const size_t *first = t->samples->first_tile;
    for (size_t i = 0; i < n; i++)
        for (size_t k = first[t->order[i]]; k < first[t->order[i] + 1]; k++) t->queue[tiles++] = k;
    mf_variables_reset(t->variables);
    t->random = t->a->options.seed;
    size_t batch = batch_of(t, tiles);
    for (int32_t epoch = 0; epoch < t->a->options.epochs; epoch++) {
        mf_random_shuffle(&t->random, t->queue, tiles);
        for (size_t from = 0; from < tiles; from += batch) {
            float loss;
            MF_TRY(take_step(t, from, tiles - from < batch ? tiles - from : batch, &loss));
            MF_TRY(mf_adaptation_report(t->a, "adapting", ++t->steps_done, t->steps_total, loss));
        }
    }
    return measure_normality(t, tiles);
}

/* ---- Holding out ------------------------------------------------------------------------------------------------- */

/* The order of a fold, whose held-out frames are its last; of all frames where there is no such fold. */
static mf_status deal(trainer *t, size_t fold, size_t *out_held) {
    size_t count = t->samples->count;
    *out_held = 0;
    if (fold < mf_hold_out_folds(count))
        return mf_hold_out_fold(t->a->options.seed, count, fold, t->order, out_held, NULL, t->a->error);
    mf_fold_deal(t->a->options.seed, count, 0, 0, t->order);
    return MF_OK;
}

/* Trains without the held-out frames of a fold, and scores these, with defects in some images; or trains on all frames. */
static mf_status train_fold(trainer *t, size_t fold, mf_held_out *held_out) {
    size_t folds = mf_hold_out_folds(t->samples->count), held;
    MF_TRY(deal(t, fold, &held));
    size_t kept = t->samples->count - held;
    MF_TRY(train(t, kept));
    if (fold >= folds) return MF_OK;
    size_t painted = mf_share(MF_SYNTHETIC_IMAGES, folds, fold + 1) - mf_share(MF_SYNTHETIC_IMAGES, folds, fold);
    return mf_held_out_score(held_out, &t->inspection, t->samples, NULL, t->order + kept, held, painted, 1);
}

/* Of many frames, those that are held out are never trained on. Few are needed: each is held out from a model of its own,
   and then all are trained on. */
static mf_status adapt(trainer *t, mf_held_out *held_out) {
    size_t count = t->samples->count, folds = mf_hold_out_folds(count), trainings = folds == 1 ? 1 : folds + 1, held;
    held_out->from = folds == 1 ? "held-out images" : folds ? "cross-validation" : "shifted copies of one image";
    for (size_t fold = 0; fold < trainings; fold++) {
        MF_TRY(deal(t, fold, &held));
        t->steps_total += steps_of(t, count - held);
    }
    for (size_t fold = 0; fold < trainings; fold++) MF_TRY(train_fold(t, fold, held_out));
    return folds ? MF_OK : mf_held_out_score_shifted(held_out, &t->inspection, t->samples);
}

mf_status mf_gradient_adapt(mf_adaptation *a, mf_samples *samples, mf_variables *variables, mf_held_out *held_out,
                            mf_range *range) {
    trainer t = {.a = a, .samples = samples, .variables = variables};
    mf_status status = prepare(&t);
    if (status == MF_OK) status = adapt(&t, held_out);
    if (status == MF_OK) status = mf_range_measure(range, samples);
    end(&t);
    return status;
}
