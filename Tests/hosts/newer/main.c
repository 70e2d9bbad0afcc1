/*
 * A host that was built with a later header than the library's: all of its structs have fields that the library does
 * not know. It must get everything as long as these are zero, be refused by name where one of them is set, and find those
 * of results as they were.
 *
 *     host MODEL
 */
#include "../host.h"
#include <metaformer/engine.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WIDTH = 80, HEIGHT = 60, PIXELS = WIDTH * HEIGHT, FRAMES = 3 };

/* A struct as a later header might have it. */
#define LATER(type)                                                                                                    \
    struct {                                                                                                           \
        type known;                                                                                                    \
        uint64_t added[3];                                                                                             \
    }

static void set_up(void *value, size_t size) {
    memset(value, 0, size);
    memcpy(value, &size, sizeof size);
}

#define SET_UP(later) set_up(&(later), sizeof(later))

/* ---- Judging ----------------------------------------------------------------------------------------------------- */

static int failures;

static void expect(int holds, const char *what, const char *text) {
    if (holds) return;
    fprintf(stderr, "host: %s: %s\n", what, text);
    failures++;
}

/* Runs a call with the added fields of a struct zero, and with the last of them set. */
#define TRY_BOTH(type, later, call, text)                                                                              \
    do {                                                                                                               \
        mf_status status = (call);                                                                                     \
        expect(status == MF_OK, #type " with zeros is refused", text);                                                 \
        (later).added[2] = 1;                                                                                          \
        status = (call);                                                                                               \
        expect(status == MF_E_UNSUPPORTED, #type " with a field set is taken", mf_status_name(status));                \
        expect(strstr(text, #type ": a field is set") != NULL, #type " is not named", text);                           \
        (later).added[2] = 0;                                                                                          \
    } while (0)

/* Runs a call that fills in a struct, whose added fields are the host's own. */
#define TRY_RESULT(type, later, call, text)                                                                            \
    do {                                                                                                               \
        SET_UP(later);                                                                                                 \
        (later).added[0] = (later).added[1] = (later).added[2] = 77;                                                   \
        expect((call) == MF_OK, #type " is refused", text);                                                            \
        expect((later).known.struct_size == sizeof(later), #type " has another size", "");                             \
        expect((later).added[0] == 77 && (later).added[1] == 77 && (later).added[2] == 77, #type " is written over",   \
               "");                                                                                                    \
    } while (0)

/* ---- What the host gives ----------------------------------------------------------------------------------------- */

static LATER(mf_error) error;
static unsigned char pixels[FRAMES][PIXELS], marks[PIXELS];
static float map[PIXELS];
static mf_model *model;

static void *allocate(void *opaque, size_t size, size_t alignment) {
    (void)opaque;
    return aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
}

static void release(void *opaque, void *pointer) {
    (void)opaque;
    free(pointer);
}

static void run(void *opaque, size_t count, void (*work)(void *context, size_t index), void *context) {
    (void)opaque;
    for (size_t i = 0; i < count; i++) work(context, i);
}

static int read_file(void *opaque, uint64_t offset, void *buffer, size_t bytes) {
    return fseek(opaque, (long)offset, SEEK_SET) || fread(buffer, 1, bytes, opaque) != bytes;
}

/* ---- Calls ------------------------------------------------------------------------------------------------------- */

static mf_status open_with(const char *path, const void *options) {
    mf_model *opened = NULL;
    mf_status status = mf_model_open_file(path, options, &opened, &error.known);
    mf_model_release(opened);
    return status;
}

static mf_status read_with(const void *reader) {
    mf_model *opened = NULL;
    mf_status status = mf_model_open_reader(reader, NULL, &opened, &error.known);
    mf_model_release(opened);
    return status;
}

static int count_bytes(void *opaque, const void *bytes, size_t count) {
    (void)bytes;
    *(size_t *)opaque += count;
    return 0;
}

static void try_writing(void) {
    LATER(mf_writer) writer;
    size_t size = 0;
    SET_UP(writer);
    writer.known.opaque = &size, writer.known.write = count_bytes;
    TRY_BOTH(mf_writer, writer, mf_model_write(model, &writer.known, &error.known), error.known.text);
    TRY_BOTH(mf_writer, writer, mf_file_write_to(&writer.known, NULL, 0, NULL, 0, &error.known), error.known.text);
    expect(size > 0, "nothing is written", "");
}

static void try_opening(const char *path) {
    LATER(mf_allocator) allocator;
    LATER(mf_open_options) options;
    LATER(mf_reader) reader;
    FILE *file = fopen(path, "rb");
    SET_UP(allocator), SET_UP(options), SET_UP(reader);
    allocator.known.allocate = allocate, allocator.known.release = release;
    options.known.allocator = &allocator.known;
    TRY_BOTH(mf_open_options, options, open_with(path, &options), error.known.text);
    TRY_BOTH(mf_allocator, allocator, open_with(path, &options), error.known.text);
    fseek(file, 0, SEEK_END);
    reader.known.opaque = file, reader.known.size = (uint64_t)ftell(file), reader.known.read = read_file;
    TRY_BOTH(mf_reader, reader, read_with(&reader), error.known.text);
    fclose(file);
    TRY_RESULT(mf_error, error, mf_model_open_file("/no/such", NULL, &model, &error.known) ? MF_OK : MF_E_INVALID, "");
    expect(error.known.status == MF_E_IO && strstr(error.known.text, "/no/such"), "an error is not said", "");
    SET_UP(error);
}

static mf_status create_with(const void *options) {
    mf_context *context = NULL;
    mf_status status = mf_context_create(model, options, &context, &error.known);
    mf_context_release(context);
    return status;
}

static mf_status adapt_with(const void *frames, const void *options) {
    mf_model *adapted = NULL;
    mf_status status = mf_adapt(model, frames, FRAMES, options, &adapted, &error.known);
    mf_model_release(adapted);
    return status;
}

static mf_status calibrate_with(const mf_model *adapted, const void *frames, const void *options) {
    mf_model *calibrated = NULL;
    mf_status status = mf_calibrate(adapted, frames, FRAMES, options, &calibrated, &error.known);
    mf_model_release(calibrated);
    return status;
}

static void try_inspecting(void) {
    LATER(mf_thread_pool) pool;
    LATER(mf_context_options) options;
    LATER(mf_image) frames[FRAMES];
    LATER(mf_mask) masks[FRAMES];
    LATER(mf_map) maps[FRAMES];
    LATER(mf_result) result, results[FRAMES];
    LATER(mf_scores) scores;
    LATER(mf_adapt_options) choices;
    LATER(mf_calibrate_options) choice;
    mf_context *c = NULL;
    mf_model *adapted = NULL;
    const char *text;
    size_t done = 0;
    SET_UP(pool), SET_UP(options), SET_UP(result), SET_UP(choices);
    pool.known.run = run;
    options.known.threads = 2, options.known.pool = &pool.known;
    TRY_BOTH(mf_context_options, options, create_with(&options), error.known.text);
    TRY_BOTH(mf_thread_pool, pool, create_with(&options), error.known.text);
    if (mf_context_create(model, &options.known, &c, &error.known)) fail(error.known.text);
    text = mf_context_error(c);
    if (mf_context_set_threshold(c, 1)) fail(text); /* the model knows no product */
    for (int i = 0; i < FRAMES; i++) {
        SET_UP(frames[i]), SET_UP(masks[i]), SET_UP(maps[i]), SET_UP(results[i]);
        frames[i].known.pixel_format = MF_PIXEL_MONO8, frames[i].known.data = pixels[i];
        frames[i].known.width = masks[i].known.width = maps[i].known.width = WIDTH;
        frames[i].known.height = masks[i].known.height = maps[i].known.height = HEIGHT;
        frames[i].known.row_stride = masks[i].known.row_stride = WIDTH;
        maps[i].known.row_stride = WIDTH * (ptrdiff_t)sizeof(float);
        masks[i].known.data = marks, maps[i].known.data = map;
        results[i].added[0] = 77;
    }
#define INSPECT mf_inspect(c, &frames[0].known, &masks[0].known, &maps[0].known, &result.known)
#define BATCH mf_inspect_batch(c, &frames[0].known, &masks[0].known, &maps[0].known, &results[0].known, FRAMES, &done)
    TRY_BOTH(mf_image, frames[0], INSPECT, text);
    TRY_BOTH(mf_mask, masks[0], INSPECT, text);
    TRY_BOTH(mf_map, maps[0], INSPECT, text);
    TRY_RESULT(mf_result, result, INSPECT, text);
    TRY_BOTH(mf_image, frames[2], BATCH, text);
    TRY_BOTH(mf_mask, masks[1], BATCH, text);
    TRY_BOTH(mf_map, maps[2], BATCH, text);
    expect(done == FRAMES && results[0].known.score == result.known.score, "a batch differs", "");
    for (int i = 0; i < FRAMES; i++)
        expect(results[i].known.elapsed_ns && results[i].added[0] == 77, "a result of a batch is written over", "");
    results[2].known.struct_size = sizeof(mf_result);
    expect(BATCH == MF_E_INVALID && strstr(text, "frame 2: mf_result"), "results of two forms are taken", text);
    TRY_RESULT(mf_scores, scores, mf_context_scores(c, &scores.known), text);
    expect(scores.known.count > FRAMES, "scores are not counted", "");
    mf_context_release(c);

    choices.known.epochs = 1, choices.known.masks = &masks[0].known, choices.known.mask_count = FRAMES;
    TRY_BOTH(mf_adapt_options, choices, adapt_with(&frames[0].known, &choices), error.known.text);
    TRY_BOTH(mf_image, frames[1], adapt_with(&frames[0].known, &choices), error.known.text);
    TRY_BOTH(mf_mask, masks[2], adapt_with(&frames[0].known, &choices), error.known.text);
    if (mf_adapt(model, &frames[0].known, FRAMES, &choices.known, &adapted, &error.known)) fail(error.known.text);
    SET_UP(choice);
    choice.known.masks = &masks[0].known, choice.known.mask_count = FRAMES;
    choice.known.defective = &frames[0].known, choice.known.defective_count = FRAMES;
    TRY_BOTH(mf_calibrate_options, choice, calibrate_with(adapted, &frames[0].known, &choice), error.known.text);
    TRY_BOTH(mf_image, frames[1], calibrate_with(adapted, &frames[0].known, &choice), error.known.text);
    TRY_BOTH(mf_mask, masks[2], calibrate_with(adapted, &frames[0].known, &choice), error.known.text);
    mf_model_release(adapted);
}

static mf_status evaluate_with(const void *options, const void *maps, const void *masks, mf_localization *out) {
    mf_evaluation *evaluation = NULL;
    mf_status status = mf_evaluation_create(options, &evaluation, &error.known);
    if (status == MF_OK) status = mf_evaluation_add(evaluation, maps, masks, &error.known);
    if (status == MF_OK) status = mf_evaluation_measure(evaluation, 0.3, out, &error.known);
    mf_evaluation_release(evaluation);
    return status;
}

static void try_measuring(void) {
    static const float scores[] = {0.1f, 0.2f, 0.8f};
    static const unsigned char labels[] = {0, 0, 1};
    LATER(mf_metric_options) options;
    LATER(mf_map) view;
    LATER(mf_mask) mask;
    LATER(mf_localization) found;
    LATER(mf_classification) classes;
    SET_UP(options), SET_UP(view), SET_UP(mask), SET_UP(found);
    view.known.width = mask.known.width = WIDTH, view.known.height = mask.known.height = HEIGHT;
    view.known.row_stride = WIDTH * (ptrdiff_t)sizeof(float), mask.known.row_stride = WIDTH;
    view.known.data = map, mask.known.data = marks;
    marks[0] = 0;
#define EVALUATE evaluate_with(&options, &view, &mask, &found.known)
    TRY_BOTH(mf_metric_options, options, EVALUATE, error.known.text);
    TRY_BOTH(mf_map, view, EVALUATE, error.known.text);
    TRY_BOTH(mf_mask, mask, EVALUATE, error.known.text);
    TRY_RESULT(mf_localization, found, EVALUATE, error.known.text);
    TRY_RESULT(mf_classification, classes, mf_classify(scores, labels, 3, &options.known, &classes.known, &error.known),
               error.known.text);
    marks[0] = 1;
}

static void try_computing(const char *path) {
    static const float ones[9] = {1, 1, 1, 1, 1, 1, 1, 1, 1};
    LATER(mf_runner_options) options;
    LATER(mf_convolution) shape;
    LATER(mf_attention) attention;
    LATER(mf_machine) machine;
    LATER(mf_instruction_info) info;
    LATER(mf_op_description) op;
    mf_file *file = NULL;
    mf_program *program = NULL;
    const mf_tensor *tensor;
    float y = 0;
    SET_UP(options), SET_UP(shape), SET_UP(attention);
    options.known.threads = 1;
    shape.known.batch = shape.known.channels = shape.known.filters = shape.known.stride_y = shape.known.stride_x = 1;
    shape.known.height = shape.known.width = shape.known.kernel_height = shape.known.kernel_width = 3;
    attention.known.batch = attention.known.queries = attention.known.keys = 1;
    attention.known.width = attention.known.value_width = 1;
#define CONVOLVE mf_convolution_run(&shape.known, ones, ones, &y, &options.known, &error.known)
    TRY_BOTH(mf_convolution, shape, CONVOLVE, error.known.text);
    TRY_BOTH(mf_runner_options, options, CONVOLVE, error.known.text);
    TRY_BOTH(mf_attention, attention, mf_attention_run(&attention.known, ones, ones, ones, &y, NULL, &error.known),
             error.known.text);
    TRY_RESULT(mf_machine, machine, mf_machine_measure(&options.known, &machine.known, &error.known), error.known.text);
    if (mf_file_open(path, &file, &error.known)) fail(error.known.text);
    tensor = mf_file_find(file, "program/inspect");
    if (mf_program_open(tensor->data, tensor->bytes, &program, &error.known)) fail(error.known.text);
    TRY_RESULT(mf_op_description, op, mf_op_info(1, &op.known), "");
    TRY_RESULT(mf_instruction_info, info, mf_program_instruction(program, 0, &info.known), "");
    mf_program_release(program);
    mf_file_release(file);
}

static void try_listing(void) {
    LATER(mf_setting_description) description;
    TRY_RESULT(mf_setting_description, description, mf_setting_info(0, &description.known), "");
    TRY_RESULT(mf_setting_description, description, mf_option_info(0, &description.known), "");
}

int main(int argument_count, char **arguments) {
    if (argument_count != 2) return 2;
    SET_UP(error);
    memset(marks, 1, sizeof marks);
    for (int i = 0; i < FRAMES; i++)
        for (int k = 0; k < PIXELS; k++) pixels[i][k] = (unsigned char)(100 + k % WIDTH + k * (i + 3) % 7);
    try_opening(arguments[1]);
    if (mf_model_open_file(arguments[1], NULL, &model, &error.known)) return 3;
    try_writing();
    try_inspecting();
    try_measuring();
    try_computing(arguments[1]);
    try_listing();
    mf_model_release(model);
    if (!failures) puts("all structs may grow");
    return failures != 0;
}
