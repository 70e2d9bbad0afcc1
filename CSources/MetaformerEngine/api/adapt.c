/* Teaching: tunes a model on good frames by its own gradient and update programs, and sets its threshold. */
#include "api/lesson.h"
#include "api/settings.h"
#include "api/threshold.h"
#include "image/score.h"
#include "support/abi.h"
#include "support/error.h"
#include "support/memory.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_FRAMES = 1000000, HOLD_OUT_FROM = 30, HOLD_OUT_LEAST = 10, FOLDS = 3, VIEWS = 8 };

/* SplitMix64 (Steele, Lea, Flood 2014). */
static uint64_t next_random(mf_lesson *l) {
    uint64_t z = l->random += 0x9e3779b97f4a7c15ULL;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
    return z ^ z >> 31;
}

/* A number below bound; its bias of less than bound / 2^32 does not matter here. */
static size_t random_below(mf_lesson *l, size_t bound) {
    return (size_t)(((next_random(l) >> 32) * (uint64_t)bound) >> 32);
}

/* ---- Training ---------------------------------------------------------------------------------------------------- */

static void start_over(mf_lesson *l) {
    for (size_t i = 0; i < l->state_count; i++) {
        if (l->states[i].start)
            memcpy(l->states[i].values, l->states[i].start, l->states[i].count * sizeof(float));
        else
            memset(l->states[i].values, 0, l->states[i].count * sizeof(float));
    }
    l->random = l->options.seed;
}

/* A row or column of an image that was moved by shift, with its edges mirrored, and turned round where flip is set. */
static int64_t source_index(int64_t i, int64_t n, int64_t shift, int flip) {
    int64_t from = (flip ? n - 1 - i : i) - shift;
    return from < 0 ? -from : from >= n ? 2 * (n - 1) - from : from;
}

static void copy_view(const mf_lesson *l, const float *from, size_t planes, int64_t down, int64_t right, int flip,
                      float *to) {
    int64_t height = l->model->height, width = l->model->width;
    for (size_t p = 0; p < planes; p++)
        for (int64_t y = 0; y < height; y++) {
            const float *row = from + p * l->plane + (size_t)(source_index(y, height, down, 0) * width);
            float *out = to + p * l->plane + (size_t)(y * width);
            if (right == 0 && !flip)
                memcpy(out, row, (size_t)width * sizeof(float));
            else
                for (int64_t x = 0; x < width; x++) out[x] = row[source_index(x, width, right, flip)];
        }
}

/* Puts a view into place of the micro-batch, shifted and flipped at random where the options allow it. */
static mf_status place_view(mf_lesson *l, size_t sight, size_t place) {
    int64_t down = 0, right = 0, reach = l->options.shift;
    int flip = 0;
    if (reach) {
        down = (int64_t)random_below(l, (size_t)(2 * reach + 1)) - reach;
        right = (int64_t)random_below(l, (size_t)(2 * reach + 1)) - reach;
    }
    if (l->options.flips) flip = (int)random_below(l, 2);
    mf_seen seen;
    MF_TRY(mf_lesson_see(l, sight, &seen));
    copy_view(l, seen.image, (size_t)l->model->channels, down, right, flip, l->batch + place * l->image);
    if (seen.response) copy_view(l, seen.response, 1, down, right, flip, l->batch_response + place * l->plane);
    if (seen.inside) copy_view(l, seen.inside, 1, down, right, flip, l->batch_inside + place * l->plane);
    return MF_OK;
}

/* One step on views queue[from … from + n - 1]: their mean or summed loss where they are inspected, by accumulated
   micro-batches. */
static mf_status take_step(mf_lesson *l, size_t from, size_t n, float *out_loss) {
    *out_loss = 0;
    for (size_t at = 0; at < n; at += l->micro) {
        for (size_t place = 0; place < l->micro; place++) {
            l->weights[place] = 0;
            if (at + place >= n) continue;
            size_t sight = l->queue[from + at + place];
            MF_TRY(place_view(l, sight, place));
            l->weights[place] = (l->sums_loss ? 1.0f : 1.0f / (float)n) / l->sights[sight].coverage;
        }
        MF_TRY(mf_runner_run(l->gradient, l->error));
        *out_loss += *l->loss;
    }
    if (!isfinite(*out_loss))
        return mf_fail(l->error, MF_E_STATE, "the loss is not finite: take a lower learning rate than %g",
                       (double)l->options.learning_rate);
    *l->rate = l->options.learning_rate;
    return mf_runner_run(l->update, l->error);
}

/* The map of a view, and what the model saw of it. */
static mf_status map_view(mf_lesson *l, size_t sight, mf_seen *out_seen) {
    MF_TRY(mf_lesson_see(l, sight, out_seen));
    memcpy(l->inspection.image, out_seen->image, l->image * sizeof(float));
    return mf_runner_run(l->inspection.runner, l->error);
}

/* Adds up the maps of the first n views of the queue, where they are inspected. */
static mf_status sum_maps(mf_lesson *l, size_t n) {
    memset(l->sum, 0, l->plane * sizeof *l->sum);
    memset(l->squares, 0, l->plane * sizeof *l->squares);
    memset(l->sights_at, 0, l->plane * sizeof *l->sights_at);
    const float *map = l->inspection.map;
    for (size_t i = 0; i < n; i++) {
        mf_seen seen;
        MF_TRY(map_view(l, l->queue[i], &seen));
        for (size_t k = 0; k < l->plane; k++) {
            if (seen.inside && seen.inside[k] == 0) continue;
            l->sum[k] += (double)map[k];
            l->squares[k] += (double)map[k] * (double)map[k];
            l->sights_at[k]++;
        }
    }
    return MF_OK;
}

/* Measures the maps of the first n views of the queue: what is normal at each position. */
static mf_status measure_normality(mf_lesson *l, size_t n) {
    if (!l->mean) return MF_OK;
    for (size_t i = 0; i < l->plane; i++) l->mean->values[i] = 0, l->gain->values[i] = 1;
    MF_TRY(sum_maps(l, n));
    size_t known = 0;
    for (size_t k = 0; k < l->plane; k++) known += l->sights_at[k] > 0;
    double level = 0, average = 0, variance = 0;
    for (size_t k = 0; k < l->plane; k++) {
        if (l->sights_at[k] == 0) continue;
        double mean = l->sum[k] / l->sights_at[k];
        l->squares[k] = fmax(l->squares[k] / l->sights_at[k] - mean * mean, 0);
        l->mean->values[k] = (float)mean;
        level += fabs(mean) / (double)known;
        average += mean / (double)known;
        variance += l->squares[k] / (double)known;
    }
    /* A floor, since a few images say little of the spread at one position, and a single one nothing. */
    double lowest = 0.5 * sqrt(variance) + 0.05 * level + 1e-9;
    for (size_t k = 0; k < l->plane; k++) {
        /* Where nothing was inspected, what is normal elsewhere. */
        if (l->sights_at[k] == 0) l->mean->values[k] = (float)average, l->squares[k] = variance;
        l->gain->values[k] = (float)(1 / (sqrt(l->squares[k]) + lowest));
    }
    return MF_OK;
}

/* The number of views of the first n frames of the order. */
static size_t views_of(const mf_lesson *l, size_t n) {
    size_t views = 0;
    for (size_t i = 0; i < n; i++) views += l->first_sight[l->order[i] + 1] - l->first_sight[l->order[i]];
    return views;
}

static size_t batch_of(const mf_lesson *l, size_t views) {
    return (size_t)l->options.batch < views ? (size_t)l->options.batch : views;
}

static size_t steps_of(const mf_lesson *l, size_t n) {
    size_t views = views_of(l, n), batch = batch_of(l, views);
    return (size_t)l->options.epochs * ((views + batch - 1) / batch);
}

static void shuffle(mf_lesson *l, size_t *items, size_t count) {
    for (size_t i = count; i > 1; i--) {
        size_t other = random_below(l, i), swap = items[i - 1];
        items[i - 1] = items[other];
        items[other] = swap;
    }
}

/* From the model's own parameters, all epochs over the views of the first n frames of the order. */
static mf_status train(mf_lesson *l, size_t n) {
    size_t views = 0;
    for (size_t i = 0; i < n; i++)
        for (size_t k = l->first_sight[l->order[i]]; k < l->first_sight[l->order[i] + 1]; k++) l->queue[views++] = k;
    start_over(l);
    size_t batch = batch_of(l, views);
    for (int32_t epoch = 0; epoch < l->options.epochs; epoch++) {
        shuffle(l, l->queue, views);
        for (size_t from = 0; from < views; from += batch) {
            float loss;
            MF_TRY(take_step(l, from, views - from < batch ? views - from : batch, &loss));
            MF_TRY(mf_lesson_report(l, "adapting", ++l->steps_done, l->steps_total, loss));
        }
    }
    return measure_normality(l, views);
}

/* ---- Threshold --------------------------------------------------------------------------------------------------- */

/* The scores of n frames of the order, as an inspection gives them. */
static mf_status score_frames(mf_lesson *l, size_t from, size_t n, float *scores) {
    for (size_t i = 0; i < n; i++) {
        mf_result result;
        size_t index = l->order[from + i];
        mf_image frame = mf_image_at(l->frames, index);
        mf_mask mask;
        MF_TRY(mf_inspection_run(&l->inspection, &frame, mf_lesson_mask(l, index, &mask), NULL, INFINITY, &result,
                                 l->error));
        scores[i] = result.score;
    }
    return MF_OK;
}

/* A single frame: nothing can be held out, so it is scored from where it was not seen: shifted by eight pixels. */
static mf_status score_shifted(mf_lesson *l, float *scores) {
    static const int64_t down[VIEWS] = {-8, -8, -8, 0, 0, 8, 8, 8}, right[VIEWS] = {-8, 0, 8, -8, 8, -8, 0, 8};
    for (size_t i = 0; i < VIEWS; i++) {
        mf_score score;
        mf_score_start(&score, l->model->score_share, l->inspection.bins);
        for (size_t k = 0; k < l->first_sight[1]; k++) {
            mf_seen seen;
            MF_TRY(mf_lesson_see(l, k, &seen));
            copy_view(l, seen.image, (size_t)l->model->channels, down[i], right[i], 0, l->inspection.image);
            MF_TRY(mf_runner_run(l->inspection.runner, l->error));
            for (size_t c = 0; c < l->plane; c++)
                if (!seen.inside || seen.inside[c] != 0) mf_score_add(&score, l->inspection.map + c, NULL, 1);
        }
        scores[i] = mf_score_finish(&score);
    }
    return MF_OK;
}

/* Frames 0 … count - 1 in a random order, with the first held places at its end. */
static void deal(mf_lesson *l, size_t first, size_t held) {
    l->random = l->options.seed ^ 0x5851f42d4c957f2dULL;
    for (size_t i = 0; i < l->count; i++) l->order[i] = i;
    shuffle(l, l->order, l->count);
    for (size_t i = 0; i < held; i++) {
        size_t end = l->count - 1 - i, swap = l->order[first + held - 1 - i];
        l->order[first + held - 1 - i] = l->order[end];
        l->order[end] = swap;
    }
}

/* A fold's part of the frames: the first one in the order, and their number. */
static size_t fold_of(const mf_lesson *l, size_t folds, size_t fold, size_t *first) {
    *first = mf_share(l->count, folds, fold);
    return mf_share(l->count, folds, fold + 1) - *first;
}

/* Trains on everything after scoring what each fold left out; scores has room for count or VIEWS. */
static mf_status train_and_score(mf_lesson *l, float *scores, size_t *out_scores) {
    size_t held = l->count / 5 < HOLD_OUT_LEAST ? HOLD_OUT_LEAST : l->count / 5, first, n;
    *out_scores = 0;
    if (l->count >= HOLD_OUT_FROM) {
        deal(l, 0, held);
        l->steps_total = steps_of(l, l->count - held);
        MF_TRY(train(l, l->count - held));
        *out_scores = held;
        return score_frames(l, l->count - held, held, scores);
    }
    size_t folds = l->count < FOLDS ? l->count : FOLDS;
    if (folds == 1) folds = 0; /* nothing can be held out */
    for (size_t fold = 0; fold < folds; fold++) {
        n = fold_of(l, folds, fold, &first);
        deal(l, first, n);
        l->steps_total += steps_of(l, l->count - n);
    }
    deal(l, 0, 0);
    l->steps_total += steps_of(l, l->count);
    for (size_t fold = 0; fold < folds; fold++) {
        n = fold_of(l, folds, fold, &first);
        deal(l, first, n);
        MF_TRY(train(l, l->count - n));
        MF_TRY(score_frames(l, l->count - n, n, scores + *out_scores));
        *out_scores += n;
    }
    deal(l, 0, 0);
    MF_TRY(train(l, l->count));
    if (folds) return MF_OK;
    *out_scores = VIEWS;
    return score_shifted(l, scores);
}

/* ---- The new model ----------------------------------------------------------------------------------------------- */

/* A float as the shortest decimal number that reads back as it. */
static mf_status set_number(mf_model *model, const char *key, float value, mf_error *error) {
    char text[40];
    for (int digits = 6; digits <= 9; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, (double)value);
        if (strtof(text, NULL) == value) break;
    }
    for (char *c = text; *c; c++)
        if (*c == ',') *c = '.'; /* a host's locale */
    return mf_model_set(model, key, text, error);
}

static mf_status record(mf_lesson *l, mf_model *adapted, float *scores, size_t score_count) {
    mf_threshold_rule rule;
    adapted->threshold = mf_threshold_of(scores, score_count, (double)l->options.false_alarm_rate, &rule);
    mf_error *e = l->error;
    MF_TRY(set_number(adapted, "threshold", adapted->threshold, e));
    adapted->framing = l->options.framing;
    MF_TRY(mf_model_set(adapted, "input.framing",
                        mf_key_choice(MF_KEY_input_framing, (int)(adapted->framing - MF_FRAMING_STRETCH)), e));
    MF_TRY(set_number(adapted, "threshold.false_alarm_rate", l->options.false_alarm_rate, e));
    MF_TRY(set_number(adapted, "threshold.scores", (float)score_count, e));
    MF_TRY(mf_model_set(adapted, "threshold.rule", mf_threshold_rule_name(rule), e));
    MF_TRY(mf_model_set(adapted, "threshold.from",
                        l->count >= HOLD_OUT_FROM ? "held-out images"
                        : l->count > 1            ? "cross-validation"
                                                  : "shifted views of one image",
                        e));
    MF_TRY(set_number(adapted, "adapted.images", (float)l->count, e));
    MF_TRY(set_number(adapted, "adapted.epochs", (float)l->options.epochs, e));
    MF_TRY(set_number(adapted, "adapted.batch", (float)l->options.batch, e));
    MF_TRY(set_number(adapted, "adapted.learning_rate", l->options.learning_rate, e));
    char seed[24];
    snprintf(seed, sizeof seed, "%llu", (unsigned long long)l->options.seed);
    MF_TRY(mf_model_set(adapted, "adapted.seed", seed, e));
    mf_log_write(&l->model->logger, rule == MF_THRESHOLD_CONFORMAL ? MF_LOG_INFO : MF_LOG_WARNING,
                 "taught from %zu frames: threshold %g, %s from %zu scores", l->count, (double)adapted->threshold,
                 mf_model_setting(adapted, "threshold.rule"), score_count);
    return MF_OK;
}

static mf_status make_adapted(mf_lesson *l, float *scores, size_t score_count, mf_model **out_model) {
    mf_model *adapted;
    MF_TRY(mf_model_derive(l->model, &adapted, l->error));
    mf_status status = record(l, adapted, scores, score_count);
    for (size_t i = 0; status == MF_OK && i < mf_file_tensor_count(adapted->file); i++) {
        const char *name = mf_file_tensor(adapted->file, i)->name;
        mf_state *tuned = mf_lesson_state(l, name);
        if (!tuned) continue;
        float *previous = adapted->parameters[i];
        adapted->parameters[i] = tuned->values;
        tuned->values = previous;
    }
    if (status != MF_OK)
        mf_model_drop(adapted);
    else
        *out_model = adapted;
    return status;
}

mf_status mf_adapt(const mf_model *model, const mf_image *frames, size_t count, const mf_adapt_options *options,
                   mf_model **out_model, mf_error *error) {
    if (!model || !frames || !out_model) return mf_fail(error, MF_E_INVALID, "mf_adapt: NULL argument");
    if (count < 1) return mf_fail(error, MF_E_INVALID, "mf_adapt: at least one good frame is needed");
    if (count > MAX_FRAMES)
        return mf_fail(error, MF_E_LIMIT, "mf_adapt: %zu frames; at most %d are taken", count, MAX_FRAMES);
    for (int part = 0; part < MF_PART_COUNT; part++)
        if (!model->parts[part] && part != MF_PART_PRIOR)
            return mf_fail(error, MF_E_STATE, "this model has not the programs to be adapted");
    mf_lesson l = {.model = model, .allocator = &model->allocator, .error = error, .frames = frames, .count = count};
    float *scores = mf_allocate(l.allocator, (count + VIEWS) * sizeof *scores);
    size_t score_count;
    mf_status status = scores ? mf_lesson_prepare(&l, options) : mf_fail(error, MF_E_NOMEM, "no memory for scores");
    if (status == MF_OK) status = train_and_score(&l, scores, &score_count);
    if (status == MF_OK) status = make_adapted(&l, scores, score_count, out_model);
    mf_lesson_end(&l);
    mf_free(l.allocator, scores);
    return status;
}
