#include "codec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tiffio.h>

/// What a row or a tile may take beside an image of its own size: what is larger is an attack on memory.
enum { spare_size = 16 << 20 };

/// A file in memory as libtiff sees it: either read-only bytes or a sink.
typedef struct tiff_file {
    const uint8_t *data;
    size_t size, position;
    mfc_sink *sink;
    mfc_report *report;
} tiff_file;

/// How the samples lie in the file.
typedef struct tiff_layout {
    uint32_t width, height;
    uint16_t samples, bits, format, photometric, planar, orientation;
    uint32_t channels;
    mfc_sample sample;
    bool is_packed;     ///< samples are not whole bytes
    bool is_indexed;    ///< samples name colours
    bool is_multiplied; ///< the colours are multiplied with the alpha that follows them
    mfc_palette palette;
} tiff_layout;

static tmsize_t on_read(thandle_t handle, void *target, tmsize_t size) {
    tiff_file *file = handle;
    const uint8_t *data = file->sink ? file->sink->bytes : file->data;
    const size_t end = file->sink ? file->sink->size : file->size;
    size_t *position = file->sink ? &file->sink->position : &file->position;
    if (size <= 0 || *position >= end) return 0;
    const size_t left = end - *position;
    const size_t count = (size_t)size < left ? (size_t)size : left;
    memcpy(target, data + *position, count);
    *position += count;
    return (tmsize_t)count;
}

static tmsize_t on_write(thandle_t handle, void *bytes, tmsize_t size) {
    tiff_file *file = handle;
    return size >= 0 && file->sink && mfc_sink_write(file->sink, bytes, (size_t)size) ? size : 0;
}

static toff_t on_size(thandle_t handle) {
    const tiff_file *file = handle;
    return file->sink ? file->sink->size : file->size;
}

static toff_t on_seek(thandle_t handle, toff_t offset, int whence) {
    tiff_file *file = handle;
    size_t *position = file->sink ? &file->sink->position : &file->position;
    if (whence == SEEK_CUR) offset += *position;
    if (whence == SEEK_END) offset += on_size(handle);
    *position = (size_t)offset;
    return offset;
}

static int on_close(thandle_t handle) {
    (void)handle;
    return 0;
}

static int on_error(TIFF *tiff, void *user, const char *module, const char *format, va_list arguments) {
    (void)tiff;
    (void)module;
    char text[MFC_MESSAGE_SIZE - 16];
    vsnprintf(text, sizeof text, format, arguments);
    if (strncmp(text, "Read error at", 13) == 0) {
        mfc_fail(user, MFC_CORRUPT, "truncated: the file ends before the image does");
    } else {
        mfc_fail(user, MFC_CORRUPT, "libtiff: %s", text);
    }
    return 1; // told: nothing goes to the global handler, which prints
}

/// Fax codes and JPEG fill what is missing with white or grey, and only warn.
static int on_warning(TIFF *tiff, void *user, const char *module, const char *format, va_list arguments) {
    (void)tiff;
    (void)module;
    char text[MFC_MESSAGE_SIZE - 16];
    vsnprintf(text, sizeof text, format, arguments);
    if (strstr(text, "Premature EOF") || strstr(text, "remature end of"))
        mfc_fail(user, MFC_CORRUPT, "libtiff: %s", text);
    return 1;
}

static TIFF *open_tiff(tiff_file *file, const char *mode) {
    TIFFOpenOptions *options = TIFFOpenOptionsAlloc();
    if (!options) {
        mfc_fail(file->report, MFC_NO_MEMORY, "out of memory");
        return NULL;
    }
    TIFFOpenOptionsSetMaxSingleMemAlloc(options, (tmsize_t)(file->size + 2 * (size_t)spare_size));
    TIFFOpenOptionsSetErrorHandlerExtR(options, on_error, file->report);
    TIFFOpenOptionsSetWarningHandlerExtR(options, on_warning, file->report);
    TIFF *tiff =
        TIFFClientOpenExt("image", mode, file, on_read, on_write, on_seek, on_close, on_size, NULL, NULL, options);
    TIFFOpenOptionsFree(options);
    if (!tiff) mfc_fail(file->report, MFC_CORRUPT, "libtiff cannot open it");
    // A field that libtiff cannot read, but opens the file without, is missed where it is needed.
    if (tiff) file->report->status = MFC_OK;
    return tiff;
}

static uint16_t field(TIFF *tiff, uint32_t tag, uint16_t otherwise) {
    uint16_t value = otherwise;
    return TIFFGetFieldDefaulted(tiff, tag, &value) ? value : otherwise;
}

/// Colours that are known but not read.
static const char *colour_name(uint16_t photometric) {
    switch (photometric) {
    case PHOTOMETRIC_MASK:
        return "a transparency mask";
    case PHOTOMETRIC_SEPARATED:
        return "CMYK or other inks";
    case PHOTOMETRIC_YCBCR:
        return "YCbCr other than in JPEG";
    case PHOTOMETRIC_CIELAB:
    case PHOTOMETRIC_ICCLAB:
    case PHOTOMETRIC_ITULAB:
        return "L*a*b*";
    case PHOTOMETRIC_CFA:
        return "a camera's raw mosaic";
    case PHOTOMETRIC_LOGL:
    case PHOTOMETRIC_LOGLUV:
        return "LogLuv";
    default:
        return NULL;
    }
}

/// Colours: grey, RGB or a palette, and what libjpeg turns into RGB inside a TIFF; extra samples (alpha) are dropped later.
static bool find_channels(TIFF *tiff, tiff_layout *layout, mfc_report *report) {
    switch (layout->photometric) {
    case PHOTOMETRIC_MINISBLACK:
    case PHOTOMETRIC_MINISWHITE:
    case PHOTOMETRIC_PALETTE:
        layout->is_indexed = layout->photometric == PHOTOMETRIC_PALETTE;
        layout->channels = 1;
        break;
    case PHOTOMETRIC_RGB:
        layout->channels = 3;
        break;
    case PHOTOMETRIC_YCBCR:
        if (field(tiff, TIFFTAG_COMPRESSION, COMPRESSION_NONE) == COMPRESSION_JPEG) {
            TIFFSetField(tiff, TIFFTAG_JPEGCOLORMODE, JPEGCOLORMODE_RGB);
            layout->channels = 3;
            break;
        } // fall through
    default: {
        const char *name = colour_name(layout->photometric);
        mfc_fail(report, MFC_UNSUPPORTED, "a TIFF of colour kind %u%s%s%s; save it as grey or RGB", layout->photometric,
                 name ? " (" : "", name ? name : "", name ? ")" : "");
        return false;
    }
    }
    if (layout->samples >= layout->channels) return true;
    mfc_fail(report, MFC_CORRUPT, "%u samples a pixel, where its colour kind needs %u", layout->samples,
             layout->channels);
    return false;
}

/// Takes over the palette, whose values have 16 bits, or 8 where a writer mistook it.
static bool read_palette(TIFF *tiff, tiff_layout *layout, mfc_read_job *job) {
    uint16_t *parts[3];
    if (layout->bits > 8 || layout->format != SAMPLEFORMAT_UINT) {
        mfc_fail(&job->report, MFC_UNSUPPORTED, "a TIFF with a palette and %u samples of %u bits; save it as RGB",
                 layout->samples, layout->bits);
        return false;
    }
    if (!TIFFGetField(tiff, TIFFTAG_COLORMAP, &parts[0], &parts[1], &parts[2])) {
        mfc_fail(&job->report, MFC_CORRUPT, "a TIFF of palette colours without a palette");
        return false;
    }
    const size_t count = (size_t)1 << layout->bits;
    bool is_wide = false;
    for (size_t i = 0; i < count; i++) is_wide |= parts[0][i] > 255 || parts[1][i] > 255 || parts[2][i] > 255;
    for (size_t i = 0; i < count; i++) {
        for (size_t c = 0; c < 3; c++) {
            layout->palette.colours[i][c] = (uint8_t)(is_wide ? parts[c][i] >> 8 : parts[c][i]);
        }
    }
    bool is_grey = mfc_palette_is_grey(&layout->palette, count);
    if (!is_grey && job->content == MFC_MASKS) {
        mfc_palette_mark(&layout->palette);
        is_grey = true;
    }
    layout->channels = is_grey ? 1 : 3;
    return true;
}

static bool find_sample(tiff_layout *layout, mfc_report *report) {
    const bool whole = layout->format == SAMPLEFORMAT_UINT || layout->format == SAMPLEFORMAT_VOID;
    if (whole && layout->bits >= 1 && layout->bits <= 16) {
        layout->sample = layout->bits <= 8 ? MFC_SAMPLE_U8 : MFC_SAMPLE_U16;
        layout->is_packed = layout->bits != 8 && layout->bits != 16;
        return true;
    }
    if (layout->format == SAMPLEFORMAT_IEEEFP && layout->bits == 32 && layout->samples == 1 &&
        layout->photometric == PHOTOMETRIC_MINISBLACK) {
        layout->sample = MFC_SAMPLE_F32;
        return true;
    }
    static const char *const names[] = {"", "unsigned", "signed", "floating-point", "untyped", "complex", "complex"};
    mfc_fail(
        report, MFC_UNSUPPORTED,
        "a TIFF of %u channels of %u-bit %s samples; read are 1 to 16 bits unsigned, grey, RGB or by a palette, and "
        "one channel of 32-bit floats",
        layout->channels, layout->bits, layout->format < 7 ? names[layout->format] : "unknown");
    return false;
}

static void refuse_alpha(mfc_report *report) {
    mfc_fail(report, MFC_UNSUPPORTED, "a TIFF whose colours are multiplied with transparency; save it without that");
}

/// Of a plane each, colours cannot be divided by their alpha in passing.
static bool find_alpha(TIFF *tiff, tiff_layout *layout) {
    uint16_t count = 0, *kinds = NULL;
    layout->is_multiplied = TIFFGetField(tiff, TIFFTAG_EXTRASAMPLES, &count, &kinds) && count > 0 &&
                            kinds[0] == EXTRASAMPLE_ASSOCALPHA && !layout->is_indexed &&
                            layout->samples > layout->channels;
    return !layout->is_multiplied || layout->planar != PLANARCONFIG_SEPARATE;
}

static bool check_compression(TIFF *tiff, mfc_report *report) {
    const uint16_t compression = field(tiff, TIFFTAG_COMPRESSION, COMPRESSION_NONE);
    if (TIFFIsCODECConfigured(compression)) return true;
    mfc_fail(report, MFC_UNSUPPORTED, "a TIFF compressed by method %u; save it with LZW, Deflate or none", compression);
    return false;
}

static bool read_layout(TIFF *tiff, tiff_layout *layout, mfc_read_job *job) {
    // A side that the file lacks is 0, which no image has.
    TIFFGetField(tiff, TIFFTAG_IMAGEWIDTH, &layout->width);
    TIFFGetField(tiff, TIFFTAG_IMAGELENGTH, &layout->height);
    layout->samples = field(tiff, TIFFTAG_SAMPLESPERPIXEL, 1);
    layout->bits = field(tiff, TIFFTAG_BITSPERSAMPLE, 1);
    layout->format = field(tiff, TIFFTAG_SAMPLEFORMAT, SAMPLEFORMAT_UINT);
    layout->planar = field(tiff, TIFFTAG_PLANARCONFIG, PLANARCONFIG_CONTIG);
    layout->orientation = field(tiff, TIFFTAG_ORIENTATION, 1);
    if (layout->orientation < 1 || layout->orientation > 8) layout->orientation = 1;
    if (!TIFFGetField(tiff, TIFFTAG_PHOTOMETRIC, &layout->photometric)) {
        layout->photometric = layout->samples >= 3 ? PHOTOMETRIC_RGB : PHOTOMETRIC_MINISBLACK;
    }
    mfc_report *report = &job->report;
    if (!check_compression(tiff, report) || !find_channels(tiff, layout, report) || !find_sample(layout, report) ||
        (layout->is_indexed && !read_palette(tiff, layout, job))) {
        return false;
    }
    if (!find_alpha(tiff, layout)) {
        refuse_alpha(report);
        return false;
    }
    return mfc_accept_header(job, layout->width, layout->height, layout->channels, layout->sample, layout->orientation);
}

static size_t samples_of_row(const tiff_layout *layout, uint32_t columns) {
    return (size_t)columns * (layout->planar == PLANARCONFIG_SEPARATE ? 1u : layout->samples);
}

static size_t expected_row_size(const tiff_layout *layout, uint32_t columns) {
    return (samples_of_row(layout, columns) * layout->bits + 7) / 8;
}

/// The bytes of a row of whole samples, or of a palette's colours.
static size_t scratch_size(const tiff_layout *layout, uint32_t columns) {
    if (!layout->is_packed && !layout->is_indexed) return 1; // rows are put as they are
    return samples_of_row(layout, columns) * mfc_sample_size(layout->sample) +
           (layout->is_indexed ? 3 * (size_t)columns : 0);
}

/// Takes alpha out of colours that were multiplied with it, as it is dropped; false where too few bits are left of them.
static bool divide(const tiff_layout *layout, uint8_t *row, uint32_t count) {
    for (size_t i = 0; i < count; i++, row += layout->samples * mfc_sample_size(layout->sample)) {
        if (layout->sample == MFC_SAMPLE_U16) {
            uint16_t alpha;
            memcpy(&alpha, row + 2 * layout->channels, sizeof alpha);
            if (alpha != 65535) return false;
            continue;
        }
        const uint32_t alpha = row[layout->channels];
        for (uint32_t c = 0; c < layout->channels && alpha > 0; c++) {
            const uint32_t value = row[c] * 255u / alpha;
            row[c] = (uint8_t)(value < 255 ? value : 255);
        }
    }
    return true;
}

/// Puts a row of stored samples, all channels of it when they are interleaved, or the one of its plane. `scratch` is of
/// scratch_size.
static bool put_row(const tiff_layout *layout, const mfc_canvas *canvas, uint32_t x, uint32_t y, uint32_t count,
                    uint8_t *row, uint32_t plane, uint8_t *scratch) {
    const size_t sample = mfc_sample_size(layout->sample);
    if (layout->is_packed) {
        mfc_unpack(row, samples_of_row(layout, count), layout->bits, layout->is_indexed, scratch);
        row = scratch;
    }
    if (layout->is_indexed) {
        uint8_t *colours = scratch + samples_of_row(layout, count);
        const size_t step = samples_of_row(layout, 1);
        for (size_t i = 0; i < count; i++) memcpy(colours + 3 * i, layout->palette.colours[row[i * step]], 3);
        mfc_canvas_put(canvas, x, y, count, colours, 3, 0, layout->channels);
    } else if (layout->planar == PLANARCONFIG_SEPARATE) {
        mfc_canvas_put(canvas, x, y, count, row, sample, plane * sample, sample);
    } else {
        if (layout->is_multiplied && !divide(layout, row, count)) return false;
        mfc_canvas_put(canvas, x, y, count, row, layout->samples * sample, 0, layout->channels * sample);
    }
    return true;
}

/// Whether a row or a tile of this size, and its scratch, are such as an image has.
static bool is_size(const mfc_read_job *job, tmsize_t size, size_t least, size_t scratch) {
    const size_t most = job->pixels_size + spare_size;
    return size > 0 && (size_t)size >= least && (size_t)size <= most && scratch <= most;
}

static void read_strips(TIFF *tiff, const tiff_layout *layout, const mfc_canvas *canvas, uint32_t planes,
                        mfc_read_job *job) {
    mfc_report *report = &job->report;
    const tmsize_t size = TIFFScanlineSize(tiff);
    const size_t room = scratch_size(layout, layout->width);
    if (!is_size(job, size, expected_row_size(layout, layout->width), room)) {
        mfc_fail(report, MFC_CORRUPT, "rows of %lld bytes", (long long)size);
        return;
    }
    uint8_t *row = malloc((size_t)size), *scratch = malloc(room);
    if (!row || !scratch) mfc_fail(report, MFC_NO_MEMORY, "out of memory");
    for (uint32_t plane = 0; plane < planes && report->status == MFC_OK; plane++) {
        for (uint32_t y = 0; y < layout->height && report->status == MFC_OK; y++) {
            if (TIFFReadScanline(tiff, row, y, (uint16_t)plane) < 0) {
                mfc_fail(report, MFC_CORRUPT, "row %u cannot be read", y);
            } else {
                if (!put_row(layout, canvas, 0, y, layout->width, row, plane, scratch)) refuse_alpha(report);
            }
        }
    }
    free(scratch);
    free(row);
}

static bool put_tile(const tiff_layout *layout, const mfc_canvas *canvas, uint32_t x, uint32_t y, uint32_t tile_width,
                     uint32_t tile_height, uint8_t *tile, uint32_t plane, uint8_t *scratch) {
    const uint32_t columns = layout->width - x < tile_width ? layout->width - x : tile_width;
    const uint32_t rows = layout->height - y < tile_height ? layout->height - y : tile_height;
    const size_t row_size = expected_row_size(layout, tile_width);
    for (uint32_t r = 0; r < rows; r++) {
        if (!put_row(layout, canvas, x, y + r, columns, tile + r * row_size, plane, scratch)) return false;
    }
    return true;
}

static void read_tiles(TIFF *tiff, const tiff_layout *layout, const mfc_canvas *canvas, uint32_t planes,
                       mfc_read_job *job) {
    mfc_report *report = &job->report;
    uint32_t width = 0, height = 0;
    TIFFGetField(tiff, TIFFTAG_TILEWIDTH, &width);
    TIFFGetField(tiff, TIFFTAG_TILELENGTH, &height);
    const tmsize_t size = TIFFTileSize(tiff);
    const size_t room = scratch_size(layout, width < layout->width ? width : layout->width);
    if (width == 0 || height == 0 || !is_size(job, size, expected_row_size(layout, width) * height, room)) {
        mfc_fail(report, MFC_CORRUPT, "tiles of %u x %u pixels", width, height);
        return;
    }
    uint8_t *tile = malloc((size_t)size), *scratch = malloc(room);
    if (!tile || !scratch) mfc_fail(report, MFC_NO_MEMORY, "out of memory");
    for (uint32_t plane = 0; plane < planes; plane++) {
        for (uint32_t y = 0; y < layout->height; y += height) {
            for (uint32_t x = 0; x < layout->width && report->status == MFC_OK; x += width) {
                if (TIFFReadTile(tiff, tile, x, y, 0, (uint16_t)plane) < 0) {
                    mfc_fail(report, MFC_CORRUPT, "the tile at (%u, %u) cannot be read", x, y);
                } else if (!put_tile(layout, canvas, x, y, width, height, tile, plane, scratch)) {
                    refuse_alpha(report);
                }
            }
        }
    }
    free(scratch);
    free(tile);
}

/// White is zero in some scanned images; here black is.
static void invert(mfc_read_job *job) {
    for (size_t i = 0; i < job->pixels_size; i++) job->pixels[i] = (uint8_t)~job->pixels[i];
}

static void read_tiff(mfc_read_job *job) {
    tiff_file file = {.data = job->data, .size = job->size, .report = &job->report};
    TIFF *tiff = open_tiff(&file, "rm");
    if (!tiff) return;
    tiff_layout layout = {0};
    if (job->report.status == MFC_OK && read_layout(tiff, &layout, job) && !mfc_header_only(job)) {
        const mfc_canvas canvas = mfc_canvas_make(job, layout.orientation);
        const uint32_t planes = layout.planar == PLANARCONFIG_SEPARATE ? layout.channels : 1;
        if (TIFFIsTiled(tiff)) {
            read_tiles(tiff, &layout, &canvas, planes, job);
        } else {
            read_strips(tiff, &layout, &canvas, planes, job);
        }
        if (layout.photometric == PHOTOMETRIC_MINISWHITE) invert(job);
    }
    TIFFClose(tiff);
}

static bool recognises(const uint8_t *data, size_t size) {
    static const uint8_t starts[][4] = {{'I', 'I', 42, 0}, {'M', 'M', 0, 42}, {'I', 'I', 43, 0}, {'M', 'M', 0, 43}};
    for (size_t i = 0; i < sizeof starts / sizeof starts[0]; i++) {
        if (size >= sizeof starts[i] && memcmp(data, starts[i], sizeof starts[i]) == 0) return true;
    }
    return false;
}

const mfc_codec mfc_tiff = {"TIFF", (const char *const[]){"tif", "tiff", NULL}, recognises, read_tiff};

static void write_body(TIFF *tiff, const mfc_image_info *info, const float *values, bool deflate, mfc_report *report) {
    const uint32_t rows_per_strip = 1 + (256u << 10) / (info->width * (uint32_t)sizeof(float));
    TIFFSetField(tiff, TIFFTAG_IMAGEWIDTH, info->width);
    TIFFSetField(tiff, TIFFTAG_IMAGELENGTH, info->height);
    TIFFSetField(tiff, TIFFTAG_BITSPERSAMPLE, 32);
    TIFFSetField(tiff, TIFFTAG_SAMPLEFORMAT, SAMPLEFORMAT_IEEEFP);
    TIFFSetField(tiff, TIFFTAG_SAMPLESPERPIXEL, 1);
    TIFFSetField(tiff, TIFFTAG_PHOTOMETRIC, PHOTOMETRIC_MINISBLACK);
    TIFFSetField(tiff, TIFFTAG_PLANARCONFIG, PLANARCONFIG_CONTIG);
    TIFFSetField(tiff, TIFFTAG_ORIENTATION, ORIENTATION_TOPLEFT);
    if (!TIFFSetField(tiff, TIFFTAG_COMPRESSION, deflate ? COMPRESSION_ADOBE_DEFLATE : COMPRESSION_NONE)) {
        // What is half made of a method, libtiff would call as it closes the file.
        TIFFSetField(tiff, TIFFTAG_COMPRESSION, COMPRESSION_NONE);
        mfc_fail(report, MFC_NO_MEMORY, "out of memory");
        return;
    }
    if (deflate) TIFFSetField(tiff, TIFFTAG_ZIPQUALITY, 1); // maps hardly shrink further at higher levels
    TIFFSetField(tiff, TIFFTAG_ROWSPERSTRIP, rows_per_strip < info->height ? rows_per_strip : info->height);
    // libtiff may work in the buffer that it is given, so it gets a copy of each row.
    float *row = malloc(info->width * sizeof(float));
    if (!row) mfc_fail(report, MFC_NO_MEMORY, "out of memory");
    for (uint32_t y = 0; y < info->height && report->status == MFC_OK; y++) {
        memcpy(row, values + (size_t)y * info->width, info->width * sizeof(float));
        if (TIFFWriteScanline(tiff, row, y, 0) < 0) mfc_fail(report, MFC_NO_MEMORY, "row %u cannot be written", y);
    }
    free(row);
    if (report->status == MFC_OK && !TIFFFlush(tiff)) mfc_fail(report, MFC_NO_MEMORY, "out of memory");
}

mfc_status mfc_encode_tiff(const mfc_image_info *info, const float *values, mfc_tiff_compression compression,
                           mfc_buffer *out, char *message, size_t message_size) {
    mfc_read_job limits = {.report = {MFC_OK, message, message_size}};
    if (info->sample != MFC_SAMPLE_F32 || info->channels != 1) {
        mfc_fail(&limits.report, MFC_INVALID_ARGUMENT, "a map has one channel of 32-bit floats");
        return limits.report.status;
    }
    if (!mfc_accept_header(&limits, info->width, info->height, 1, MFC_SAMPLE_F32, 1)) return limits.report.status;
    mfc_sink sink = {0};
    tiff_file file = {.sink = &sink, .report = &limits.report};
    TIFF *tiff = open_tiff(&file, "w");
    if (tiff) {
        write_body(tiff, info, values, compression == MFC_TIFF_DEFLATE, &limits.report);
        TIFFClose(tiff);
    }
    if (limits.report.status == MFC_OK) {
        *out = (mfc_buffer){sink.bytes, sink.size};
    } else {
        mfc_sink_free(&sink);
    }
    return limits.report.status;
}
