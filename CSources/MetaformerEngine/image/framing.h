/* How frames of any size come to a model's input, and its maps back: a frame is seen in one view or in many. */
#ifndef MF_IMAGE_FRAMING_H
#define MF_IMAGE_FRAMING_H

#include <metaformer.h>

/* Along one axis: pixels from … from + count - 1 of the frame, which fill cells place … place + fills - 1 of the view. */
typedef struct mf_span {
    int32_t from, count;
    int32_t place, fills;
} mf_span;

/* What a view shows of its frame; what is not filled is padding. */
typedef struct mf_view {
    mf_span across, down;
} mf_view;

/* All views of a frame. */
typedef struct mf_plan {
    mf_framing framing;
    int32_t frame_height, frame_width;
    int32_t height, width; /* of a view */
    int32_t rows, columns; /* of views */
} mf_plan;

mf_plan mf_plan_make(mf_framing framing, int32_t frame_height, int32_t frame_width, int32_t height, int32_t width);
mf_view mf_plan_view(const mf_plan *plan, int32_t row, int32_t column);

/* Whether the view is all frame, without padding. */
int mf_view_is_full(const mf_plan *plan, const mf_view *view);

/*
 * What the views of a row (or, in the frame's rows, of a column) weigh in the blended map, a number a cell of the view:
 * rising smoothly from its edges, and adding up to one over all views that show a pixel.
 */
void mf_plan_weights_across(const mf_plan *plan, int32_t column, float *weights);
void mf_plan_weights_down(const mf_plan *plan, int32_t row, float *weights);

#endif
