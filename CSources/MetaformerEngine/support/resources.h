/* What a runner's options come to: memory, threads, instructions and precision. */
#ifndef MF_SUPPORT_RESOURCES_H
#define MF_SUPPORT_RESOURCES_H

#include "support/thread_pool.h"

#include <metaformer/engine.h>

typedef struct mf_resources {
    mf_allocator allocator;
    mf_pool pool;
    mf_isa isa;
    mf_precision precision;
} mf_resources;

/* Checks given, NULL for all defaults, and resolves it; fallback is the allocator where it names none. */
mf_status mf_resources_resolve(const mf_runner_options *given, const mf_allocator *fallback,
                               mf_resources *out_resources, mf_error *error);

#endif
