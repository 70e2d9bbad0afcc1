/* Teaching: tunes a model on good frames by its own gradient and update programs, and sets its threshold. */
#include "api/context.h"
#include "api/threshold.h"
#include "image/score.h"
#include "support/error.h"
#include "support/memory.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_FRAMES = 1000000, MAX_STATES = 4096, HOLD_OUT_FROM = 30, HOLD_OUT_LEAST = 10, FOLDS = 3, VIEWS = 8 };

/* A variable that the programs change. */
typedef struct state {
    const char *name;
    float *values;
    const float *start; /* the model's own values; NULL where it starts at zero */
    uint64_t count;
} state;

typedef struct lesson {
    const mf_model *model;
    const mf_allocator *allocator;
    mf_adapt_options options;
    mf_error *error;
    mf_team team;
    mf_runner *runners[MF_PART_COUNT];
    state *states;
    size_t state_count;
    size_t count, plane, image; /* frames; floats of a plane and of an image */
    float *images, *responses;  /* of all frames; responses NULL where there is no prior */
    size_t micro;               /* images that the gradient program takes at once */
    float *batch, *batch_response, *weights, *loss, *rate;
    state *mean, *gain;    /* of the good images' maps; NULL where the model does not ask for them */
    double *sum, *squares; /* of maps, a position each */
    float *view, *view_map, *view_reconstruction, *view_response; /* of the inspect program */
    void *bins;                                                   /* of the score */
    size_t *order;
    size_t steps_done, steps_total;
    uint64_t random;
} lesson;

/* SplitMix64 (Steele, Lea, Flood 2014). */
static uint64_t next_random(lesson *l) {
    uint64_t z = l->random += 0x9e3779b97f4a7c15ULL;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
    return z ^ z >> 31;
}

/* A number below bound; its bias of less than bound / 2^32 does not matter here. */
static size_t random_below(lesson *l, size_t bound) {
    return (size_t)(((next_random(l) >> 32) * (uint64_t)bound) >> 32);
}

/* ---- Setting up -------------------------------------------------------------------------------------------------- */

static mf_status take_options(lesson *l, const mf_adapt_options *given) {
    mf_adapt_options o = {.struct_size = sizeof o};
    if (given) {
        if (given->struct_size < sizeof o)
            return mf_fail(l->error, MF_E_INVALID, "mf_adapt_options: struct_size is not set");
        o = *given;
    }
    if (o.epochs < 0 || o.epochs > 1000000 || o.batch < 0 || o.shift < 0 || o.threads < 0 || o.threads > MF_MAX_THREADS)
        return mf_fail(l->error, MF_E_INVALID, "mf_adapt_options: a number is negative or too large");
    if (!(o.learning_rate >= 0 && o.learning_rate < 1))
        return mf_fail(l->error, MF_E_INVALID, "learning_rate: in (0, 1), or 0 for the model's own");
    if (!(o.false_alarm_rate >= 0 && o.false_alarm_rate <= 0.5f))
        return mf_fail(l->error, MF_E_INVALID, "false_alarm_rate: in (0, 0.5], or 0 for 0.01");
    if (o.shift * 2 >= l->model->width || o.shift * 2 >= l->model->height)
        return mf_fail(l->error, MF_E_INVALID, "shift: under half of the model's %d x %d pixels", l->model->width,
                       l->model->height);
    double epochs, batch, rate;
    MF_TRY(mf_model_number(l->model, "adapt.epochs", 30, 1, 1e6, &epochs, l->error));
    MF_TRY(mf_model_number(l->model, "adapt.batch", 64, 1, 1e6, &batch, l->error));
    MF_TRY(mf_model_number(l->model, "adapt.learning_rate", 1e-4, 0, 1, &rate, l->error));
    if (!o.epochs) o.epochs = (int32_t)epochs;
    if (!o.batch) o.batch = (int32_t)batch;
    if (o.learning_rate == 0) o.learning_rate = (float)rate;
    if (o.false_alarm_rate == 0) o.false_alarm_rate = 0.01f;
    l->options = o;
    return MF_OK;
}

static void *take_memory(lesson *l, size_t count, size_t size, int *failed) {
    void *memory = count <= SIZE_MAX / size ? mf_allocate(l->allocator, count * size) : NULL;
    if (!memory) *failed = 1;
    return memory;
}

/* The mean map of good images, and one over its spread, by which the inspect program normalises. */
static int is_normality(const char *name) {
    return strcmp(name, "normal.mean") == 0 || strcmp(name, "normal.gain") == 0;
}

static state *find_state(lesson *l, const char *name) {
    for (size_t i = 0; i < l->state_count; i++)
        if (strcmp(l->states[i].name, name) == 0) return &l->states[i];
    return NULL;
}

/* One buffer for each variable that any of the programs writes or that the tuned parameters are. */
static mf_status gather_states(lesson *l) {
    for (int part = 0; part < MF_PART_COUNT; part++) {
        const mf_program *p = l->model->parts[part];
        for (size_t i = 0; p && i < mf_program_slot_count(p); i++) {
            const mf_slot *slot = mf_program_slot(p, i);
            if (slot->kind != MF_SLOT_VARIABLE || (!slot->written && !is_normality(slot->name))) continue;
            const state *known = find_state(l, slot->name);
            if (known) {
                if (known->count != slot->count)
                    return mf_fail(l->error, MF_E_FORMAT, "'%.60s' differs between programs", slot->name);
                continue;
            }
            if (l->state_count == MAX_STATES) return mf_fail(l->error, MF_E_LIMIT, "over %d variables", MAX_STATES);
            int failed = 0;
            state *s = &l->states[l->state_count];
            *s = (state){slot->name, take_memory(l, slot->count, sizeof(float), &failed),
                         mf_model_values(l->model, slot->name, slot->count), slot->count};
            if (failed) return mf_fail(l->error, MF_E_NOMEM, "no memory for '%.60s'", slot->name);
            l->state_count++;
        }
    }
    return MF_OK;
}

static mf_status make_runner(lesson *l, mf_part part) {
    mf_program *p = l->model->parts[part];
    mf_runner_options options = {
        .struct_size = sizeof options, .threads = l->options.threads, .allocator = l->allocator};
    MF_TRY(mf_runner_create(p, &options, &l->runners[part], l->error));
    for (size_t i = 0; i < mf_program_slot_count(p); i++) {
        const mf_slot *slot = mf_program_slot(p, i);
        if (slot->kind != MF_SLOT_VARIABLE) continue;
        union {
            const float *read;
            float *bound;
        } values = {mf_model_values(l->model, slot->name, slot->count)};
        const state *own = find_state(l, slot->name);
        if (own) values.bound = own->values;
        MF_TRY(mf_runner_bind(l->runners[part], slot->name, values.bound, slot->count, l->error));
    }
    return MF_OK;
}

static mf_status bind(lesson *l, mf_part part, const char *name, float *data, size_t count) {
    return mf_runner_bind(l->runners[part], name, data, count, l->error);
}

static mf_status prepare(lesson *l) {
    const mf_model *model = l->model;
    l->plane = (size_t)model->height * (size_t)model->width, l->image = l->plane * (size_t)model->channels;
    const mf_program *gradient = model->parts[MF_PART_GRADIENT];
    l->micro = mf_program_find(gradient, "weight")->count;
    int failed = 0, prior = mf_program_find(gradient, "response") != NULL;
    l->states = take_memory(l, MAX_STATES, sizeof *l->states, &failed);
    l->images = take_memory(l, l->count * l->image, sizeof(float), &failed);
    if (prior) l->responses = take_memory(l, l->count * l->plane, sizeof(float), &failed);
    l->batch = take_memory(l, l->micro * l->image, sizeof(float), &failed);
    l->batch_response = take_memory(l, l->micro * l->plane, sizeof(float), &failed);
    l->weights = take_memory(l, l->micro, sizeof(float), &failed);
    l->loss = take_memory(l, 1, sizeof(float), &failed);
    l->rate = take_memory(l, 1, sizeof(float), &failed);
    l->view = take_memory(l, l->image, sizeof(float), &failed);
    l->view_map = take_memory(l, l->plane, sizeof(float), &failed);
    l->view_reconstruction = take_memory(l, l->image, sizeof(float), &failed);
    l->view_response = take_memory(l, l->plane, sizeof(float), &failed);
    l->bins = take_memory(l, 1, mf_score_bytes(model->score_share), &failed);
    l->order = take_memory(l, l->count, sizeof *l->order, &failed);
    l->sum = take_memory(l, l->plane, sizeof *l->sum, &failed);
    l->squares = take_memory(l, l->plane, sizeof *l->squares, &failed);
    if (failed) return mf_fail(l->error, MF_E_NOMEM, "no memory for %zu frames", l->count);
    MF_TRY(gather_states(l));
    l->mean = find_state(l, "normal.mean"), l->gain = find_state(l, "normal.gain");
    if ((l->mean == NULL) != (l->gain == NULL) ||
        (l->mean && (l->mean->count != l->plane || l->gain->count != l->plane || !l->mean->start || !l->gain->start)))
        return mf_fail(l->error, MF_E_FORMAT,
                       "'normal.mean' and 'normal.gain' must both be there, a number a position");
    for (int part = 0; part < MF_PART_COUNT; part++)
        if (part != MF_PART_PRIOR || prior) MF_TRY(make_runner(l, (mf_part)part));
    MF_TRY(bind(l, MF_PART_GRADIENT, "image", l->batch, l->micro * l->image));
    MF_TRY(bind(l, MF_PART_GRADIENT, "weight", l->weights, l->micro));
    MF_TRY(bind(l, MF_PART_GRADIENT, "loss", l->loss, 1));
    if (prior) MF_TRY(bind(l, MF_PART_GRADIENT, "response", l->batch_response, l->micro * l->plane));
    MF_TRY(bind(l, MF_PART_UPDATE, "learning_rate", l->rate, 1));
    MF_TRY(bind(l, MF_PART_INSPECT, "image", l->view, l->image));
    MF_TRY(bind(l, MF_PART_INSPECT, "map", l->view_map, l->plane));
    if (mf_program_find(l->model->parts[MF_PART_INSPECT], "reconstruction"))
        MF_TRY(bind(l, MF_PART_INSPECT, "reconstruction", l->view_reconstruction, l->image));
    if (mf_program_find(model->parts[MF_PART_INSPECT], "response"))
        MF_TRY(bind(l, MF_PART_INSPECT, "response", l->view_response, l->plane));
    return MF_OK;
}

static mf_status report(lesson *l, const char *stage, size_t done, size_t total, float loss) {
    if (l->options.progress && l->options.progress(l->options.opaque, stage, done, total, loss))
        return mf_fail(l->error, MF_E_CANCELLED, "adaptation was cancelled");
    return MF_OK;
}

/* A frame of the host's array, whose elements are as large as its own mf_image is. */
static const mf_image *frame_at(const mf_image *frames, size_t index) {
    return (const mf_image *)(const void *)((const char *)frames + index * frames->struct_size);
}

/* Frames to the model's size, and their responses, which the frozen prior gives once. */
static mf_status read_frames(lesson *l, const mf_image *frames) {
    int failed = 0;
    void *scratch = take_memory(l, 1, MF_RESAMPLE_SCRATCH, &failed);
    if (failed) return mf_fail(l->error, MF_E_NOMEM, "no memory to read frames");
    mf_status status = MF_OK;
    for (size_t i = 0; status == MF_OK && i < l->count; i++) {
        float *image = l->images + i * l->image;
        mf_frame_resample(frame_at(frames, i), l->model->channels, l->model->height, l->model->width, image, &l->team,
                          scratch);
        if (l->responses) {
            status = bind(l, MF_PART_PRIOR, "image", image, l->image);
            if (status == MF_OK) status = bind(l, MF_PART_PRIOR, "response", l->responses + i * l->plane, l->plane);
            if (status == MF_OK) status = mf_runner_run(l->runners[MF_PART_PRIOR], l->error);
        }
        if (status == MF_OK) status = report(l, "reading", i + 1, l->count, 0);
    }
    mf_free(l->allocator, scratch);
    return status;
}

/* ---- Training ---------------------------------------------------------------------------------------------------- */

static void start_over(lesson *l) {
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

static void copy_view(const lesson *l, const float *from, size_t planes, int64_t down, int64_t right, int flip,
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

/* Puts a frame into place of the micro-batch, shifted and flipped at random where the options allow it. */
static void place_frame(lesson *l, size_t frame, size_t place) {
    int64_t down = 0, right = 0, reach = l->options.shift;
    int flip = 0;
    if (reach) {
        down = (int64_t)random_below(l, (size_t)(2 * reach + 1)) - reach;
        right = (int64_t)random_below(l, (size_t)(2 * reach + 1)) - reach;
    }
    if (l->options.flips) flip = (int)random_below(l, 2);
    copy_view(l, l->images + frame * l->image, (size_t)l->model->channels, down, right, flip,
              l->batch + place * l->image);
    if (l->responses)
        copy_view(l, l->responses + frame * l->plane, 1, down, right, flip, l->batch_response + place * l->plane);
}

/* One step on frames order[from … from + n - 1]: their mean loss, by accumulated micro-batches. */
static mf_status take_step(lesson *l, size_t from, size_t n, float *out_loss) {
    *out_loss = 0;
    for (size_t at = 0; at < n; at += l->micro) {
        for (size_t place = 0; place < l->micro; place++) {
            int used = at + place < n;
            l->weights[place] = used ? 1.0f / (float)n : 0;
            if (used) place_frame(l, l->order[from + at + place], place);
        }
        MF_TRY(mf_runner_run(l->runners[MF_PART_GRADIENT], l->error));
        *out_loss += *l->loss;
    }
    if (!isfinite(*out_loss))
        return mf_fail(l->error, MF_E_STATE, "the loss is not finite: take a lower learning rate than %g",
                       (double)l->options.learning_rate);
    *l->rate = l->options.learning_rate;
    return mf_runner_run(l->runners[MF_PART_UPDATE], l->error);
}

static mf_status map_frame(lesson *l, size_t frame) {
    memcpy(l->view, l->images + frame * l->image, l->image * sizeof(float));
    return mf_runner_run(l->runners[MF_PART_INSPECT], l->error);
}

/* Measures the maps of the first n frames of the order: what is normal at each position. */
static mf_status measure_normality(lesson *l, size_t n) {
    if (!l->mean) return MF_OK;
    memset(l->sum, 0, l->plane * sizeof *l->sum);
    memset(l->squares, 0, l->plane * sizeof *l->squares);
    for (size_t i = 0; i < l->plane; i++) l->mean->values[i] = 0, l->gain->values[i] = 1;
    for (size_t i = 0; i < n; i++) {
        MF_TRY(map_frame(l, l->order[i]));
        for (size_t k = 0; k < l->plane; k++) {
            l->sum[k] += (double)l->view_map[k];
            l->squares[k] += (double)l->view_map[k] * (double)l->view_map[k];
        }
    }
    double level = 0, variance = 0;
    for (size_t k = 0; k < l->plane; k++) {
        double mean = l->sum[k] / (double)n;
        l->squares[k] = fmax(l->squares[k] / (double)n - mean * mean, 0);
        l->mean->values[k] = (float)mean;
        level += fabs(mean) / (double)l->plane;
        variance += l->squares[k] / (double)l->plane;
    }
    /* A floor, since a few images say little of the spread at one position, and a single one nothing. */
    double lowest = 0.5 * sqrt(variance) + 0.05 * level + 1e-9;
    for (size_t k = 0; k < l->plane; k++) l->gain->values[k] = (float)(1 / (sqrt(l->squares[k]) + lowest));
    return MF_OK;
}

/* From the model's own parameters, all epochs over the first n frames of the order. */
static mf_status train(lesson *l, size_t n) {
    start_over(l);
    size_t batch = (size_t)l->options.batch < n ? (size_t)l->options.batch : n;
    for (int32_t epoch = 0; epoch < l->options.epochs; epoch++) {
        for (size_t i = n; i > 1; i--) {
            size_t other = random_below(l, i), swap = l->order[i - 1];
            l->order[i - 1] = l->order[other];
            l->order[other] = swap;
        }
        for (size_t from = 0; from < n; from += batch) {
            float loss;
            MF_TRY(take_step(l, from, n - from < batch ? n - from : batch, &loss));
            MF_TRY(report(l, "adapting", ++l->steps_done, l->steps_total, loss));
        }
    }
    return measure_normality(l, n);
}

static size_t steps_of(const lesson *l, size_t n) {
    size_t batch = (size_t)l->options.batch < n ? (size_t)l->options.batch : n;
    return (size_t)l->options.epochs * ((n + batch - 1) / batch);
}

/* ---- Threshold --------------------------------------------------------------------------------------------------- */

static float score_of_map(const lesson *l) {
    mf_score score;
    mf_score_start(&score, l->model->score_share, l->bins);
    mf_score_add(&score, l->view_map, NULL, l->plane);
    return mf_score_finish(&score);
}

static mf_status score_frames(lesson *l, size_t from, size_t n, float *scores) {
    for (size_t i = 0; i < n; i++) {
        MF_TRY(map_frame(l, l->order[from + i]));
        scores[i] = score_of_map(l);
    }
    return MF_OK;
}

/* Frames 0 … count - 1 in a random order, with the first held places at its end. */
static void deal(lesson *l, size_t first, size_t held) {
    l->random = l->options.seed ^ 0x5851f42d4c957f2dULL;
    for (size_t i = 0; i < l->count; i++) l->order[i] = i;
    for (size_t i = l->count; i > 1; i--) {
        size_t other = random_below(l, i), swap = l->order[i - 1];
        l->order[i - 1] = l->order[other];
        l->order[other] = swap;
    }
    for (size_t i = 0; i < held; i++) {
        size_t end = l->count - 1 - i, swap = l->order[first + held - 1 - i];
        l->order[first + held - 1 - i] = l->order[end];
        l->order[end] = swap;
    }
}

/* Trains on everything after scoring what each fold left out; scores has room for count or VIEWS. */
static mf_status train_and_score(lesson *l, float *scores, size_t *out_scores) {
    size_t held = l->count / 5 < HOLD_OUT_LEAST ? HOLD_OUT_LEAST : l->count / 5;
    *out_scores = 0;
    if (l->count >= HOLD_OUT_FROM) {
        l->steps_total = steps_of(l, l->count - held);
        deal(l, 0, held);
        MF_TRY(train(l, l->count - held));
        *out_scores = held;
        return score_frames(l, l->count - held, held, scores);
    }
    size_t folds = l->count < FOLDS ? l->count : FOLDS;
    l->steps_total = steps_of(l, l->count);
    for (size_t fold = 0; folds > 1 && fold < folds; fold++)
        l->steps_total +=
            steps_of(l, l->count - (mf_share(l->count, folds, fold + 1) - mf_share(l->count, folds, fold)));
    for (size_t fold = 0; folds > 1 && fold < folds; fold++) {
        size_t first = mf_share(l->count, folds, fold), n = mf_share(l->count, folds, fold + 1) - first;
        deal(l, first, n);
        MF_TRY(train(l, l->count - n));
        MF_TRY(score_frames(l, l->count - n, n, scores + *out_scores));
        *out_scores += n;
    }
    deal(l, 0, 0);
    MF_TRY(train(l, l->count));
    if (folds > 1) return MF_OK;
    /* A single frame: nothing can be held out, so it is scored from where it was not seen: shifted by eight pixels. */
    static const int64_t down[VIEWS] = {-8, -8, -8, 0, 0, 8, 8, 8}, right[VIEWS] = {-8, 0, 8, -8, 8, -8, 0, 8};
    for (size_t i = 0; i < VIEWS; i++) {
        copy_view(l, l->images, (size_t)l->model->channels, down[i], right[i], 0, l->view);
        MF_TRY(mf_runner_run(l->runners[MF_PART_INSPECT], l->error));
        scores[i] = score_of_map(l);
    }
    *out_scores = VIEWS;
    return MF_OK;
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

static mf_status record(lesson *l, mf_model *adapted, float *scores, size_t score_count) {
    mf_threshold_rule rule;
    adapted->threshold = mf_threshold_of(scores, score_count, (double)l->options.false_alarm_rate, &rule);
    mf_error *e = l->error;
    MF_TRY(set_number(adapted, "threshold", adapted->threshold, e));
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
    return mf_model_set(adapted, "adapted.seed", seed, e);
}

static mf_status make_adapted(lesson *l, float *scores, size_t score_count, mf_model **out_model) {
    mf_model *adapted;
    MF_TRY(mf_model_derive(l->model, &adapted, l->error));
    mf_status status = record(l, adapted, scores, score_count);
    for (size_t i = 0; status == MF_OK && i < mf_file_tensor_count(adapted->file); i++) {
        const char *name = mf_file_tensor(adapted->file, i)->name;
        state *tuned = find_state(l, name);
        if (!tuned) continue;
        float *previous = adapted->parameters[i];
        adapted->parameters[i] = tuned->values;
        tuned->values = previous;
    }
    if (status != MF_OK)
        mf_model_release(adapted);
    else
        *out_model = adapted;
    return status;
}

static void clean_up(lesson *l) {
    for (int part = 0; part < MF_PART_COUNT; part++) mf_runner_release(l->runners[part]);
    for (size_t i = 0; i < l->state_count; i++) mf_free(l->allocator, l->states[i].values);
    void *parts[] = {l->states, l->images, l->responses, l->batch,    l->batch_response,      l->weights,
                     l->loss,   l->rate,   l->view,      l->view_map, l->view_reconstruction, l->view_response,
                     l->order,  l->sum,    l->squares,   l->bins};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) mf_free(l->allocator, parts[i]);
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
    for (size_t i = 0; i < count; i++) {
        mf_error cause = {.struct_size = sizeof cause};
        mf_status status = mf_frame_check(frame_at(frames, i), &cause);
        if (status != MF_OK) return mf_fail(error, status, "frame %zu: %s", i, cause.text);
    }
    lesson l = {.model = model, .allocator = &model->allocator, .error = error, .count = count};
    float *scores = mf_allocate(l.allocator, (count + VIEWS) * sizeof *scores);
    size_t score_count;
    mf_status status = scores ? take_options(&l, options) : mf_fail(error, MF_E_NOMEM, "no memory for scores");
    l.team = mf_team_make(l.options.threads);
    if (status == MF_OK) status = prepare(&l);
    if (status == MF_OK) status = read_frames(&l, frames);
    if (status == MF_OK) status = train_and_score(&l, scores, &score_count);
    if (status == MF_OK) status = make_adapted(&l, scores, score_count, out_model);
    clean_up(&l);
    mf_free(l.allocator, scores);
    return status;
}
