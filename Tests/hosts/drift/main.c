/*
 * A line whose lamp ages.
 *
 *     host MODEL FRAMES SEEDS
 *
 * Adapts to 16 frames of noise, and inspects FRAMES of them, for each of SEEDS seeds: by a lamp that stays, where there
 * must be no alarm, and by one that loses a fifth of its light in 10,000, where the alarm must come before three times as many of the last 1,000
 * frames are above the threshold as in the first 1,000. The threshold is the score of which 2 % of the first 1,000 are above.
 */
#include "../host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SIDE = 64, ADAPTED = 16, WINDOW = 1000, USUAL = WINDOW / 50, AGE = 10000 };

static uint64_t state;

static int noise(int most) {
    state = state * 6364136223846793005U + 1442695040888963407U;
    return (int)((state >> 33) % (uint64_t)(2 * most + 1)) - most;
}

/* A frame by so much light, with noise that does not depend on it, and products that are not all alike. */
static void expose(unsigned char *pixels, double light) {
    double own = 1 + (noise(50) + noise(50) + noise(50) + noise(50)) / 2500.0; /* nearly normal */
    for (int i = 0; i < SIDE * SIDE; i++) {
        int y = i / SIDE, x = i % SIDE;
        double value = light * own * (110 + 60 * ((x / 9 + y / 13) % 2)) + noise(6);
        pixels[i] = (unsigned char)(value < 0 ? 0 : value > 255 ? 255 : value);
    }
}

static int descending(const void *a, const void *b) {
    float x = *(const float *)a, y = *(const float *)b;
    return (x < y) - (x > y);
}

/* The frame of the alarm and the frame by which false alarms have tripled; the count of frames where there is none. */
static void run(const mf_model *model, size_t count, double light_lost, size_t *alarm, size_t *tripled) {
    static unsigned char pixels[SIDE * SIDE];
    mf_image frame = {sizeof frame, MF_PIXEL_MONO8, SIDE, SIDE, SIDE, pixels};
    mf_context *context = NULL;
    float *scores = calloc(count, sizeof *scores), first[WINDOW];
    if (!scores || mf_context_create(model, NULL, &context, NULL)) fail("no context");
    *alarm = *tripled = count;
    size_t above = 0;
    for (size_t i = 0; i < count; i++) {
        mf_result result = MF_INIT(mf_result);
        mf_scores all = MF_INIT(mf_scores);
        expose(pixels, 1 - light_lost * (double)i / AGE);
        if (mf_inspect(context, &frame, NULL, NULL, &result) || mf_context_scores(context, &all))
            fail(mf_context_error(context));
        scores[i] = result.score;
        if (all.drift && *alarm == count) *alarm = i;
        if (i + 1 == WINDOW) {
            memcpy(first, scores, sizeof first);
            qsort(first, WINDOW, sizeof *first, descending);
            above = USUAL;
        }
        if (i < WINDOW) continue;
        above += (size_t)(scores[i] > first[USUAL]) - (size_t)(scores[i - WINDOW] > first[USUAL]);
        if (above >= 3 * USUAL && *tripled == count) *tripled = i;
    }
    mf_context_release(context);
    free(scores);
}

int main(int argument_count, char **arguments) {
    static unsigned char pixels[ADAPTED][SIDE * SIDE];
    mf_image frames[ADAPTED];
    mf_error error = MF_INIT(mf_error);
    mf_model *model = NULL;
    if (argument_count != 4) return 2;
    size_t count = strtoull(arguments[2], NULL, 10), seeds = strtoull(arguments[3], NULL, 10);
    if (mf_model_open_file(arguments[1], NULL, &model, &error)) fail(error.text);
    int failures = 0;
    for (size_t seed = 1; seed <= seeds; seed++) {
        mf_adapt_options options = MF_INIT(mf_adapt_options);
        mf_model *adapted = NULL;
        size_t alarm, tripled;
        state = seed * 2654435761U;
        for (int i = 0; i < ADAPTED; i++) {
            expose(pixels[i], 1);
            frames[i] = (mf_image){sizeof frames[i], MF_PIXEL_MONO8, SIDE, SIDE, SIDE, pixels[i]};
        }
        if (mf_model_setting(model, "adapt.epochs")) options.epochs = 5;
        if (mf_adapt(model, frames, ADAPTED, &options, &adapted, &error)) fail(error.text);
        run(adapted, count, 0, &alarm, &tripled);
        printf("seed %zu: unchanged, ", seed);
        alarm < count ? printf("alarm at %zu; ", alarm) : printf("no alarm in %zu; ", count);
        failures += alarm < count;
        run(adapted, count, 0.2, &alarm, &tripled);
        printf("ageing, alarm at %zu, false alarms tripled at %zu\n", alarm, tripled);
        failures += alarm >= tripled;
        mf_model_release(adapted);
    }
    mf_model_release(model);
    return failures != 0;
}
