/* An allocator for targets that ends at a limit, and tells what is out. */
#ifndef FUZZ_MEMORY_H
#define FUZZ_MEMORY_H
#include <metaformer.h>
#include <sanitizer/asan_interface.h>
#include <stdlib.h>

typedef struct memory {
    size_t live, limit, calls, refused; /* refused: the number of the call that gets nothing, or 0 */
} memory;

enum { LARGE = 1 << 16, SPARES = 16 };
static size_t
    *spares[SPARES]; /* large blocks that are used again for the same size, as the system takes its time for such */

static inline size_t *spare_block(size_t size) {
    for (int i = 0; i < SPARES; i++) {
        size_t *block = spares[i];
        if (!block || *block != size) continue;
        spares[i] = NULL;
        ASAN_UNPOISON_MEMORY_REGION((char *)block + 64, size);
        return block;
    }
    return NULL;
}

static inline void keep_block(size_t *block) {
    static int next;
    int slot = 0;
    while (slot < SPARES && spares[slot]) slot++;
    if (slot == SPARES) free(spares[slot = next++ % SPARES]);
    ASAN_POISON_MEMORY_REGION((char *)block + 64, *block);
    spares[slot] = block;
}

static inline void *memory_take(void *opaque, size_t size, size_t alignment) {
    memory *m = opaque;
    if (++m->calls == m->refused || size > m->limit || m->live > m->limit - size) return NULL;
    size_t *block = size > LARGE ? spare_block(size) : NULL;
    if (!block) block = aligned_alloc(alignment, size + alignment);
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
    if (*block > LARGE)
        keep_block(block);
    else
        free(block);
}
#endif
