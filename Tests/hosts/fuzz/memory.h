/* An allocator for targets that ends at a limit, and tells what is out. */
#ifndef FUZZ_MEMORY_H
#define FUZZ_MEMORY_H
#include <metaformer.h>
#include <stdlib.h>

typedef struct memory {
    size_t live, limit, calls, refused; /* refused: the number of the call that gets nothing, or 0 */
} memory;

static inline void *memory_take(void *opaque, size_t size, size_t alignment) {
    memory *m = opaque;
    if (++m->calls == m->refused || size > m->limit || m->live > m->limit - size) return NULL;
    size_t *block = aligned_alloc(alignment, size + alignment);
    if (!block) return NULL;
    *block = size;
    m->live += size;
    return (char *)block + alignment;
}

/* The library asks for cache lines: the size lies one before. */
static inline void memory_give_back(void *opaque, void *pointer) {
    if (!pointer) return;
    memory *m = opaque;
    size_t *block = (size_t *)(void *)((char *)pointer - 64);
    m->live -= *block;
    free(block);
}
#endif
