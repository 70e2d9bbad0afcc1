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
    mfc_content content;
    mfc_image_info info;
    uint8_t *pixels;
    size_t pixels_size;
    mfc_report report;
} mfc_read_job;

/// A file format: all that there is to know of it. A new one is a file that defines this, and a line in formats.c.
typedef struct mfc_codec {
    const char *name;
    const char *const *endings; ///< of the names of its files, in small letters without the dot; NULL after the last
    bool (*recognises)(const uint8_t *data, size_t size); ///< by the first bytes
    void (*read)(mfc_read_job *job);
} mfc_codec;

/// The format that the first bytes announce, or NULL.
const mfc_codec *mfc_find_codec(const uint8_t *data, size_t size);

/// Reads a file of whatever format.
void mfc_read(mfc_read_job *job);

/// Colours that pixels name by index. Those that a file does not set are black.
typedef struct mfc_palette {
    uint8_t colours[256][3]; ///< red, green, blue
} mfc_palette;

/// Whether the first `count` colours are greys.
bool mfc_palette_is_grey(const mfc_palette *palette, size_t count);

/// For MFC_MASKS: makes the first colour black and all others white.
void mfc_palette_mark(mfc_palette *palette);

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
/// Leaves a remark with a file that is read all the same; the first one counts.
void mfc_remark(mfc_report *report, const char *text);
void mfc_vfail(mfc_report *report, mfc_status status, const char *format, va_list arguments)
    __attribute__((format(printf, 3, 0)));

/// Takes what the header says into `job->info`, turned upright; tells a failure and returns false when a limit is
/// broken.
bool mfc_accept_header(mfc_read_job *job, uint32_t width, uint32_t height, uint32_t channels, mfc_sample sample,
                       unsigned orientation);

/// True when the header was all that was asked for; tells a failure when the pixel buffer has the wrong size.
bool mfc_header_only(mfc_read_job *job);

size_t mfc_sample_size(mfc_sample sample);

/// Samples of 1 to 16 bits, packed from the highest bit of each byte on, as bytes (up to 8 bits) or 16-bit words, scaled
/// to their whole range unless `is_index`.
void mfc_unpack(const uint8_t *packed, size_t count, unsigned bits, bool is_index, void *samples);

/// The orientation in EXIF data, which are a small TIFF file, or 0 where it tells none.
unsigned mfc_exif_orientation(const uint8_t *bytes, size_t size);

/// The same in XMP, which is XML.
unsigned mfc_xmp_orientation(const char *text, size_t size);

/// `orientation` is that of EXIF and TIFF, 1 to 8.
mfc_canvas mfc_canvas_make(const mfc_read_job *job, unsigned orientation);

/// Puts `count` stored pixels from (x, y) on along a row: of each, `size` bytes, `offset` bytes into the upright pixel.
void mfc_canvas_put(const mfc_canvas *canvas, uint32_t x, uint32_t y, uint32_t count, const uint8_t *source,
                    size_t source_step, size_t offset, size_t size);

/// Writes at the sink's position and moves on; false when memory is out.
bool mfc_sink_write(mfc_sink *sink, const void *bytes, size_t size);
void mfc_sink_free(mfc_sink *sink);

#endif
