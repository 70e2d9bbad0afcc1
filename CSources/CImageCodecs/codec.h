/// What the codecs share: how they fail, where they put pixels, where they write bytes.
#ifndef MFC_CODEC_H
#define MFC_CODEC_H

#include "CImageCodecs.h"

#include <stdarg.h>
#include <stdbool.h>

/// Where a failure is told. Only the first one counts: what a library says later is a consequence of it.
typedef struct mfc_report {
    mfc_status status;
    char *message;
    size_t message_size;
} mfc_report;

/// A file to read, and where its pixels go: nowhere (`pixels` NULL) when only the header is wanted.
typedef struct mfc_read_job {
    const uint8_t *data;
    size_t size;
    mfc_image_info info;
    uint8_t *pixels;
    size_t pixels_size;
    mfc_report report;
} mfc_read_job;

/// Pixels as they are stored in the file, mapped to where they stand upright: stored pixel (x, y) goes to the byte
/// `origin + x * step_x + y * step_y`.
typedef struct mfc_canvas {
    uint8_t *pixels;
    ptrdiff_t origin, step_x, step_y;
} mfc_canvas;

/// A growing file in memory.
typedef struct mfc_sink {
    uint8_t *bytes;
    size_t size, capacity, position;
} mfc_sink;

void mfc_fail(mfc_report *report, mfc_status status, const char *format, ...) __attribute__((format(printf, 3, 4)));
void mfc_vfail(mfc_report *report, mfc_status status, const char *format, va_list arguments)
    __attribute__((format(printf, 3, 0)));

/// Takes what the header says into `job->info`, turned upright; tells a failure and returns false when a limit is
/// broken.
bool mfc_accept_header(mfc_read_job *job, uint32_t width, uint32_t height, uint32_t channels, mfc_sample sample,
                       unsigned orientation);

/// True when the header was all that was asked for; tells a failure when the pixel buffer has the wrong size.
bool mfc_header_only(mfc_read_job *job);

size_t mfc_sample_size(mfc_sample sample);

/// `orientation` is that of EXIF and TIFF, 1 to 8.
mfc_canvas mfc_canvas_make(const mfc_read_job *job, unsigned orientation);

/// Puts `count` stored pixels from (x, y) on along a row: of each, `size` bytes, `offset` bytes into the upright pixel.
void mfc_canvas_put(const mfc_canvas *canvas, uint32_t x, uint32_t y, uint32_t count, const uint8_t *source,
                    size_t source_step, size_t offset, size_t size);

/// Writes at the sink's position and moves on; false when memory is out.
bool mfc_sink_write(mfc_sink *sink, const void *bytes, size_t size);
void mfc_sink_free(mfc_sink *sink);

void mfc_read_png(mfc_read_job *job);
void mfc_read_jpeg(mfc_read_job *job);
void mfc_read_tiff(mfc_read_job *job);
void mfc_read_bmp(mfc_read_job *job);

#endif
