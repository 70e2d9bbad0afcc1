#include "image/appearance.h"

#include <math.h>

/* Less contrast than a step of 8 bits is noise: it has no sharpness. */
#define LEAST_CONTRAST (1.0 / 255)

uint32_t mf_appearance_compare(const mf_appearance *a, const mf_appearance_limits *l) {
    uint32_t reasons = 0;
    if (a->brightness < l->brightness_low) reasons |= MF_UNLIKE_DARK;
    if (a->brightness > l->brightness_high) reasons |= MF_UNLIKE_BRIGHT;
    if (a->contrast < l->contrast_low) reasons |= MF_UNLIKE_FLAT;
    if (a->contrast >= LEAST_CONTRAST && a->sharpness < l->sharpness_low) reasons |= MF_UNLIKE_BLURRED;
    if (a->anomaly > l->anomaly_high) reasons |= MF_UNLIKE_DIFFERENT;
    return reasons;
}

/* The luma of a cell, Rec. 601. */
static inline float luma(const float *planes, int32_t channels, int64_t plane, int64_t at) {
    if (channels == 1) return planes[at];
    return 0.299f * planes[at] + 0.587f * planes[plane + at] + 0.114f * planes[2 * plane + at];
}

static void add_row(mf_appearance_sums *s, const float *planes, int32_t channels, int64_t plane, int64_t pitch,
                    int64_t at, int64_t cells, int has_rows, const uint8_t *inside) {
    double sum = 0, squares = 0, laplacian = 0;
    for (int64_t x = 0; x < cells; x++, at++) {
        if (inside && !inside[at]) continue;
        float own = luma(planes, channels, plane, at);
        s->cells++;
        sum += (double)own;
        squares += (double)own * (double)own;
        if (!has_rows || x == 0 || x == cells - 1) continue;
        float around = luma(planes, channels, plane, at - 1) + luma(planes, channels, plane, at + 1) +
                       luma(planes, channels, plane, at - pitch) + luma(planes, channels, plane, at + pitch);
        s->inner++;
        laplacian += (double)fabsf(4 * own - around);
    }
    s->sum += sum, s->squares += squares, s->laplacian += laplacian;
}

void mf_appearance_add(mf_appearance_sums *s, const float *planes, int32_t channels, const mf_tiling *tiling,
                       const mf_tile *tile, const uint8_t *inside) {
    int64_t pitch = tiling->width, plane = pitch * tiling->height, rows = tile->down.fills;
    for (int64_t y = 0; y < rows; y++)
        add_row(s, planes, channels, plane, pitch, (tile->down.place + y) * pitch + tile->across.place,
                tile->across.fills, y > 0 && y < rows - 1, inside);
}

void mf_appearance_finish(const mf_appearance_sums *s, mf_appearance *out) {
    double cells = s->cells ? (double)s->cells : 1, mean = s->sum / cells;
    out->brightness = mean;
    out->contrast = sqrt(fmax(s->squares / cells - mean * mean, 0));
    double edges = s->inner ? s->laplacian / (double)s->inner : 0;
    out->sharpness = edges / fmax(out->contrast, 1e-6);
}
