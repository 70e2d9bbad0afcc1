/* Frames as the floats that models take, for who trains them. */
#include "image/frame.h"
#include "support/abi.h"
#include "support/error.h"

#include <metaformer/engine.h>

#include <stdlib.h>

mf_status mf_frame_planes(const mf_image *frame, int32_t channels, int32_t height, int32_t width, float *planes,
                          mf_error *error) {
    if (!frame || !planes) return mf_fail(error, MF_E_INVALID, "mf_frame_planes: NULL argument");
    if ((channels != 1 && channels != 3) || height < 1 || width < 1 || height > MF_MAX_SIDE || width > MF_MAX_SIDE)
        return mf_fail(error, MF_E_INVALID,
                       "mf_frame_planes: 1 or 3 channels of 1 to %d rows and columns, not %d of %d x %d", MF_MAX_SIDE,
                       channels, width, height);
    mf_image own;
    MF_TRY(mf_image_read(frame, &own, error));
    MF_TRY(mf_frame_check(&own, error));
    mf_pool alone = {.threads = 1};
    void *scratch = malloc(MF_RESAMPLE_SCRATCH);
    if (!scratch) return mf_fail(error, MF_E_NOMEM, "no memory to read a frame");
    mf_tiling tiling = mf_tiling_make(MF_FRAMING_STRETCH, own.height, own.width, height, width);
    mf_tile tile = mf_tiling_tile(&tiling, 0, 0);
    mf_frame_resample(&own, channels, &tiling, &tile, planes, &alone, scratch);
    free(scratch);
    return MF_OK;
}
