/* An allocator for targets that ends at a limit, and tells what is out. */
#ifndef FUZZ_MEMORY_H
#define FUZZ_MEMORY_H
#include <metaformer.h>
#include <stdlib.h>

typedef struct memory {
    size_t live, limit, calls, refused; /* refused: the number of the call that gets nothing, or 0 */
} memory;

enum { LARGE = 1 << 20 };
static size_t *spare; /* a large block that is used again for the same size, as the system takes its time for such */

static inline void *memory_take(void *opaque, size_t size, size_t alignment) {
    memory *m = opaque;
    if (++m->calls == m->refused || size > m->limit || m->live > m->limit - size) return NULL;
    size_t *block = spare && *spare == size ? spare : aligned_alloc(alignment, size + alignment);
    if (!block) return NULL;
    if (block == spare) spare = NULL;
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
    if (!spare && *block > LARGE)
        spare = block;
    else
        free(block);
}
#endif
