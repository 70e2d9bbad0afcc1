#include "codec.h"

#include <png.h>
#include <string.h>

/// One run of libpng. It lives in the frame above the one that calls setjmp, so that a jump leaves it intact.
typedef struct png_run {
    png_structp png;
    png_infop info;
    mfc_report *report;
    mfc_read_job *job;           // reading
    size_t position;             // reading: bytes taken so far
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

/// Asks for 8- or 16-bit grey or RGB, whatever the file has.
static void set_transformations(png_structp png, int colour, int depth) {
    if (colour == PNG_COLOR_TYPE_PALETTE) png_set_palette_to_rgb(png);
    if (colour == PNG_COLOR_TYPE_GRAY && depth < 8) png_set_expand_gray_1_2_4_to_8(png);
    png_set_strip_alpha(png); // whether of the file or of a palette
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    if (depth == 16) png_set_swap(png);
#endif
}

static void read_body(png_run *run) {
    png_structp png = run->png;
    mfc_read_job *job = run->job;
    png_set_user_limits(png, MFC_MAX_SIDE, MFC_MAX_SIDE);
    png_set_read_fn(png, run, take_bytes);
    png_read_info(png, run->info);

    const int colour = png_get_color_type(png, run->info);
    const int depth = png_get_bit_depth(png, run->info);
    if (!mfc_accept_header(job, png_get_image_width(png, run->info), png_get_image_height(png, run->info),
                           colour & PNG_COLOR_MASK_COLOR ? 3 : 1, depth == 16 ? MFC_SAMPLE_U16 : MFC_SAMPLE_U8, 1)) {
        return;
    }
    if (mfc_header_only(job)) return;

    set_transformations(png, colour, depth);
    const int passes = png_set_interlace_handling(png);
    png_read_update_info(png, run->info);
    const size_t row = png_get_rowbytes(png, run->info);
    if (row * job->info.height != job->pixels_size) png_error(png, "unexpected row size");
    for (int pass = 0; pass < passes; pass++) {
        for (uint32_t y = 0; y < job->info.height; y++) png_read_row(png, job->pixels + row * y, NULL);
    }
    png_read_end(png, NULL);
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

static void guarded(png_run *run, void (*body)(png_run *)) {
    if (setjmp(png_jmpbuf(run->png)) == 0) body(run);
}

void mfc_read_png(mfc_read_job *job) {
    if (!header_within_limits(job)) return;
    png_run run = {.report = &job->report, .job = job};
    run.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &run, on_error, on_warning);
    run.info = run.png ? png_create_info_struct(run.png) : NULL;
    if (run.info) {
        guarded(&run, read_body);
    } else {
        mfc_fail(&job->report, MFC_NO_MEMORY, "out of memory");
    }
    png_destroy_read_struct(&run.png, &run.info, NULL);
}

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
