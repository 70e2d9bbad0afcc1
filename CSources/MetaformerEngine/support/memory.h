/* Memory through the host's allocator, or malloc. */
#ifndef MF_SUPPORT_MEMORY_H
#define MF_SUPPORT_MEMORY_H

#include <metaformer.h>

#define MF_CACHE_LINE 64

/* The allocator to use where the host gives NULL; a given one is checked. */
mf_status mf_allocator_resolve(const mf_allocator *given, mf_allocator *out_allocator, mf_error *error);

/* Zeroed memory at a cache line, NULL where there is none; size 0 gives one line. */
void *mf_allocate(const mf_allocator *allocator, size_t size);
/* The same, but of whatever was there. */
void *mf_allocate_unset(const mf_allocator *allocator, size_t size);
void mf_free(const mf_allocator *allocator, void *pointer);
char *mf_copy_text(const mf_allocator *allocator, const char *text);

/* Rounds up to a multiple of a power of two. */
static inline size_t mf_round_up(size_t value, size_t multiple) {
    return (value + multiple - 1) & ~(multiple - 1);
}

#endif
