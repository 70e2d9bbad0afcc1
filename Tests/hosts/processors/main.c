/*
 * What a processor gives, to be compared with what others do.
 *
 *     host MODEL
 *
 * Prints the instruction set, and the bits of a model that is adapted here, of its threshold, of a score and of a map.
 */
#include "../host.h"
#include <metaformer/engine.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SIDE = 64, FRAMES = 3 };

int main(int count, char **arguments) {
    static unsigned char pixels[FRAMES][SIDE * SIDE];
    static float values[SIDE * SIDE];
    mf_image frames[FRAMES];
    mf_error error = MF_INIT(mf_error);
    mf_model *base = NULL, *model = NULL;
    mf_context *context = NULL;
    if (count != 2) return 2;
    for (int i = 0; i < FRAMES; i++) frames[i] = textured_frame(i, SIDE, pixels[i]);
    mf_adapt_options adaptation = MF_INIT(mf_adapt_options);
    mf_context_options options = MF_INIT(mf_context_options);
    adaptation.threads = options.threads = 1;
    if (mf_model_open_file(arguments[1], NULL, &base, &error)) fail(error.text);
    if (mf_model_setting(base, "adapt.epochs")) adaptation.epochs = 2;
    if (mf_adapt(base, frames, FRAMES, &adaptation, &model, &error)) fail(error.text);
    uint64_t map_sum = FNV_START;
    if (mf_context_create(model, &options, &context, &error)) fail(error.text);
    mf_map map = {sizeof map, SIDE, SIDE, SIDE * sizeof(float), values};
    mf_result result = MF_INIT(mf_result);
    for (int k = 0; k < 200; k++) pixels[0][20 * SIDE + k] = 255;
    if (mf_inspect(context, &frames[0], NULL, &map, &result)) fail(mf_context_error(context));
    add_bytes(&map_sum, values, sizeof values);
    printf("%s: model %016llx, threshold %.9g, score %.9g, map %016llx\n", mf_isa_name(mf_isa_best()),
           (unsigned long long)model_digest(model), (double)result.threshold, (double)result.score,
           (unsigned long long)map_sum);
    mf_context_release(context);
    mf_model_release(model);
    mf_model_release(base);
    return 0;
}
