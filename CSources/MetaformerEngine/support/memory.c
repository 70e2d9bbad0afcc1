#include "support/memory.h"

#include "support/abi.h"
#include "support/error.h"

#include <stdlib.h>
#include <string.h>

static void *system_allocate(void *opaque, size_t size, size_t alignment) {
    (void)opaque;
    return aligned_alloc(alignment, mf_round_up(size, alignment));
}

static void system_release(void *opaque, void *pointer) {
    (void)opaque;
    free(pointer);
}

mf_status mf_allocator_resolve(const mf_allocator *given, mf_allocator *out_allocator, mf_error *error) {
    if (!given) {
        *out_allocator = (mf_allocator){sizeof *out_allocator, NULL, system_allocate, system_release};
        return MF_OK;
    }
    mf_allocator own;
    MF_TRY(mf_allocator_read(given, &own, error));
    if (!own.allocate || !own.release) return mf_fail(error, MF_E_INVALID, "mf_allocator: needs both of its functions");
    *out_allocator = own;
    return MF_OK;
}

void *mf_allocate_unset(const mf_allocator *allocator, size_t size) {
    if (size > SIZE_MAX - MF_CACHE_LINE) return NULL;
    return allocator->allocate(allocator->opaque, size ? mf_round_up(size, MF_CACHE_LINE) : MF_CACHE_LINE,
                               MF_CACHE_LINE);
}

void *mf_allocate(const mf_allocator *allocator, size_t size) {
    void *pointer = mf_allocate_unset(allocator, size);
    if (pointer) memset(pointer, 0, size ? mf_round_up(size, MF_CACHE_LINE) : MF_CACHE_LINE);
    return pointer;
}

void mf_free(const mf_allocator *allocator, void *pointer) {
    if (pointer) allocator->release(allocator->opaque, pointer);
}

char *mf_copy_text(const mf_allocator *allocator, const char *text) {
    size_t size = strlen(text) + 1;
    char *copy = mf_allocate(allocator, size);
    if (copy) memcpy(copy, text, size);
    return copy;
}
