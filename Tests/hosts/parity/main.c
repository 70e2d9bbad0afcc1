/*
 * The C host of scripts/parity: decodes images with the codecs of the command line, inspects them, and compares each
 * map with the one that the command line wrote.
 *
 *     host MODEL OUTPUT < LIST
 *
 * takes lines of an image and a map (TIFF), with a tab between, and writes OUTPUT/N.frame (width, height and channels
 * as 32-bit integers, then 8-bit samples) and OUTPUT/N.c (score and map as floats) for the hosts in other languages.
 * Fails where a bit of a map differs.
 */
#include <CImageCodecs.h>
#include <metaformer.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int fail(const char *what, const char *why) {
    fprintf(stderr, "host: %s: %s\n", what, why);
    return 1;
}

/* The decoded image, or NULL; its samples are the caller's to free. */
static void *decode(const char *path, mfc_image_info *info) {
    char message[MFC_MESSAGE_SIZE] = "cannot be read";
    void *pixels = NULL;
    long size = -1;
    FILE *file = fopen(path, "rb");
    if (file && fseek(file, 0, SEEK_END) == 0) size = ftell(file);
    uint8_t *bytes = size > 0 ? malloc((size_t)size) : NULL;
    if (bytes) rewind(file);
    if (bytes && fread(bytes, 1, (size_t)size, file) == (size_t)size &&
        mfc_probe(bytes, (size_t)size, MFC_IMAGES, info, message, sizeof message) == MFC_OK &&
        (pixels = malloc(mfc_image_size(info))) != NULL &&
        mfc_decode(bytes, (size_t)size, MFC_IMAGES, pixels, mfc_image_size(info), message, sizeof message) != MFC_OK) {
        free(pixels);
        pixels = NULL;
    }
    if (!pixels) fail(path, message);
    if (file) fclose(file);
    free(bytes);
    return pixels;
}

static FILE *create(const char *folder, int number, const char *suffix) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%d.%s", folder, number, suffix);
    return fopen(path, "wb");
}

static int write_results(const char *folder, int number, const mfc_image_info *info, const void *pixels, float score,
                         const float *map) {
    const uint32_t head[3] = {info->width, info->height, info->channels};
    const size_t count = (size_t)info->width * info->height;
    FILE *frame = create(folder, number, "frame"), *result = create(folder, number, "c");
    int ok = frame && result && fwrite(head, sizeof head, 1, frame) == 1 &&
             fwrite(pixels, mfc_image_size(info), 1, frame) == 1 && fwrite(&score, sizeof score, 1, result) == 1 &&
             fwrite(map, sizeof *map, count, result) == count;
    if (frame && fclose(frame)) ok = 0;
    if (result && fclose(result)) ok = 0;
    return ok ? 0 : fail(folder, "cannot be written to");
}

static int compare(mf_context *context, const char *path, const char *map_path, const char *folder, int number) {
    mfc_image_info info = {0}, map_info = {0};
    void *pixels = decode(path, &info);
    float *expected = decode(map_path, &map_info);
    size_t count = (size_t)info.width * info.height;
    float *values = count ? malloc(count * sizeof *values) : NULL;
    int failed = !pixels || !expected || !values;
    if (!failed && info.sample != MFC_SAMPLE_U8) failed = fail(path, "is not of 8 bits");
    mf_image frame = {sizeof frame,         info.channels == 1 ? MF_PIXEL_MONO8 : MF_PIXEL_RGB8, (int32_t)info.width,
                      (int32_t)info.height, (ptrdiff_t)info.width * (ptrdiff_t)info.channels,    pixels};
    mf_map map = {sizeof map, frame.width, frame.height, (ptrdiff_t)(info.width * sizeof(float)), values};
    mf_result result = MF_INIT(mf_result);
    if (!failed && mf_inspect(context, &frame, NULL, &map, &result)) failed = fail(path, mf_context_error(context));
    if (!failed && (map_info.width != info.width || map_info.height != info.height ||
                    memcmp(values, expected, count * sizeof *values) != 0))
        failed = fail(path, "the command line's map has other bits");
    if (!failed) failed = write_results(folder, number, &info, pixels, result.score, values);
    free(pixels), free(expected), free(values);
    return failed;
}

int main(int argument_count, char **arguments) {
    char line[8192];
    mf_error error = MF_INIT(mf_error);
    mf_model *model = NULL;
    mf_context *context = NULL;
    int failed = 0;
    if (argument_count != 3) return fail("usage", "host MODEL OUTPUT < LIST");
    if (mf_model_open_file(arguments[1], NULL, &model, &error) || mf_context_create(model, NULL, &context, &error))
        return fail(arguments[1], error.text);
    for (int number = 0; fgets(line, sizeof line, stdin); number++) {
        line[strcspn(line, "\n")] = 0;
        char *tab = strchr(line, '\t');
        if (!tab) return fail(line, "no tab");
        *tab = 0;
        failed |= compare(context, line, tab + 1, arguments[2], number);
    }
    mf_context_release(context);
    mf_model_release(model);
    return failed;
}
