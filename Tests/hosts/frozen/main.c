/*
 * A host as one was written for the headers of abi-0, which are beside this file: it initialises structs by their size
 * and by memset. Compiled against them, it must run against every later library: see README.md.
 *
 *     host MODEL OUTPUT
 *
 * teaches three grey frames of 80 x 60 pixels, saves the model, inspects them, and prints the score of the last one in
 * hexadecimal. Whatever the library fills in lies before bytes that it must not touch.
 */
#define _POSIX_C_SOURCE 200809L

#include <metaformer.h>
#include <metaformer/engine.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WIDTH = 80, HEIGHT = 60, PIXELS = WIDTH * HEIGHT, FRAMES = 3, FENCE = 64 };

/* A struct that the library writes, and a fence behind it. */
#define FENCED(type)                                                                                                   \
    struct {                                                                                                           \
        type value;                                                                                                    \
        unsigned char fence[FENCE];                                                                                    \
    }

static int fail(const char *text) {
    fprintf(stderr, "host: %s\n", text);
    exit(1);
    return 1;
}

static void set_up(void *value, size_t size, void *fence) {
    memset(value, 0, size);
    memcpy(value, &size, sizeof size);
    memset(fence, 0xA5, FENCE);
}

static void check_fence(const unsigned char *fence, const char *what) {
    int i;
    for (i = 0; i < FENCE; i++)
        if (fence[i] != 0xA5) fail(what);
}

#define SET_UP(fenced) set_up(&(fenced).value, sizeof(fenced).value, (fenced).fence)
#define CHECK(fenced, what) check_fence((fenced).fence, what)

/* ---- What the host gives ----------------------------------------------------------------------------------------- */

typedef struct services {
    long allocations, lines, runs, steps;
    FILE *file;
} services;

static void *allocate(void *opaque, size_t size, size_t alignment) {
    void *pointer = NULL;
    ((services *)opaque)->allocations++;
    return posix_memalign(&pointer, alignment, size) ? NULL : pointer;
}

static void release(void *opaque, void *pointer) {
    if (pointer) ((services *)opaque)->allocations--;
    free(pointer);
}

static void note(void *opaque, mf_log_level level, const char *text) {
    if (level && *text) ((services *)opaque)->lines++;
}

static void run(void *opaque, size_t count, void (*work)(void *context, size_t index), void *context) {
    size_t i;
    ((services *)opaque)->runs++;
    for (i = 0; i < count; i++) work(context, i);
}

static int read_file(void *opaque, uint64_t offset, void *buffer, size_t bytes) {
    FILE *file = ((services *)opaque)->file;
    return fseek(file, (long)offset, SEEK_SET) || fread(buffer, 1, bytes, file) != bytes;
}

static int step(void *opaque, const char *stage, size_t done, size_t total, float loss) {
    if (*stage && done <= total && loss >= 0) ((services *)opaque)->steps++;
    return 0;
}

/* ---- What it asks for -------------------------------------------------------------------------------------------- */

static mf_model *open_model(const char *path, services *s) {
    FENCED(mf_error) error;
    mf_allocator allocator = {sizeof allocator, s, allocate, release};
    mf_open_options options = {sizeof options, &allocator, note, s};
    mf_reader reader = {sizeof reader, s, 0, read_file};
    mf_model *model = NULL, *same = NULL;
    SET_UP(error);
    if (mf_model_open_file("/no/such/file", NULL, &model, &error.value) != MF_E_IO) fail("a missing file opens");
    if (error.value.status != MF_E_IO || !strstr(error.value.text, "/no/such/file"))
        fail("an error says something else");
    CHECK(error, "an error reaches too far");
    if (mf_model_open_file(path, &options, &model, &error.value)) fail(error.value.text);
    s->file = fopen(path, "rb");
    if (!s->file || fseek(s->file, 0, SEEK_END)) fail("the model cannot be read");
    reader.size = (uint64_t)ftell(s->file);
    if (mf_model_open_reader(&reader, NULL, &same, &error.value)) fail(error.value.text);
    fclose(s->file);
    mf_model_release(same);
    if (!s->lines || !mf_model_setting(model, "input.width")) fail("nothing is logged, or known of the model");
    return model;
}

static mf_model *teach(const mf_model *model, const mf_image *frames, const char *path, services *s) {
    mf_error error = {sizeof error, MF_OK, ""};
    mf_adapt_options options;
    mf_model *taught = NULL;
    memset(&options, 0, sizeof options);
    options.struct_size = sizeof options;
    options.threads = 2;
    options.epochs = 2;
    options.seed = 7;
    options.progress = step;
    options.opaque = s;
    if (mf_adapt(model, frames, FRAMES, &options, &taught, &error)) fail(error.text);
    if (mf_model_save(taught, path, &error)) fail(error.text);
    if (!s->steps) fail("no progress");
    return taught;
}

static float inspect(const mf_model *model, const mf_image *frames, const unsigned char *marks, float *map,
                     services *s) {
    mf_error error = {sizeof error, MF_OK, ""};
    mf_thread_pool pool = {sizeof pool, s, run};
    mf_context_options options = {sizeof options, 2, &pool, 0};
    mf_context *context = NULL;
    mf_mask mask = {sizeof mask, WIDTH, HEIGHT, WIDTH, NULL}, masks[FRAMES];
    mf_map view = {sizeof view, WIDTH, HEIGHT, WIDTH * sizeof(float), NULL}, maps[FRAMES];
    FENCED(mf_result) result;
    FENCED(mf_scores) scores;
    struct {
        mf_result value[FRAMES];
        unsigned char fence[FENCE];
    } results;
    float median;
    size_t i, done = 0;
    mask.data = marks, view.data = map;
    if (mf_context_create(model, &options, &context, &error)) fail(error.text);
    SET_UP(result);
    if (mf_inspect(context, &frames[FRAMES - 1], &mask, &view, &result.value)) fail(mf_context_error(context));
    if (!s->runs || !result.value.elapsed_ns || !isfinite(map[0])) fail("an inspection leaves something out");
    CHECK(result, "a result reaches too far");
    memset(&results, 0xA5, sizeof results);
    for (i = 0; i < FRAMES; i++) {
        masks[i] = mask, maps[i] = view;
        results.value[i].struct_size = sizeof results.value[i];
    }
    if (mf_inspect_batch(context, frames, masks, maps, results.value, FRAMES, &done)) fail(mf_context_error(context));
    if (done != FRAMES || results.value[FRAMES - 1].score != result.value.score) fail("a batch differs");
    CHECK(results, "a batch reaches too far");
    SET_UP(scores);
    if (mf_context_scores(context, &scores.value) || scores.value.count != FRAMES + 1) fail("scores are not counted");
    if (mf_context_score_quantile(context, 0.5, &median) || median > scores.value.highest) fail("no median");
    CHECK(scores, "scores reach too far");
    mf_context_release(context);
    return result.value.score;
}

static void evaluate(float *map, unsigned char *marks) {
    mf_error error = {sizeof error, MF_OK, ""};
    mf_metric_options options = {sizeof options, 1, NULL, 0, 0, 1};
    mf_map view = {sizeof view, WIDTH, HEIGHT, WIDTH * sizeof(float), NULL};
    mf_mask mask = {sizeof mask, WIDTH, HEIGHT, WIDTH, NULL};
    FENCED(mf_localization) found;
    FENCED(mf_classification) classes;
    const float scores[] = {0.1f, 0.2f, 0.8f, 0.9f};
    const unsigned char labels[] = {0, 0, 1, 1};
    mf_evaluation *evaluation = NULL;
    int i;
    for (i = 0; i < PIXELS; i++) marks[i] = (unsigned char)(i < 10), map[i] = i < 10 ? 1.0f : 0.5f;
    view.data = map, mask.data = marks;
    if (mf_evaluation_create(&options, &evaluation, &error)) fail(error.text);
    if (mf_evaluation_add(evaluation, &view, &mask, &error)) fail(error.text);
    SET_UP(found);
    if (mf_evaluation_measure(evaluation, 0.3, &found.value, &error)) fail(error.text);
    if (fabs(found.value.auroc - 1) > 1e-12 || fabs(found.value.pro - 1) > 1e-12 || found.value.regions != 1)
        fail("an evaluation is wrong");
    CHECK(found, "an evaluation reaches too far");
    mf_evaluation_release(evaluation);
    SET_UP(classes);
    if (mf_classify(scores, labels, 4, &options, &classes.value, &error)) fail(error.text);
    if (classes.value.auroc != 1 || classes.value.best_threshold != scores[2]) fail("a classification is wrong");
    CHECK(classes, "a classification reaches too far");
}

static void compute(void) {
    mf_error error = {sizeof error, MF_OK, ""};
    mf_runner_options options = {sizeof options, 1, MF_ISA_REFERENCE, NULL, NULL};
    mf_convolution shape = {sizeof shape, 1, 1, 3, 3, 1, 3, 3, 1, 1, 0, 0, 0, 0, 1};
    mf_attention attention = {sizeof attention, 1, 1, 1, 1, 1, 1.0f};
    const float ones[9] = {1, 1, 1, 1, 1, 1, 1, 1, 1};
    float y = 0;
    if (mf_convolution_run(&shape, ones, ones, &y, &options, &error) || y != 9) fail("a convolution is wrong");
    if (mf_attention_run(&attention, ones, ones, ones, &y, &options, &error) || y != 1) fail("attention is wrong");
}

int main(int argument_count, char **arguments) {
    static unsigned char pixels[FRAMES][PIXELS], marks[PIXELS];
    static float map[PIXELS];
    services s = {0, 0, 0, 0, NULL};
    mf_image frames[FRAMES];
    mf_model *model, *taught;
    int i, k;
    if (argument_count != 3) return fail("usage: host MODEL OUTPUT");
    for (i = 0; i < FRAMES; i++) {
        mf_image frame = {sizeof frame, MF_PIXEL_MONO8, WIDTH, HEIGHT, WIDTH, pixels[i]};
        for (k = 0; k < PIXELS; k++) pixels[i][k] = (unsigned char)(100 + k % WIDTH + k * (i + 3) % 7);
        frames[i] = frame;
    }
    memset(marks, 1, sizeof marks);
    model = open_model(arguments[1], &s);
    taught = teach(model, frames, arguments[2], &s);
    mf_model_release(model);
    printf("%a\n", (double)inspect(taught, frames, marks, map, &s));
    mf_model_release(taught);
    if (s.allocations) fail("memory is not given back");
    evaluate(map, marks);
    compute();
    return 0;
}
