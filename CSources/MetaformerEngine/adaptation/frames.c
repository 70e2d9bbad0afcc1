#include "adaptation/frames.h"

#include "image/frame.h"
#include "support/abi.h"
#include "support/error.h"

static size_t mask_of(const mf_frames *f, size_t index) {
    return f->mask_count == 1 ? 0 : index;
}

static mf_status check_one(const mf_image *frame, const mf_mask *mask, mf_error *error) {
    MF_TRY(mf_frame_check(frame, error));
    if (!mask) return MF_OK;
    MF_TRY(mf_mask_check(mask, frame, error));
    return mf_mask_is_empty(mask) ? mf_fail(error, MF_E_INVALID, "mask: nothing in it is inspected") : MF_OK;
}

static mf_status read_item(const mf_frames *f, size_t index, mf_image *out_frame, mf_mask *out_mask, mf_error *error) {
    MF_TRY(mf_image_read_element(f->items, index, out_frame, error));
    if (f->mask_count) MF_TRY(mf_mask_read_element(f->masks, mask_of(f, index), out_mask, error));
    return check_one(out_frame, f->mask_count ? out_mask : NULL, error);
}

static mf_status read_source(const mf_frames *f, size_t index, mf_image *out_frame, mf_mask *out_mask,
                             mf_error *error) {
    mf_frame_source source;
    MF_TRY(mf_frame_source_read(f->source, &source, error));
    out_frame->struct_size = sizeof *out_frame, out_mask->struct_size = sizeof *out_mask;
    if (source.read(source.opaque, index, out_frame, out_mask))
        return mf_fail(error, MF_E_IO, "the host could not give it");
    return check_one(out_frame, mf_mask_of(out_mask), error);
}

mf_status mf_frames_read(const mf_frames *f, size_t index, mf_image *out_frame, mf_mask *out_mask, mf_error *error) {
    mf_error cause = {.struct_size = sizeof cause};
    *out_frame = (mf_image){0}, *out_mask = (mf_mask){0};
    mf_status status = (f->source ? read_source : read_item)(f, index, out_frame, out_mask, &cause);
    return status == MF_OK ? MF_OK : mf_fail(error, status, "%s %zu: %s", f->name, index, cause.text);
}

static mf_status check_source(const mf_frames *f, mf_error *error) {
    mf_frame_source source;
    MF_TRY(mf_frame_source_read(f->source, &source, error));
    if (!source.read) return mf_fail(error, MF_E_INVALID, "mf_frame_source: needs its function");
    if (f->items || f->mask_count)
        return mf_fail(error, MF_E_INVALID, "%ss come from a source or from an array, not from both", f->name);
    return MF_OK;
}

mf_status mf_frames_check(const mf_frames *f, int32_t *widest, mf_error *error) {
    if (f->source) return check_source(f, error);
    if (f->count && !f->items) return mf_fail(error, MF_E_INVALID, "no %ss", f->name);
    if (f->mask_count && (!f->masks || (f->mask_count != 1 && f->mask_count != f->count)))
        return mf_fail(error, MF_E_INVALID, "masks: one for all %ss or one for each of %zu, not %zu", f->name, f->count,
                       f->mask_count);
    for (size_t i = 0; i < f->count; i++) {
        mf_image frame;
        mf_mask mask;
        MF_TRY(mf_frames_read(f, i, &frame, &mask, error));
        *widest = frame.width > *widest ? frame.width : *widest;
    }
    return MF_OK;
}
