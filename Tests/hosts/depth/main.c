/*
 * A host whose camera gives 12 bits in the lower ones of 16, and that does not know it: adapts a model to such frames, as an
 * array and from a source, and inspects frames of this depth and of others.
 *
 *     depth MODEL
 *
 * prints "12 bits" where all is as it ought to be, else what is not.
 */
#include <metaformer.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WIDTH = 80, HEIGHT = 60, PIXELS = WIDTH * HEIGHT, FRAMES = 4 };

static uint16_t deep[FRAMES][PIXELS];
static uint8_t shallow[FRAMES][PIXELS];

static void require(int holds, const char *what) {
    if (holds) return;
    printf("%s\n", what);
    exit(1);
}

static mf_image frame_of(uint32_t format, const void *data, ptrdiff_t stride) {
    mf_image frame = MF_INIT(mf_image);
    frame.pixel_format = format, frame.width = WIDTH, frame.height = HEIGHT;
    frame.row_stride = stride, frame.data = data;
    return frame;
}

static mf_image deep_frame(uint32_t format, const uint16_t *data) {
    return frame_of(format, data, WIDTH * 2);
}

/* Values of up to so many bits. */
static void fill(int bits) {
    for (int i = 0; i < FRAMES; i++)
        for (int p = 0; p < PIXELS; p++) {
            shallow[i][p] = (uint8_t)(100 + p % 80 + p * (i + 3) % 7);
            deep[i][p] = (uint16_t)(shallow[i][p] << (bits - 8));
        }
}

static size_t reads;

static int32_t read_frame(void *opaque, size_t index, mf_image *out_frame, mf_mask *out_mask) {
    (void)opaque, (void)out_mask;
    static uint16_t copy[PIXELS]; /* a single one: what was read before is gone */
    memcpy(copy, deep[index], sizeof copy);
    *out_frame = deep_frame(MF_PIXEL_MONO16_UNSTATED, copy);
    reads++;
    return 0;
}

static mf_model *adapt(const mf_model *model, uint32_t format, int from_source) {
    mf_image frames[FRAMES];
    mf_error error = MF_INIT(mf_error);
    mf_adapt_options options = MF_INIT(mf_adapt_options);
    mf_frame_source source = MF_INIT(mf_frame_source);
    mf_model *adapted = NULL;
    source.read = read_frame;
    if (mf_model_setting(model, "adapt.epochs")) options.epochs = 1;
    if (from_source) options.source = &source;
    for (int i = 0; i < FRAMES; i++)
        frames[i] = format == MF_PIXEL_MONO8 ? frame_of(format, shallow[i], WIDTH) : deep_frame(format, deep[i]);
    if (mf_adapt(model, from_source ? NULL : frames, FRAMES, &options, &adapted, &error)) require(0, error.text);
    return adapted;
}

static mf_context *context_of(const mf_model *model) {
    mf_context *context = NULL;
    mf_error error = MF_INIT(mf_error);
    if (mf_context_create(model, NULL, &context, &error)) require(0, error.text);
    return context;
}

static float score(mf_context *context, mf_image frame) {
    mf_result result = MF_INIT(mf_result);
    if (mf_inspect(context, &frame, NULL, NULL, &result)) require(0, mf_context_error(context));
    return result.score;
}

static void refuses(mf_context *context, mf_image frame, const char *words, const char *what) {
    mf_result result = MF_INIT(mf_result);
    mf_status status = mf_inspect(context, &frame, NULL, NULL, &result);
    require(status == MF_E_INVALID && strstr(mf_context_error(context), words), what);
}

static void check_recognised(const mf_model *model) {
    const char *bits = mf_model_setting(model, "adapted.bits"), *depth = mf_model_setting(model, "adapted.depth");
    require(bits && !strcmp(bits, "12"), "the depth is not recognised");
    require(depth && !strcmp(depth, "recognised"), "that it was recognised is not kept");
}

static void check_inspections(mf_context *context, mf_context *stated) {
    static uint16_t dark[PIXELS];
    mf_image own = deep_frame(MF_PIXEL_MONO16_UNSTATED, deep[0]);
    float expected = score(context, own);
    require(expected == score(context, deep_frame(MF_PIXEL_MONO12, deep[0])), "the model's depth is not taken");
    require(expected == score(stated, deep_frame(MF_PIXEL_MONO12, deep[0])), "a depth that is stated adapts otherwise");
    score(context, deep_frame(MF_PIXEL_MONO16_UNSTATED, dark)); /* no light is no other depth */
    mf_image eight = frame_of(MF_PIXEL_MONO8, shallow[0], WIDTH), whole = deep_frame(MF_PIXEL_MONO16, deep[0]);
    refuses(context, eight, "12 bits", "8 bits are taken for 12");
    refuses(context, whole, "12 bits", "16 bits are taken for 12");
    refuses(context, deep_frame(MF_PIXEL_MONO10, deep[0]), "12 bits", "10 bits are taken for 12");
    mf_image frames[2] = {own, eight};
    mf_result results[2] = {MF_INIT(mf_result), MF_INIT(mf_result)};
    size_t done = 7;
    require(mf_inspect_batch(context, frames, NULL, NULL, results, 2, &done) == MF_E_INVALID && done == 7,
            "a batch begins with a frame of another depth in it");
    frames[1] = own;
    require(!mf_inspect_batch(context, frames, NULL, NULL, results, 2, &done) && results[1].score == expected,
            "a batch is not read as its frames are");
    deep[1][7] = 4096;
    refuses(context, deep_frame(MF_PIXEL_MONO16_UNSTATED, deep[1]), "a value of 4096", "a value beyond is taken");
    /* Where the host answers for it, frames are what they state. */
    require(!mf_context_set_any_depth(context, 1), "any depth is not to be had");
    require(score(context, deep_frame(MF_PIXEL_MONO12, deep[0])) == expected, "any depth is not the model's");
    require(score(context, whole) != expected, "16 bits are read as 12");
    score(context, eight);
    refuses(context, deep_frame(MF_PIXEL_MONO16_UNSTATED, deep[1]), "a value of 4096", "what is not stated is any");
}

static void check_calibration(const mf_model *adapted) {
    mf_image eight = frame_of(MF_PIXEL_MONO8, shallow[0], WIDTH);
    mf_calibrate_options options = MF_INIT(mf_calibrate_options);
    mf_error error = MF_INIT(mf_error);
    mf_model *calibrated = NULL;
    require(mf_calibrate(adapted, &eight, 1, &options, &calibrated, &error) == MF_E_INVALID &&
                strstr(error.text, "12 bits"),
            "a threshold is set by frames of another depth");
    options.any_depth = 1;
    require(!mf_calibrate(adapted, &eight, 1, &options, &calibrated, &error), error.text);
    mf_model_release(calibrated);
}

/* Eight bits in sixteen are what they are in eight. */
static void check_eight(const mf_model *model) {
    fill(8);
    mf_model *recognised = adapt(model, MF_PIXEL_MONO16_UNSTATED, 0), *plain = adapt(model, MF_PIXEL_MONO8, 0);
    mf_context *first = context_of(recognised), *second = context_of(plain);
    mf_image eight = frame_of(MF_PIXEL_MONO8, shallow[0], WIDTH);
    float expected = score(second, eight);
    require(score(first, eight) == expected, "8 bits in 16 adapt otherwise");
    require(score(second, deep_frame(MF_PIXEL_MONO16_UNSTATED, deep[0])) == expected, "8 bits in 16 are another frame");
    deep[0][0] = 256;
    refuses(second, deep_frame(MF_PIXEL_MONO16_UNSTATED, deep[0]), "8 bits", "deep frames are taken for 8 bits");
    score(second, deep_frame(MF_PIXEL_MONO16, deep[0])); /* its frames stated their depth, and so does this one */
    mf_context_release(first), mf_context_release(second);
    mf_model_release(recognised), mf_model_release(plain);
}

int main(int count, char **arguments) {
    mf_error error = MF_INIT(mf_error);
    mf_model *model = NULL;
    if (count != 2 || mf_model_open_file(arguments[1], NULL, &model, &error)) require(0, error.text);
    fill(12);
    mf_model *adapted = adapt(model, MF_PIXEL_MONO16_UNSTATED, 0), *same = adapt(model, MF_PIXEL_MONO16_UNSTATED, 1),
             *stated = adapt(model, MF_PIXEL_MONO12, 0);
    check_recognised(adapted), check_recognised(same);
    require(reads >= 2 * FRAMES, "a source is not looked at before it is worked on");
    require(!mf_model_setting(stated, "adapted.depth"), "what was stated is called recognised");
    mf_context *context = context_of(adapted), *other = context_of(same), *third = context_of(stated);
    mf_image own = deep_frame(MF_PIXEL_MONO16_UNSTATED, deep[0]);
    require(score(context, own) == score(other, own), "a source adapts to other bits than an array");
    check_inspections(context, third);
    check_calibration(adapted);
    mf_context *unknown = context_of(model);
    require(!mf_context_set_threshold(unknown, 1), "no threshold");
    refuses(unknown, own, "state it", "a model that knows no depth gives one");
    check_eight(model);
    mf_context_release(context), mf_context_release(other), mf_context_release(third), mf_context_release(unknown);
    mf_model_release(adapted), mf_model_release(same), mf_model_release(stated), mf_model_release(model);
    printf("12 bits\n");
    return 0;
}
