#define XXH_INLINE_ALL
#include <metaformer/engine.h>
#include <xxhash.h>

uint64_t mf_digest(const void *data, size_t size) {
    return XXH3_64bits(data, size);
}
