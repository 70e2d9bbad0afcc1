#include "support/resources.h"

#include "support/abi.h"
#include "support/error.h"
#include "support/memory.h"

mf_status mf_resources_resolve(const mf_runner_options *given, const mf_allocator *fallback,
                               mf_resources *out_resources, mf_error *error) {
    mf_runner_options o = {.struct_size = sizeof o};
    if (given) MF_TRY(mf_runner_options_read(given, &o, error));
    MF_TRY(mf_pool_check(o.threads, o.pool, error));
    MF_TRY(mf_allocator_resolve(o.allocator ? o.allocator : fallback, &out_resources->allocator, error));
    MF_TRY(mf_isa_resolve(o.isa, &out_resources->isa, error));
    if (o.precision < MF_PRECISION_DEFAULT || o.precision > MF_PRECISION_INT8)
        return mf_fail(error, MF_E_INVALID, "precision %d does not exist", (int)o.precision);
    out_resources->precision = o.precision;
    out_resources->pool = mf_pool_make(o.threads, o.pool);
    return MF_OK;
}
