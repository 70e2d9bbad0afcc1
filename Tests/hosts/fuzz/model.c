/* Target: a model file, whose checksum is made right first; opened, and inspecting a frame once where it can. */
#define XXH_INLINE_ALL
#include "fuzz.h"
#include "memory.h"

#include <xxhash.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { HEADER_AT = 8, DIGITS = 32 };

static void sign(uint8_t *bytes, size_t size) {
    static const char key[] = "\"checksum\":\"";
    size_t header = 0, most = size > HEADER_AT ? size - HEADER_AT : 0;
    for (int i = HEADER_AT - 1; size > HEADER_AT && i >= 0; i--) header = header << 8 | bytes[i];
    if (header > most) return;
    for (size_t at = HEADER_AT + header; at-- > HEADER_AT;) {
        if (HEADER_AT + header - at <= sizeof key - 1 + DIGITS || memcmp(bytes + at, key, sizeof key - 1) != 0)
            continue;
        char digits[DIGITS + 1];
        memset(bytes + at + sizeof key - 1, '0', DIGITS);
        XXH128_hash_t hash = XXH3_128bits(bytes, size);
        snprintf(digits, sizeof digits, "%016" PRIx64 "%016" PRIx64, hash.high64, hash.low64);
        memcpy(bytes + at + sizeof key - 1, digits, DIGITS);
        return;
    }
}

static void inspect(const mf_model *model) {
    uint8_t pixels[40 * 40];
    for (size_t i = 0; i < sizeof pixels; i++) pixels[i] = (uint8_t)(i * 7);
    mf_context_options options = MF_INIT(mf_context_options);
    mf_context *context = NULL;
    options.threads = 1, options.max_width = 64;
    if (mf_context_create(model, &options, &context, NULL) != MF_OK) return;
    mf_image frame = {sizeof frame, MF_PIXEL_MONO8, 40, 40, 40, pixels};
    mf_result result = MF_INIT(mf_result);
    (void)!mf_context_set_threshold(context, 1);
    (void)!mf_context_set_time_limit(context, 200000000);
    mf_status status = mf_inspect(context, &frame, NULL, NULL, &result);
    PLANT(status == MF_OK && result.score > 50);
    mf_context_release(context);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    memory memory = {.limit = (size_t)64 << 20};
    mf_allocator allocator = {sizeof allocator, &memory, memory_take, memory_give_back};
    mf_open_options options = MF_INIT(mf_open_options);
    mf_model *model = NULL;
    options.allocator = &allocator;
    uint8_t *bytes = malloc(size ? size : 1);
    if (size) memcpy(bytes, data, size);
    sign(bytes, size);
    if (mf_model_open_memory(bytes, size, &options, &model, NULL) == MF_OK) inspect(model);
    mf_model_release(model);
    free(bytes);
    if (memory.live) abort(); /* a leak */
    return 0;
}
