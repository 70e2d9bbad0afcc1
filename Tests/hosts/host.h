/* What hosts share: an end with a text, frames of a product, and what a model is in a number. */
#ifndef HOST_H
#define HOST_H
#include <metaformer.h>
#include <stdio.h>
#include <stdlib.h>

static inline _Noreturn void fail(const char *text) {
    fprintf(stderr, "host: %s\n", text);
    exit(1);
}

/* A frame of side x side pixels, one of a product that has a texture of its own in each. */
static inline mf_image textured_frame(int number, int side, unsigned char *pixels) {
    for (int k = 0; k < side * side; k++) pixels[k] = (unsigned char)(60 + k % 97 + k * (number + 3) % 7);
    return (mf_image){sizeof(mf_image), MF_PIXEL_MONO8, side, side, side, pixels};
}

/* FNV-1a, of bytes as they come; a writer of models. */
#define FNV_START 14695981039346656037U
static inline int add_bytes(void *sum, const void *bytes, size_t count) {
    uint64_t *hash = sum;
    for (size_t i = 0; i < count; i++) *hash = (*hash ^ ((const unsigned char *)bytes)[i]) * 1099511628211U;
    return 0;
}

static inline uint64_t model_digest(const mf_model *model) {
    uint64_t hash = FNV_START;
    mf_writer writer = {sizeof writer, &hash, add_bytes};
    if (mf_model_write(model, &writer, NULL) != MF_OK) fail("a model cannot be written");
    return hash;
}
#endif
