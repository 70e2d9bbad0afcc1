/* Frames of a host's, and the masks that go with them: none, one for all or one for each; all at once, or one at a time. */
#ifndef MF_ADAPTATION_FRAMES_H
#define MF_ADAPTATION_FRAMES_H

#include <metaformer.h>

typedef struct mf_frames {
    const char *name; /* of one, in messages */
    const mf_image *items;
    size_t count;
    const mf_mask *masks;
    size_t mask_count;
    const mf_frame_source *source; /* in place of items and masks; NULL for none */
} mf_frames;

/* Checks what can be before any is worked on: all of them, but for those of a source. *widest becomes the largest width,
   pixels, where it was less. */
mf_status mf_frames_check(const mf_frames *frames, int32_t *widest, mf_error *error);

/* A frame, and its mask, whose data is NULL where all is inspected; those of a source stay until the next is read. */
mf_status mf_frames_read(const mf_frames *frames, size_t index, mf_image *out_frame, mf_mask *out_mask,
                         mf_error *error);

/* NULL where all is inspected. */
static inline const mf_mask *mf_mask_of(const mf_mask *mask) {
    return mask->data ? mask : NULL;
}

#endif
