#include "image/frame.h"

#include "image/pixels.h"
#include "support/error.h"
#include "support/memory.h"

#include <string.h>

/* ---- Checks ----------------------------------------------------------------------------------------------------- */

static mf_status check_stride(ptrdiff_t stride, int64_t row, const char *what, mf_error *error) {
    int64_t length = stride < 0 ? -(int64_t)stride : (int64_t)stride;
    if (length < row)
        return mf_fail(error, MF_E_INVALID, "%s: a row takes %lld bytes, row_stride is %td", what, (long long)row,
                       stride);
    return MF_OK;
}

mf_status mf_frame_check(const mf_image *frame, mf_error *error) {
    if (!frame->data) return mf_fail(error, MF_E_INVALID, "frame: without data");
    const mf_pixel_layout *l = mf_pixel_layout_find(frame->pixel_format);
    if (!l)
        return mf_fail(error, MF_E_UNSUPPORTED,
                       "frame: pixel format 0x%08x is not read; Mono, RGB and BGR of 8 to 16 bits are, RGBa8, BGRa8, "
                       "Mono10p, Mono12p, Mono10Packed, Mono12Packed, Bayer of 8 to 12 bits, YUV422_8 and YCbCr422_8",
                       frame->pixel_format);
    if (frame->width < MF_MIN_SIDE || frame->height < MF_MIN_SIDE || frame->width > MF_MAX_SIDE ||
        frame->height > MF_MAX_SIDE)
        return mf_fail(error, MF_E_LIMIT, "frame: %d x %d pixels; each side is %d to %d", frame->width, frame->height,
                       MF_MIN_SIDE, MF_MAX_SIDE);
    if (l->wide && ((uintptr_t)frame->data % 2 || frame->row_stride % 2))
        return mf_fail(error, MF_E_INVALID, "frame: %s at an odd address or stride", l->name);
    return check_stride(frame->row_stride, mf_pixel_row_bytes(l, frame->width), "frame", error);
}

mf_status mf_mask_check(const mf_mask *mask, const mf_image *frame, mf_error *error) {
    if (!mask->data) return mf_fail(error, MF_E_INVALID, "mask: without data");
    if (mask->width != frame->width || mask->height != frame->height)
        return mf_fail(error, MF_E_INVALID, "mask: %d x %d pixels, the frame has %d x %d", mask->width, mask->height,
                       frame->width, frame->height);
    return check_stride(mask->row_stride, mask->width, "mask", error);
}

mf_status mf_map_check(const mf_map *map, const mf_image *frame, mf_error *error) {
    if (!map->data) return mf_fail(error, MF_E_INVALID, "map: without data");
    if (map->width != frame->width || map->height != frame->height)
        return mf_fail(error, MF_E_INVALID, "map: %d x %d pixels, the frame has %d x %d", map->width, map->height,
                       frame->width, frame->height);
    if ((uintptr_t)map->data % sizeof(float) || map->row_stride % (ptrdiff_t)sizeof(float))
        return mf_fail(error, MF_E_INVALID, "map: at an odd address or stride");
    return check_stride(map->row_stride, (int64_t)map->width * (int64_t)sizeof(float), "map", error);
}

/* ---- Resampling -------------------------------------------------------------------------------------------------- */

/* The triangle filter for one output position: inputs first … first + count - 1 with weight(i), which sum to total. */
typedef struct window {
    int64_t first, count;
    float centre, reach;
} window;

static window window_at(int64_t i, int64_t in, int64_t out) {
    if (in == out) return (window){i, 1, (float)i, 1};
    float ratio = (float)in / (float)out, reach = ratio > 1 ? ratio : 1, centre = ((float)i + 0.5f) * ratio - 0.5f;
    window w = {.centre = centre, .reach = reach};
    int64_t last = (int64_t)(centre + reach + 1);
    w.first = (int64_t)(centre - reach);
    if (w.first < 0) w.first = 0;
    if (last > in - 1) last = in - 1;
    w.count = last - w.first + 1;
    return w;
}

static inline float weight(const window *w, int64_t i) {
    float distance = ((float)(w->first + i) - w->centre) / w->reach;
    distance = distance < 0 ? -distance : distance;
    return distance < 1 ? 1 - distance : 0;
}

/* One sample's plane of a row, scaled to [0, 1], added to sums with a weight. */
static void add_row_8(const uint8_t *row, int64_t width, int step, float factor, float *sums) {
    for (int64_t x = 0; x < width; x++) sums[x] += factor * (float)row[x * step];
}

static void add_row_16(const uint16_t *row, int64_t width, int step, float factor, float *sums) {
    for (int64_t x = 0; x < width; x++) sums[x] += factor * (float)row[x * step];
}

/* Whether sums of rows lie as pixels do, channels interleaved: whole rows are added up then, without a step. */
static int is_interleaved(const mf_pixel_layout *l, int32_t channels) {
    return l->coding == MF_CODING_PLAIN && l->samples == 3 && channels == 3;
}

static void add_row(const mf_pixel_layout *l, const uint8_t *row, int place, int64_t width, int step, float factor,
                    float *sums) {
    if (l->wide)
        add_row_16((const uint16_t *)(const void *)row + place, width, step, factor, sums);
    else
        add_row_8(row + place, width, step, factor, sums);
}

/* The weighted sum of the rows of a window of a tile: of interleaved pixels, or as planes of width floats: one of luma, or
   three. `decoded` has room for a row of pixels that are not plain. */
static void sum_rows(const mf_image *frame, const mf_pixel_layout *l, const mf_tile *tile, const window *rows,
                     int32_t channels, float *planes, uint16_t *decoded) {
    static const float luma[3] = {0.299f, 0.587f, 0.114f};
    int64_t width = tile->across.count;
    int plain = l->coding == MF_CODING_PLAIN, samples = plain ? l->samples : l->channels;
    int places[3] = {plain ? l->red : 0, 1, plain ? l->blue : 2};
    if (l->channels == 1) places[0] = 0;
    memset(planes, 0, (size_t)(width * channels) * sizeof(float));
    float total = 0;
    for (int64_t i = 0; i < rows->count; i++) total += weight(rows, i);
    for (int64_t i = 0; i < rows->count; i++) {
        float share = weight(rows, i) / total * l->scale;
        if (share == 0) continue;
        int64_t y = tile->down.from + rows->first + i;
        const uint8_t *row = (const uint8_t *)frame->data + y * frame->row_stride;
        if (plain) row += mf_pixel_row_bytes(l, tile->across.from);
        if (!plain) mf_pixels_decode(frame, l, y, tile->across.from, width, decoded);
        if (is_interleaved(l, channels)) {
            add_row(l, row, 0, 3 * width, 1, share, planes);
            continue;
        }
        for (int c = 0; c < l->channels; c++) {
            float factor = channels == 1 && l->channels == 3 ? share * luma[c] : share;
            float *sums = planes + (channels == 3 ? c * width : 0);
            if (plain)
                add_row(l, row, places[c], width, samples, factor, sums);
            else
                add_row_16(decoded + places[c], width, samples, factor, sums);
        }
    }
    if (channels == 3 && l->channels == 1)
        for (int c = 1; c < 3; c++) memcpy(planes + c * width, planes, (size_t)width * sizeof(float));
}

/* The windows of all columns, which are those of every row: where each begins, and its weights, one's behind another's. */
typedef struct columns {
    int64_t in, out;
    int32_t *first, *count;
    float *total, *weights;
} columns;

static columns columns_make(int64_t in, int64_t out, void *scratch) {
    int32_t *first = scratch;
    float *total = (float *)scratch + 2 * MF_MAX_SIDE;
    columns c = {in, out, first, first + MF_MAX_SIDE, total, total + MF_MAX_SIDE};
    float *weights = c.weights;
    for (int64_t x = 0; x < out && in != out; x++) {
        window w = window_at(x, in, out);
        float sum = 0;
        for (int64_t i = 0; i < w.count; i++) sum += *weights++ = weight(&w, i);
        c.first[x] = (int32_t)w.first, c.count[x] = (int32_t)w.count, c.total[x] = sum;
    }
    return c;
}

/* A row whose values lie step floats apart. */
static void resample_row(const columns *c, const float *row, int64_t step, float *to) {
    if (c->in == c->out) {
        for (int64_t x = 0; x < c->in; x++) to[x] = row[x * step];
        return;
    }
    const float *weights = c->weights;
    for (int64_t x = 0; x < c->out; x++) {
        const float *from = row + c->first[x] * step;
        float sum = 0;
        for (int64_t i = 0; i < c->count[x]; i++) sum += weights[i] * from[i * step];
        weights += c->count[x];
        to[x] = sum / c->total[x];
    }
}

typedef struct resample_job {
    const mf_image *frame;
    const mf_pixel_layout *l;
    const mf_tile *tile;
    int32_t channels, height, width; /* what a frame fills of its planes, or a map of its own */
    float *planes;
    int64_t pitch, plane_size; /* of the planes, or of a map's, floats */
    const float *plane;        /* instead of a frame: a map's */
    const mf_map *map;
    columns columns;
    float *rows;       /* of all bands */
    uint16_t *decoded; /* of all bands */
} resample_job;

/* Scratch: rows and decoded rows of all bands, then what columns take. */
static void *columns_scratch(void *scratch) {
    return (char *)scratch + MF_RESAMPLE_ROW_BYTES;
}

static float *band_rows(const resample_job *job, size_t band) {
    return job->rows + band * 3 * MF_MAX_SIDE;
}

static void frame_band(void *context, size_t band, int worker) {
    (void)worker;
    const resample_job *job = context;
    float *rows = band_rows(job, band);
    for (size_t y = mf_share((size_t)job->height, MF_RESAMPLE_BANDS, band),
                end = mf_share((size_t)job->height, MF_RESAMPLE_BANDS, band + 1);
         y < end; y++) {
        int64_t width = job->tile->across.count;
        window w = window_at((int64_t)y, job->tile->down.count, job->height);
        sum_rows(job->frame, job->l, job->tile, &w, job->channels, rows, job->decoded + band * 3 * MF_MAX_SIDE);
        int interleaved = is_interleaved(job->l, job->channels), places[3] = {job->l->red, 1, job->l->blue};
        for (int64_t c = 0; c < job->channels; c++)
            resample_row(&job->columns, interleaved ? rows + places[c] : rows + c * width, interleaved ? 3 : 1,
                         job->planes + c * job->plane_size + (int64_t)y * job->pitch);
    }
}

/* Repeats a plane's outermost cells beyond what its tile fills. */
static void pad(float *plane, const mf_tiling *tiling, const mf_tile *tile) {
    int64_t width = tiling->width, left = tile->across.place, right = left + tile->across.fills - 1;
    int64_t top = tile->down.place, bottom = top + tile->down.fills - 1;
    for (int64_t y = top; y <= bottom; y++) {
        float *row = plane + y * width;
        for (int64_t x = 0; x < left; x++) row[x] = row[left];
        for (int64_t x = right + 1; x < width; x++) row[x] = row[right];
    }
    for (int64_t y = 0; y < tiling->height; y++)
        if (y < top || y > bottom)
            memcpy(plane + y * width, plane + (y < top ? top : bottom) * width, (size_t)width * sizeof(float));
}

void mf_frame_resample(const mf_image *frame, int32_t channels, const mf_tiling *tiling, const mf_tile *tile,
                       float *planes, const mf_pool *pool, void *scratch) {
    int64_t pitch = tiling->width, plane = pitch * tiling->height;
    resample_job job = {.frame = frame,
                        .l = mf_pixel_layout_find(frame->pixel_format),
                        .tile = tile,
                        .channels = channels,
                        .height = tile->down.fills,
                        .width = tile->across.fills,
                        .planes = planes + tile->down.place * pitch + tile->across.place,
                        .pitch = pitch,
                        .plane_size = plane,
                        .columns = columns_make(tile->across.count, tile->across.fills, columns_scratch(scratch)),
                        .rows = scratch,
                        .decoded = (uint16_t *)((float *)scratch + MF_RESAMPLE_BANDS * 3 * MF_MAX_SIDE)};
    mf_parallel_for(pool, MF_RESAMPLE_BANDS, frame_band, &job);
    for (int64_t c = 0; c < channels && !mf_tile_is_full(tiling, tile); c++) pad(planes + c * plane, tiling, tile);
}

static void map_row(const resample_job *job, size_t y, float *row) {
    memset(row, 0, (size_t)job->width * sizeof(float));
    window w = window_at((int64_t)y, job->height, job->map->height);
    float total = 0;
    for (int64_t i = 0; i < w.count; i++) total += weight(&w, i);
    for (int64_t i = 0; i < w.count; i++) {
        float share = weight(&w, i) / total;
        const float *from = job->plane + (w.first + i) * job->pitch;
        for (int64_t x = 0; x < job->width; x++) row[x] += share * from[x];
    }
    resample_row(&job->columns, row, 1,
                 (float *)(void *)((char *)job->map->data + (ptrdiff_t)y * job->map->row_stride));
}

static void map_band(void *context, size_t band, int worker) {
    (void)worker;
    const resample_job *job = context;
    size_t height = (size_t)job->map->height;
    for (size_t y = mf_share(height, MF_RESAMPLE_BANDS, band); y < mf_share(height, MF_RESAMPLE_BANDS, band + 1); y++)
        map_row(job, y, band_rows(job, band));
}

void mf_map_resample(const float *plane, const mf_tiling *tiling, const mf_tile *tile, const mf_map *map,
                     const mf_pool *pool, void *scratch) {
    resample_job job = {.plane = plane + (int64_t)tile->down.place * tiling->width + tile->across.place,
                        .pitch = tiling->width,
                        .height = tile->down.fills,
                        .width = tile->across.fills,
                        .columns = columns_make(tile->across.fills, map->width, columns_scratch(scratch)),
                        .map = map,
                        .rows = scratch};
    mf_parallel_for(pool, MF_RESAMPLE_BANDS, map_band, &job);
}

/* ---- Masks ------------------------------------------------------------------------------------------------------- */

int mf_mask_is_empty(const mf_mask *mask) {
    for (int64_t y = 0; y < mask->height; y++) {
        const uint8_t *row = mask->data + y * mask->row_stride;
        for (int64_t x = 0; x < mask->width; x++)
            if (row[x]) return 0;
    }
    return 1;
}

/* The pixels first … end - 1 of count that lie in a cell of so many; the nearest one where cells are smaller. */
static void covered(int64_t cell, int64_t cells, int64_t count, int64_t *first, int64_t *end) {
    *first = count < cells ? cell * count / cells : (cell * count + cells - 1) / cells;
    *end = count < cells ? *first + 1 : ((cell + 1) * count + cells - 1) / cells;
}

size_t mf_mask_resample(const mf_mask *mask, const mf_tiling *tiling, const mf_tile *tile, uint8_t *grid) {
    memset(grid, 0, (size_t)tiling->height * (size_t)tiling->width);
    size_t cells = 0;
    for (int64_t y = 0; y < tile->down.fills; y++) {
        uint8_t *out = grid + (tile->down.place + y) * tiling->width + tile->across.place;
        int64_t top, bottom;
        covered(y, tile->down.fills, tile->down.count, &top, &bottom);
        for (int64_t x = 0; x < tile->across.fills; x++) {
            int64_t left, right, inside = !mask;
            covered(x, tile->across.fills, tile->across.count, &left, &right);
            for (int64_t v = top; v < bottom && !inside; v++) {
                const uint8_t *row = mask->data + (tile->down.from + v) * mask->row_stride + tile->across.from;
                for (int64_t u = left; u < right && !inside; u++) inside = row[u] != 0;
            }
            out[x] = (uint8_t)inside;
            cells += (size_t)inside;
        }
    }
    return cells;
}
