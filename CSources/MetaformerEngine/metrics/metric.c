#include "metrics/metric.h"

#include "support/abi.h"
#include "support/error.h"
#include "support/memory.h"

#include <math.h>

mf_status mf_metric_options_resolve(const mf_metric_options *given, mf_metric_options *out_options,
                                    mf_allocator *out_allocator, mf_error *error) {
    mf_metric_options options = {.struct_size = sizeof options};
    if (given) MF_TRY(mf_metric_options_read(given, &options, error));
    MF_TRY(mf_pool_check(options.threads, NULL, error));
    if (options.bins != 0) {
        if (options.bins < 2 || options.bins > MF_MAX_EVALUATION_BINS)
            return mf_fail(error, MF_E_INVALID, "bins is %d; give 0, or 2 to %d", options.bins, MF_MAX_EVALUATION_BINS);
        if (!isfinite(options.low) || !isfinite(options.high) || !(options.low < options.high))
            return mf_fail(error, MF_E_INVALID, "the bins need low below high, both finite");
    }
    MF_TRY(mf_allocator_resolve(options.allocator, out_allocator, error));
    *out_options = options;
    return MF_OK;
}
