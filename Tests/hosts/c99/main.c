/*
 * A vision system in C99: opens a model, adapts it with grey frames from files of raw pixels, saves it, and inspects
 * the last of them.
 *
 *     host MODEL OUTPUT WIDTH HEIGHT FRAME...
 *
 * prints the score in hexadecimal and the verdict.
 */
#include <metaformer.h>

#include <stdio.h>
#include <stdlib.h>

static int fail(const char *text) {
    fprintf(stderr, "host: %s\n", text);
    return 1;
}

static unsigned char *read_frame(const char *path, size_t size) {
    FILE *file = fopen(path, "rb");
    unsigned char *pixels = malloc(size);
    size_t count = file && pixels ? fread(pixels, 1, size, file) : 0;
    if (file) fclose(file);
    if (count == size) return pixels;
    free(pixels);
    return NULL;
}

int main(int argument_count, char **arguments) {
    mf_error error = MF_INIT(mf_error);
    mf_model *model = NULL, *adapted = NULL;
    mf_context *context = NULL;
    mf_image frames[16];
    mf_adapt_options options = MF_INIT(mf_adapt_options);
    mf_result result = MF_INIT(mf_result);
    int width, height, count = argument_count - 5;
    if (count < 1 || count > 16) return fail("usage: host MODEL OUTPUT WIDTH HEIGHT FRAME...");
    width = atoi(arguments[3]);
    height = atoi(arguments[4]);
    for (int i = 0; i < count; i++) {
        unsigned char *pixels = read_frame(arguments[5 + i], (size_t)width * (size_t)height);
        mf_image frame = MF_INIT(mf_image);
        if (!pixels) return fail("a frame cannot be read");
        frame.pixel_format = MF_PIXEL_MONO8;
        frame.width = width, frame.height = height, frame.row_stride = width, frame.data = pixels;
        frames[i] = frame;
    }
    if (mf_model_open_file(arguments[1], NULL, &model, &error)) return fail(error.text);
    /* A model that is adapted in closed form has no such setting, and takes no epochs. */
    if (mf_model_setting(model, "adapt.epochs")) options.epochs = 2;
    options.seed = 7;
    if (mf_adapt(model, frames, (size_t)count, &options, &adapted, &error)) return fail(error.text);
    mf_model_release(model);
    if (mf_model_save(adapted, arguments[2], &error)) return fail(error.text);
    if (mf_context_create(adapted, NULL, &context, &error)) return fail(error.text);
    mf_model_release(adapted); /* the context keeps what it needs */
    if (mf_inspect(context, &frames[count - 1], NULL, NULL, &result)) return fail(mf_context_error(context));
    printf("%a %s\n", (double)result.score, result.is_anomalous ? "defective" : "good");
    mf_context_release(context);
    for (int i = 0; i < count; i++) free((void *)frames[i].data);
    return 0;
}
