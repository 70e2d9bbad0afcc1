#include "codec.h"

#include <png.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

/// One run of libpng. It lives in the frame above the one that calls setjmp, so that a jump leaves it intact.
typedef struct png_run {
    png_structp png;
    png_infop info;
    mfc_report *report;
    mfc_read_job *job;           // reading
    size_t position;             // reading: bytes taken so far
    unsigned orientation;        // reading
    uint8_t *stored;             // reading: pixels that must be turned
    const mfc_image_info *image; // writing
    const uint8_t *pixels;       // writing
    mfc_sink sink;               // writing
} png_run;

static _Noreturn void on_error(png_structp png, png_const_charp text) {
    png_run *run = png_get_error_ptr(png);
    const bool memory = strstr(text, "ut of memory") != NULL;
    mfc_fail(run->report, memory ? MFC_NO_MEMORY : MFC_CORRUPT, "libpng: %s", text);
    png_longjmp(png, 1);
}

static void on_warning(png_structp png, png_const_charp text) {
    (void)png;
    (void)text;
}

static void take_bytes(png_structp png, png_bytep target, size_t size) {
    png_run *run = png_get_io_ptr(png);
    if (size > run->job->size - run->position) {
        mfc_fail(run->report, MFC_CORRUPT, "truncated: the file ends before the image does");
        png_error(png, "truncated");
    }
    memcpy(target, run->job->data + run->position, size);
    run->position += size;
}

/// Of a mask whose palette has colours, the first is background and all others are marks.
static bool has_marks(const png_run *run) {
    png_colorp colours = NULL;
    int count = 0;
    if (run->job->content != MFC_MASKS || !png_get_PLTE(run->png, run->info, &colours, &count)) return false;
    for (int i = 0; i < count; i++) {
        if (colours[i].red != colours[i].green || colours[i].green != colours[i].blue) return true;
    }
    return false;
}

/// Asks for 8- or 16-bit grey or RGB, whatever the file has; or for indices, a byte each.
static void set_transformations(png_structp png, int colour, int depth, bool is_indexed) {
    if (is_indexed) {
        png_set_packing(png);
        return;
    }
    if (colour == PNG_COLOR_TYPE_PALETTE) png_set_palette_to_rgb(png);
    if (colour == PNG_COLOR_TYPE_GRAY && depth < 8) png_set_expand_gray_1_2_4_to_8(png);
    png_set_strip_alpha(png); // whether of the file or of a palette
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    if (depth == 16) png_set_swap(png);
#endif
}

static void turn(const png_run *run, uint32_t width, uint32_t height) {
    const mfc_canvas canvas = mfc_canvas_make(run->job, run->orientation);
    const size_t pixel = run->job->pixels_size / width / height;
    for (uint32_t y = 0; y < height; y++) {
        mfc_canvas_put(&canvas, 0, y, width, run->stored + pixel * width * y, pixel, 0, pixel);
    }
}

/// A text that ImageMagick writes: a line of its kind, one of its length, and EXIF data in hexadecimal digits.
static unsigned profile_orientation(const char *text, size_t size) {
    uint8_t exif[512]; // the first directory is near the start
    size_t count = 0;
    int lines = 0;
    unsigned held = 1;
    for (size_t i = 0; i < size && count < sizeof exif; i++) {
        const char *digits = "0123456789abcdef", *digit = text[i] ? strchr(digits, text[i]) : NULL;
        if (text[i] == '\n') lines++;
        if (lines < 3 || !digit) continue;
        held = held << 4 | (unsigned)(digit - digits);
        if (held < 256) continue;
        exif[count++] = (uint8_t)held;
        held = 1;
    }
    static const uint8_t name[6] = "Exif";
    if (count < sizeof name || memcmp(exif, name, sizeof name) != 0) return mfc_exif_orientation(exif, count);
    return mfc_exif_orientation(exif + sizeof name, count - sizeof name);
}

/// The orientation that texts before the pixels tell.
static unsigned text_orientation(const png_run *run) {
    png_textp texts = NULL;
    int count = 0;
    png_get_text(run->png, run->info, &texts, &count);
    for (int i = 0; i < count; i++) {
        const size_t size = texts[i].itxt_length > 0 ? texts[i].itxt_length : texts[i].text_length;
        unsigned orientation = 0;
        if (strcmp(texts[i].key, "Raw profile type exif") == 0 || strcmp(texts[i].key, "Raw profile type APP1") == 0) {
            orientation = profile_orientation(texts[i].text, size);
        } else if (strcmp(texts[i].key, "XML:com.adobe.xmp") == 0) {
            orientation = mfc_xmp_orientation(texts[i].text, size);
        }
        if (orientation) return orientation;
    }
    return 1;
}

static void read_body(png_run *run) {
    png_structp png = run->png;
    mfc_read_job *job = run->job;
    png_set_user_limits(png, MFC_MAX_SIDE, MFC_MAX_SIDE);
    png_set_read_fn(png, run, take_bytes);
    png_read_info(png, run->info);
    if (!run->orientation) run->orientation = text_orientation(run);

    const int colour = png_get_color_type(png, run->info);
    const int depth = png_get_bit_depth(png, run->info);
    const bool is_indexed = colour == PNG_COLOR_TYPE_PALETTE && has_marks(run);
    const uint32_t channels = colour & PNG_COLOR_MASK_COLOR && !is_indexed ? 3 : 1;
    const uint32_t width = png_get_image_width(png, run->info), height = png_get_image_height(png, run->info);
    if (!mfc_accept_header(job, width, height, channels, depth == 16 ? MFC_SAMPLE_U16 : MFC_SAMPLE_U8,
                           run->orientation) ||
        mfc_header_only(job)) {
        return;
    }

    set_transformations(png, colour, depth, is_indexed);
    const int passes = png_set_interlace_handling(png);
    png_read_update_info(png, run->info);
    const size_t row = png_get_rowbytes(png, run->info);
    if (row * height != job->pixels_size) png_error(png, "unexpected row size");
    if (run->orientation > 1 && !(run->stored = malloc(job->pixels_size))) png_error(png, "out of memory");
    uint8_t *pixels = run->stored ? run->stored : job->pixels;
    for (int pass = 0; pass < passes; pass++) {
        for (uint32_t y = 0; y < height; y++) png_read_row(png, pixels + row * y, NULL);
    }
    png_read_end(png, NULL);
    for (size_t i = 0; i < job->pixels_size && is_indexed; i++) pixels[i] = pixels[i] ? 255 : 0;
    if (run->stored) turn(run, width, height);
}

/// The size is looked at before libpng sees it, so that a large image is called large and not corrupt.
static bool header_within_limits(mfc_read_job *job) {
    if (job->size < 24) {
        mfc_fail(&job->report, MFC_CORRUPT, "truncated: the file ends before the image does");
        return false;
    }
    if (memcmp(job->data + 12, "IHDR", 4) != 0) return true;
    const uint32_t width = png_get_uint_32(job->data + 16), height = png_get_uint_32(job->data + 20);
    return mfc_accept_header(job, width, height, 1, MFC_SAMPLE_U8, 1);
}

/// The orientation of the eXIf chunk, which may stand behind the pixels as well, where libpng has not come yet when sizes
/// are asked for; 0 where it tells none.
static unsigned orientation_of(const mfc_read_job *job) {
    enum { signature = 8, frame = 12 }; // of a chunk: length, name and checksum
    for (size_t at = signature; at + frame <= job->size;) {
        const size_t length = png_get_uint_32(job->data + at);
        if (length > job->size - at - frame) break;
        if (memcmp(job->data + at + 4, "eXIf", 4) == 0) {
            return mfc_exif_orientation(job->data + at + 8, length);
        }
        at += frame + length;
    }
    return 0;
}

static void guarded(png_run *run, void (*body)(png_run *)) {
    if (setjmp(png_jmpbuf(run->png)) == 0) body(run);
}

static void read_png(mfc_read_job *job) {
    if (!header_within_limits(job)) return;
    png_run run = {.report = &job->report, .job = job, .orientation = orientation_of(job)};
    run.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &run, on_error, on_warning);
    run.info = run.png ? png_create_info_struct(run.png) : NULL;
    if (run.info) {
        guarded(&run, read_body);
    } else {
        mfc_fail(&job->report, MFC_NO_MEMORY, "out of memory");
    }
    png_destroy_read_struct(&run.png, &run.info, NULL);
    free(run.stored);
}

static bool recognises(const uint8_t *data, size_t size) {
    static const uint8_t start[] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
    return size >= sizeof start && memcmp(data, start, sizeof start) == 0;
}

const mfc_codec mfc_png = {"PNG", (const char *const[]){"png", NULL}, recognises, read_png};

static void give_bytes(png_structp png, png_bytep bytes, size_t size) {
    png_run *run = png_get_io_ptr(png);
    if (!mfc_sink_write(&run->sink, bytes, size)) png_error(png, "out of memory");
}

static void flush_nothing(png_structp png) {
    (void)png;
}

static void write_body(png_run *run) {
    png_structp png = run->png;
    const mfc_image_info *image = run->image;
    const bool wide = image->sample == MFC_SAMPLE_U16;
    png_set_user_limits(png, MFC_MAX_SIDE, MFC_MAX_SIDE);
    png_set_write_fn(png, run, give_bytes, flush_nothing);
    png_set_IHDR(png, run->info, image->width, image->height, wide ? 16 : 8,
                 image->channels == 3 ? PNG_COLOR_TYPE_RGB : PNG_COLOR_TYPE_GRAY, PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    // Camera images hardly shrink further by more than runs, or by trying all filters, which take several times as long.
    png_set_compression_level(png, 1);
    png_set_compression_strategy(png, Z_RLE);
    png_set_filter(png, PNG_FILTER_TYPE_BASE, PNG_FILTER_SUB);
    png_write_info(png, run->info);
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    if (wide) png_set_swap(png);
#endif
    const size_t row = mfc_image_size(image) / image->height;
    for (uint32_t y = 0; y < image->height; y++) png_write_row(png, run->pixels + row * y);
    png_write_end(png, run->info);
}

mfc_status mfc_encode_png(const mfc_image_info *info, const void *pixels, mfc_buffer *out, char *message,
                          size_t message_size) {
    // The same limits as for reading, so that what is written can be read back.
    mfc_read_job limits = {.report = {MFC_OK, message, message_size}};
    mfc_report *report = &limits.report;
    if (info->sample == MFC_SAMPLE_F32 || (info->channels != 1 && info->channels != 3)) {
        mfc_fail(report, MFC_INVALID_ARGUMENT, "a PNG holds 1 or 3 channels of 8 or 16 bits");
    } else if (mfc_accept_header(&limits, info->width, info->height, info->channels, info->sample, 1)) {
        png_run run = {.report = report, .image = info, .pixels = pixels};
        run.png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &run, on_error, on_warning);
        run.info = run.png ? png_create_info_struct(run.png) : NULL;
        if (run.info) {
            guarded(&run, write_body);
        } else {
            mfc_fail(report, MFC_NO_MEMORY, "out of memory");
        }
        png_destroy_write_struct(&run.png, &run.info);
        if (report->status == MFC_OK) {
            *out = (mfc_buffer){run.sink.bytes, run.sink.size};
        } else {
            mfc_sink_free(&run.sink);
        }
    }
    return report->status;
}
