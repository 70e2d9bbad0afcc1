/*
 * Target: a model file, whose checksum is made right first; opened, and inspecting a frame once where it can. Mutations are of three
 * kinds: of the whole file, of its header, whose length is then made right, and of words of its data, where the programs lie.
 */
#include "fuzz.h"
#include "memory.h"
#include "sign.h"

enum { MOST_WORDS = 4 };

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t most);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed);

static size_t mutate_header(uint8_t *data, size_t size, size_t most) {
    static uint8_t tail[1 << 16];
    size_t end = data_at(data, size), kept = size - end;
    if (!end || kept > sizeof tail || kept + HEADER_AT >= most) return LLVMFuzzerMutate(data, size, most);
    memcpy(tail, data + end, kept);
    size_t header = LLVMFuzzerMutate(data + HEADER_AT, end - HEADER_AT, most - kept - HEADER_AT);
    for (size_t i = 0; i < HEADER_AT; i++) data[i] = (uint8_t)(i < 4 ? header >> (8 * i) : 0);
    memcpy(data + HEADER_AT + header, tail, kept);
    return HEADER_AT + header + kept;
}

/* Small numbers and numbers of other words are what counts, sizes and places are made of. */
static size_t mutate_words(uint8_t *data, size_t size, size_t most, uint64_t random) {
    size_t end = data_at(data, size), words = end ? (size - end) / 4 : 0;
    if (!words) return LLVMFuzzerMutate(data, size, most);
    for (uint64_t i = 0, count = 1 + random % MOST_WORDS; i < count; i++) {
        random = random * 6364136223846793005U + 1442695040888963407U;
        uint8_t *at = data + end + 4 * ((random >> 20) % words);
        const uint8_t *other = data + end + 4 * ((random >> 33) % words);
        uint32_t word, from;
        memcpy(&word, at, sizeof word), memcpy(&from, other, sizeof from);
        switch (random >> 61) {
        case 0:
        case 1:
            word = (uint32_t)(random >> 54) % 64;
            break;
        case 2:
            word++;
            break;
        case 3:
            word--;
            break;
        case 4:
            word ^= 1U << (random >> 55) % 32;
            break;
        case 5:
            word = (uint32_t)-1 >> (random >> 55) % 32;
            break;
        default:
            word = from;
        }
        memcpy(at, &word, sizeof word);
    }
    return size;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed) {
    uint64_t random = (seed + 1) * 6364136223846793005U;
    switch (random >> 61) {
    case 0:
    case 1:
        return LLVMFuzzerMutate(data, size, most);
    case 2:
    case 3:
        return mutate_header(data, size, most);
    default:
        return mutate_words(data, size, most, random);
    }
}

static void inspect(const mf_model *model) {
    static uint8_t pixels[40 * 40];
    for (size_t i = 0; i < sizeof pixels; i++) pixels[i] = (uint8_t)(i * 7);
    mf_context_options options = MF_INIT(mf_context_options);
    mf_context *context = NULL;
    options.threads = 1, options.max_width = 64;
    if (mf_context_create(model, &options, &context, NULL) != MF_OK) return;
    mf_image frame = {sizeof frame, MF_PIXEL_MONO8, 40, 40, 40, pixels};
    mf_result result = MF_INIT(mf_result);
    (void)!mf_context_set_threshold(context, 1);
    (void)!mf_context_set_time_limit(context, 5000000);
    mf_status status = mf_inspect(context, &frame, NULL, NULL, &result);
    PLANT(status == MF_OK && result.score > 50);
    mf_context_release(context);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    memory memory = {.limit = (size_t)20 << 20};
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
