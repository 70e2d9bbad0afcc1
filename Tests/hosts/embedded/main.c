/*
 * A vision system without files: the model is a part of the program, from washer.h, as "metaformer export header"
 * wrote it.
 *
 *     host WIDTH HEIGHT
 *
 * prints the score of a grey ramp in hexadecimal.
 */
#include "washer.h"

#include <metaformer.h>

#include <stdio.h>
#include <stdlib.h>

int main(int argument_count, char **arguments) {
    mf_error error = MF_INIT(mf_error);
    mf_model *model = NULL;
    mf_context *context = NULL;
    mf_image frame = {sizeof frame, MF_PIXEL_MONO8, 0, 0, 0, NULL};
    mf_result result = MF_INIT(mf_result);
    if (argument_count != 3) return 2;
    frame.width = atoi(arguments[1]), frame.height = atoi(arguments[2]), frame.row_stride = frame.width;
    size_t count = (size_t)frame.width * (size_t)frame.height;
    unsigned char *pixels = malloc(count);
    if (!pixels) return 1;
    for (size_t i = 0; i < count; i++) pixels[i] = (unsigned char)(i % (size_t)frame.width);
    frame.data = pixels;
    if (mf_model_open_memory(washer, washer_size, NULL, &model, &error) ||
        mf_context_create(model, NULL, &context, &error)) {
        fprintf(stderr, "host: %s\n", error.text);
        return 1;
    }
    if (mf_inspect(context, &frame, NULL, NULL, &result)) {
        fprintf(stderr, "host: %s\n", mf_context_error(context));
        return 1;
    }
    printf("%a\n", (double)result.score);
    mf_context_release(context);
    mf_model_release(model);
    free(pixels);
    return 0;
}
