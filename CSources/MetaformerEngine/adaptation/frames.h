/* Frames of a host's, and the masks that go with them: none, one for all or one for each. */
#ifndef MF_ADAPTATION_FRAMES_H
#define MF_ADAPTATION_FRAMES_H

#include <metaformer.h>

typedef struct mf_frames {
    const char *name; /* of one, in messages */
    const mf_image *items;
    size_t count;
    const mf_mask *masks;
    size_t mask_count;
} mf_frames;

/* Checks all of them, before any is worked on; *widest becomes the largest width, pixels, where it was less. */
mf_status mf_frames_check(const mf_frames *frames, int32_t *widest, mf_error *error);

/* A frame that was checked, and its mask: read into out_mask, or NULL. */
mf_image mf_frames_at(const mf_frames *frames, size_t index);
const mf_mask *mf_frames_mask(const mf_frames *frames, size_t index, mf_mask *out_mask);

#endif
