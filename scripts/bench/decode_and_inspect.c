/* What inspecting files takes at the least: decode_and_inspect MODEL FILE… decodes each by the program's own codecs, inspects
   it, and prints the seconds of both, of the clock and of all processors. */
#include <CImageCodecs.h>
#include <metaformer.h>

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

typedef struct cost {
    double wall, processor;
} cost;

static double seconds(clockid_t clock) {
    struct timespec time;
    clock_gettime(clock, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static cost now(void) {
    return (cost){seconds(CLOCK_MONOTONIC), seconds(CLOCK_PROCESS_CPUTIME_ID)};
}

static void add(cost *sum, cost since) {
    cost end = now();
    sum->wall += end.wall - since.wall;
    sum->processor += end.processor - since.processor;
}

static uint8_t *read_file(const char *path, size_t *size) {
    FILE *file = fopen(path, "rb");
    if (!file || fseek(file, 0, SEEK_END)) return NULL;
    *size = (size_t)ftell(file);
    rewind(file);
    uint8_t *bytes = malloc(*size);
    size_t count = fread(bytes, 1, *size, file);
    fclose(file);
    return count == *size ? bytes : NULL;
}

static int fail(const char *what, const char *why) {
    fprintf(stderr, "%s: %s\n", what, why);
    return 1;
}

int main(int argc, char **argv) {
    mf_error error = MF_INIT(mf_error);
    mf_model *model;
    mf_context *context;
    if (argc < 3) return fail("usage", "decode_and_inspect MODEL FILE…");
    if (mf_model_open_file(argv[1], NULL, &model, &error)) return fail(argv[1], error.text);
    if (mf_context_create(model, NULL, &context, &error)) return fail(argv[1], error.text);
    cost decoding = {0}, inspecting = {0};
    for (int i = 2; i < argc; i++) {
        char message[MFC_MESSAGE_SIZE] = "cannot be read";
        size_t size = 0;
        cost start = now();
        uint8_t *file = read_file(argv[i], &size);
        mfc_image_info info;
        if (!file || mfc_probe(file, size, MFC_IMAGES, &info, message, sizeof message)) return fail(argv[i], message);
        size_t bytes = mfc_image_size(&info);
        uint8_t *pixels = malloc(bytes);
        if (mfc_decode(file, size, MFC_IMAGES, pixels, bytes, message, sizeof message)) return fail(argv[i], message);
        add(&decoding, start);
        if (info.sample != MFC_SAMPLE_U8) return fail(argv[i], "not of 8 bits");
        mf_image frame = MF_INIT(mf_image);
        frame.pixel_format = info.channels == 3 ? MF_PIXEL_RGB8 : MF_PIXEL_MONO8;
        frame.width = (int32_t)info.width, frame.height = (int32_t)info.height;
        frame.row_stride = (ptrdiff_t)(info.width * info.channels), frame.data = pixels;
        mf_result result = MF_INIT(mf_result);
        start = now();
        if (mf_inspect(context, &frame, NULL, NULL, &result)) return fail(argv[i], mf_context_error(context));
        add(&inspecting, start);
        free(pixels), free(file);
    }
    printf("%f %f %f %f\n", decoding.wall, decoding.processor, inspecting.wall, inspecting.processor);
    mf_context_release(context);
    mf_model_release(model);
    return 0;
}
