#include "image/framing.h"

/* Neighbours share at least this part of a view: a window's border errors then have no weight. */
enum { OVERLAP_PARTS = 4 };

static int32_t overlap(int32_t view) {
    return view / OVERLAP_PARTS;
}

/* The least number of views that cover an axis. */
static int32_t count_views(mf_framing framing, int32_t frame, int32_t view) {
    if (framing != MF_FRAMING_TILE || frame <= view) return 1;
    int32_t step = view - overlap(view);
    return (frame - overlap(view) + step - 1) / step;
}

mf_plan mf_plan_make(mf_framing framing, int32_t frame_height, int32_t frame_width, int32_t height, int32_t width) {
    return (mf_plan){.framing = framing,
                     .frame_height = frame_height,
                     .frame_width = frame_width,
                     .height = height,
                     .width = width,
                     .rows = count_views(framing, frame_height, height),
                     .columns = count_views(framing, frame_width, width)};
}

/* The whole axis in the middle of the view. */
static mf_span centred(int32_t frame, int32_t view, int32_t fills) {
    return (mf_span){0, frame, (view - fills) / 2, fills};
}

/* Where a tile starts: all are spread evenly, from one edge of the frame to the other. */
static int32_t tile_start(int32_t frame, int32_t view, int32_t count, int32_t index) {
    return count == 1 ? 0 : (int32_t)((int64_t)index * (frame - view) / (count - 1));
}

static mf_span tile_span(int32_t frame, int32_t view, int32_t count, int32_t index) {
    if (frame < view) return centred(frame, view, frame);
    return (mf_span){tile_start(frame, view, count, index), view, 0, view};
}

/* An axis's part of a view when it is scaled by numerator / denominator, at least one cell. */
static int32_t scaled(int32_t frame, int64_t numerator, int64_t denominator) {
    int64_t cells = (2 * frame * numerator + denominator) / (2 * denominator);
    return cells < 1 ? 1 : (int32_t)cells;
}

mf_view mf_plan_view(const mf_plan *p, int32_t row, int32_t column) {
    if (p->framing == MF_FRAMING_TILE)
        return (mf_view){tile_span(p->frame_width, p->width, p->columns, column),
                         tile_span(p->frame_height, p->height, p->rows, row)};
    mf_view view = {{0, p->frame_width, 0, p->width}, {0, p->frame_height, 0, p->height}};
    if (p->framing != MF_FRAMING_FIT) return view;
    if ((int64_t)p->height * p->frame_width <= (int64_t)p->width * p->frame_height)
        view.across = centred(p->frame_width, p->width, scaled(p->frame_width, p->height, p->frame_height));
    else
        view.down = centred(p->frame_height, p->height, scaled(p->frame_height, p->width, p->frame_width));
    return view;
}

int mf_view_is_full(const mf_plan *plan, const mf_view *view) {
    return view->across.fills == plan->width && view->down.fills == plan->height;
}

/* From the edge of a view to where its neighbour's part ends: 3t² - 2t³, and never quite nothing. */
static float rise(int32_t at, int32_t view) {
    int32_t edge = at < view - 1 - at ? at : view - 1 - at;
    float t = ((float)edge + 0.5f) / (float)overlap(view);
    return t >= 1 ? 1 : t * t * (3 - 2 * t);
}

static void fill_weights(int32_t frame, int32_t view, int32_t count, int32_t index, float *weights) {
    int32_t start = tile_start(frame, view, count, index);
    for (int32_t i = 0; i < view; i++) {
        float sum = 0;
        /* Steps are over three eighths of a view: none but the two next ones on either side reach into it. */
        for (int32_t other = index < 2 ? 0 : index - 2; other <= index + 2 && other < count; other++) {
            int32_t at = start + i - tile_start(frame, view, count, other);
            if (at >= 0 && at < view) sum += rise(at, view);
        }
        weights[i] = rise(i, view) / sum;
    }
}

void mf_plan_weights_across(const mf_plan *plan, int32_t column, float *weights) {
    fill_weights(plan->frame_width, plan->width, plan->columns, column, weights);
}

void mf_plan_weights_down(const mf_plan *plan, int32_t row, float *weights) {
    fill_weights(plan->frame_height, plan->height, plan->rows, row, weights);
}
