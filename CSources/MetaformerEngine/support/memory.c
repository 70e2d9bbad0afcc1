#include "support/memory.h"

#include "support/abi.h"
#include "support/error.h"

#include <stdlib.h>
#include <string.h>

/* A block at a multiple of alignment within one of malloc's, whose address stands before it. */
static void *place(void *block, size_t alignment) {
    if (!block) return NULL;
    uintptr_t at = mf_round_up((uintptr_t)block + sizeof block, alignment);
    memcpy((void *)(at - sizeof block), &block, sizeof block);
    return (void *)at;
}

static void *system_allocate(void *opaque, size_t size, size_t alignment) {
    (void)opaque;
    return place(malloc(size + alignment + sizeof(void *)), alignment);
}

/* What the system gives is zero already, and takes no memory before it is touched: large blocks often stay so in part. */
static void *system_allocate_zeroed(size_t size, size_t alignment) {
    return place(calloc(1, size + alignment + sizeof(void *)), alignment);
}

static void system_release(void *opaque, void *pointer) {
    (void)opaque;
    void *block;
    memcpy(&block, (unsigned char *)pointer - sizeof block, sizeof block);
    free(block);
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

/* Whole cache lines, at least one; 0 for more than there can be. */
static size_t whole_lines(size_t size) {
    if (size > SIZE_MAX / 2) return 0;
    return size ? mf_round_up(size, MF_CACHE_LINE) : MF_CACHE_LINE;
}

void *mf_allocate_unset(const mf_allocator *allocator, size_t size) {
    size_t whole = whole_lines(size);
    return whole ? allocator->allocate(allocator->opaque, whole, MF_CACHE_LINE) : NULL;
}

void *mf_allocate(const mf_allocator *allocator, size_t size) {
    size_t whole = whole_lines(size);
    if (whole && allocator->allocate == system_allocate) return system_allocate_zeroed(whole, MF_CACHE_LINE);
    void *pointer = mf_allocate_unset(allocator, size);
    if (pointer) memset(pointer, 0, whole);
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
