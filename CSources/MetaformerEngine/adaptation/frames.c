#include "adaptation/frames.h"

#include "image/frame.h"
#include "support/abi.h"
#include "support/error.h"

static size_t mask_of(const mf_frames *f, size_t index) {
    return f->mask_count == 1 ? 0 : index;
}

mf_image mf_frames_at(const mf_frames *f, size_t index) {
    return mf_image_at(f->items, index);
}

const mf_mask *mf_frames_mask(const mf_frames *f, size_t index, mf_mask *out_mask) {
    if (!f->mask_count) return NULL;
    *out_mask = mf_mask_at(f->masks, mask_of(f, index));
    return out_mask;
}

static mf_status check(const mf_frames *f, size_t index, mf_image *out_frame, mf_error *error) {
    mf_mask mask;
    MF_TRY(mf_image_read_element(f->items, index, out_frame, error));
    MF_TRY(mf_frame_check(out_frame, error));
    if (!f->mask_count) return MF_OK;
    MF_TRY(mf_mask_read_element(f->masks, mask_of(f, index), &mask, error));
    MF_TRY(mf_mask_check(&mask, out_frame, error));
    return mf_mask_is_empty(&mask) ? mf_fail(error, MF_E_INVALID, "mask: nothing in it is inspected") : MF_OK;
}

mf_status mf_frames_check(const mf_frames *f, int32_t *widest, mf_error *error) {
    if (f->mask_count && (!f->masks || (f->mask_count != 1 && f->mask_count != f->count)))
        return mf_fail(error, MF_E_INVALID, "masks: one for all %ss or one for each of %zu, not %zu", f->name, f->count,
                       f->mask_count);
    for (size_t i = 0; i < f->count; i++) {
        mf_image frame;
        mf_error cause = {.struct_size = sizeof cause};
        mf_status status = check(f, i, &frame, &cause);
        if (status != MF_OK) return mf_fail(error, status, "%s %zu: %s", f->name, i, cause.text);
        *widest = frame.width > *widest ? frame.width : *widest;
    }
    return MF_OK;
}
