#include "codec.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>

#include <jerror.h>

/// More scans than any camera or editor writes: each one costs a pass over the whole image.
enum { max_scans = 500 };

/// One run of libjpeg. It lives in the frame above the one that calls setjmp, so that a jump leaves it intact.
typedef struct jpeg_run {
    struct jpeg_decompress_struct decoder;
    struct jpeg_error_mgr errors;
    struct jpeg_progress_mgr progress;
    jmp_buf escape;
    mfc_read_job *job;
    uint8_t *row;
    bool ended; ///< the file is over before its end marker
} jpeg_run;

static _Noreturn void give_up(jpeg_run *run, mfc_status status, const char *text) {
    mfc_fail(&run->job->report, status, "%s", text);
    longjmp(run->escape, 1);
}

static const char truncated[] = "truncated: the file ends before the image does";

static mfc_status status_of(int code) {
    switch (code) {
    case JERR_OUT_OF_MEMORY:
        return MFC_NO_MEMORY;
    case JERR_BAD_PRECISION:
    case JERR_SOF_UNSUPPORTED:
    case JERR_ARITH_NOTIMPL:
    case JERR_NOTIMPL:
    case JERR_NOT_COMPILED:
    case JERR_CONVERSION_NOTIMPL:
        return MFC_UNSUPPORTED;
    default:
        return MFC_CORRUPT;
    }
}

static _Noreturn void on_error(j_common_ptr common) {
    jpeg_run *run = common->client_data;
    if (run->ended) give_up(run, MFC_CORRUPT, truncated);
    char text[JMSG_LENGTH_MAX];
    common->err->format_message(common, text);
    mfc_fail(&run->job->report, status_of(common->err->msg_code), "libjpeg: %s", text);
    longjmp(run->escape, 1);
}

/// libjpeg fills gaps with grey and only warns; an image with invented pixels must not be inspected, so these are errors. The
/// end of the file is none in itself: only the end marker may be missing.
static void on_message(j_common_ptr common, int level) {
    if (level >= 0) return;
    jpeg_run *run = common->client_data;
    switch (common->err->msg_code) {
    case JWRN_JPEG_EOF:
        run->ended = true;
        break;
    case JWRN_HIT_MARKER:
        give_up(run, MFC_CORRUPT, truncated);
    case JWRN_HUFF_BAD_CODE:
    case JWRN_ARITH_BAD_CODE:
    case JWRN_BOGUS_PROGRESSION:
    case JWRN_MUST_RESYNC:
        on_error(common);
    default:
        break;
    }
}

static void say_nothing(j_common_ptr common) {
    (void)common;
}

static void limit_scans(j_common_ptr common) {
    jpeg_run *run = common->client_data;
    if (run->decoder.input_scan_number <= max_scans) return;
    mfc_fail(&run->job->report, MFC_UNSUPPORTED, "a progressive JPEG of more than %d scans", max_scans);
    longjmp(run->escape, 1);
}

/// What EXIF says; where it says nothing, XMP.
static unsigned orientation_of(const struct jpeg_decompress_struct *decoder) {
    static const char exif[] = "Exif\0", xmp[] = "http://ns.adobe.com/xap/1.0/";
    unsigned otherwise = 1;
    for (jpeg_saved_marker_ptr marker = decoder->marker_list; marker; marker = marker->next) {
        if (marker->marker != JPEG_APP0 + 1) continue;
        const size_t size = marker->data_length;
        if (size > sizeof exif && memcmp(marker->data, exif, sizeof exif) == 0) {
            const unsigned orientation = mfc_exif_orientation(marker->data + sizeof exif, size - sizeof exif);
            if (orientation) return orientation;
        } else if (size > sizeof xmp && memcmp(marker->data, xmp, sizeof xmp) == 0) {
            const unsigned orientation =
                mfc_xmp_orientation((const char *)marker->data + sizeof xmp, size - sizeof xmp);
            if (orientation) otherwise = orientation;
        }
    }
    return otherwise;
}

/// Whether all scans were there: every component in one, and of a progressive file whose end is missing every bit.
static bool is_whole(const jpeg_run *run) {
    const struct jpeg_decompress_struct *decoder = &run->decoder;
    for (int c = 0; c < decoder->num_components; c++) {
        if (!decoder->comp_info[c].quant_table) return false; // taken over with the component's first scan
        for (int k = 0; k < DCTSIZE2 && run->ended && decoder->coef_bits; k++) {
            if (decoder->coef_bits[c][k] != 0) return false;
        }
    }
    return true;
}

static void read_body(jpeg_run *run) {
    struct jpeg_decompress_struct *decoder = &run->decoder;
    mfc_read_job *job = run->job;
    jpeg_create_decompress(decoder);
    decoder->progress = &run->progress;
    jpeg_mem_src(decoder, job->data, job->size);
    jpeg_save_markers(decoder, JPEG_APP0 + 1, 0xffff);
    jpeg_read_header(decoder, TRUE);
    if (run->ended) give_up(run, MFC_CORRUPT, truncated);

    switch (decoder->jpeg_color_space) {
    case JCS_GRAYSCALE:
        decoder->out_color_space = JCS_GRAYSCALE;
        break;
    case JCS_RGB:
    case JCS_YCbCr:
        decoder->out_color_space = JCS_RGB;
        break;
    default:
        mfc_fail(&job->report, MFC_UNSUPPORTED,
                 "a JPEG of %d colour components (CMYK or like it); save it as RGB or grey", decoder->num_components);
        return;
    }
    const uint32_t channels = decoder->out_color_space == JCS_RGB ? 3 : 1;
    const unsigned orientation = orientation_of(decoder);
    if (!mfc_accept_header(job, decoder->image_width, decoder->image_height, channels, MFC_SAMPLE_U8, orientation) ||
        mfc_header_only(job)) {
        return;
    }

    jpeg_start_decompress(decoder);
    run->row = malloc((size_t)decoder->output_width * channels);
    if (!run->row) {
        mfc_fail(&job->report, MFC_NO_MEMORY, "out of memory");
        return;
    }
    const mfc_canvas canvas = mfc_canvas_make(job, orientation);
    const bool lies_so = canvas.origin == 0 && canvas.step_x == (ptrdiff_t)channels;
    while (decoder->output_scanline < decoder->output_height) {
        const uint32_t y = decoder->output_scanline;
        uint8_t *row = lies_so ? job->pixels + (ptrdiff_t)y * canvas.step_y : run->row;
        jpeg_read_scanlines(decoder, &row, 1);
        if (!lies_so) mfc_canvas_put(&canvas, 0, y, decoder->output_width, row, channels, 0, channels);
    }
    if (!is_whole(run)) give_up(run, MFC_CORRUPT, truncated);
    jpeg_finish_decompress(decoder);
    if (run->ended) mfc_remark(&job->report, "the end marker of the JPEG is missing; the image is whole");
}

static void guarded(jpeg_run *run) {
    if (setjmp(run->escape) == 0) read_body(run);
}

static void read_jpeg(mfc_read_job *job) {
    jpeg_run run = {.job = job, .progress = {.progress_monitor = limit_scans}};
    run.decoder.err = jpeg_std_error(&run.errors);
    run.errors.error_exit = on_error;
    run.errors.emit_message = on_message;
    run.errors.output_message = say_nothing;
    run.decoder.client_data = &run;
    guarded(&run);
    jpeg_destroy_decompress(&run.decoder);
    free(run.row);
}

static bool recognises(const uint8_t *data, size_t size) {
    static const uint8_t start[] = {0xff, 0xd8, 0xff};
    return size >= sizeof start && memcmp(data, start, sizeof start) == 0;
}

const mfc_codec mfc_jpeg = {"JPEG", (const char *const[]){"jpg", "jpeg", "jpe", "jfif", "jfi", NULL}, recognises,
                            read_jpeg};

/// One run of libjpeg that writes. It lives in the frame above the one that calls setjmp, as jpeg_run does.
typedef struct jpeg_writing {
    struct jpeg_compress_struct encoder;
    struct jpeg_error_mgr errors;
    jmp_buf escape;
    mfc_report *report;
    const mfc_image_info *image;
    const uint8_t *pixels;
    int quality;
    unsigned char *bytes;
    unsigned long size;
} jpeg_writing;

static _Noreturn void on_writing_error(j_common_ptr common) {
    jpeg_writing *run = common->client_data;
    char text[JMSG_LENGTH_MAX];
    common->err->format_message(common, text);
    mfc_fail(run->report, status_of(common->err->msg_code), "libjpeg: %s", text);
    longjmp(run->escape, 1);
}

static void write_body(jpeg_writing *run) {
    struct jpeg_compress_struct *encoder = &run->encoder;
    const mfc_image_info *image = run->image;
    jpeg_create_compress(encoder);
    jpeg_mem_dest(encoder, &run->bytes, &run->size);
    encoder->image_width = image->width;
    encoder->image_height = image->height;
    encoder->input_components = (int)image->channels;
    encoder->in_color_space = image->channels == 3 ? JCS_RGB : JCS_GRAYSCALE;
    jpeg_set_defaults(encoder);
    jpeg_set_quality(encoder, run->quality, TRUE);
    // Thin coloured lines keep their colour: as many samples of it as of light.
    encoder->comp_info[0].h_samp_factor = encoder->comp_info[0].v_samp_factor = 1;
    jpeg_start_compress(encoder, TRUE);
    const size_t row = mfc_image_size(image) / image->height;
    while (encoder->next_scanline < encoder->image_height) {
        JSAMPROW line = (JSAMPROW)(uintptr_t)(run->pixels + row * encoder->next_scanline);
        jpeg_write_scanlines(encoder, &line, 1);
    }
    jpeg_finish_compress(encoder);
}

static void guarded_writing(jpeg_writing *run) {
    if (setjmp(run->escape) == 0) write_body(run);
}

mfc_status mfc_encode_jpeg(const mfc_image_info *info, const void *pixels, int quality, mfc_buffer *out, char *message,
                           size_t message_size) {
    mfc_read_job limits = {.report = {MFC_OK, message, message_size}};
    mfc_report *report = &limits.report;
    if (info->sample != MFC_SAMPLE_U8 || (info->channels != 1 && info->channels != 3)) {
        mfc_fail(report, MFC_INVALID_ARGUMENT, "a JPEG holds 1 or 3 channels of 8 bits");
    } else if (quality < 1 || quality > 100) {
        mfc_fail(report, MFC_INVALID_ARGUMENT, "a quality of %d; give 1 to 100", quality);
    } else if (mfc_accept_header(&limits, info->width, info->height, info->channels, info->sample, 1)) {
        jpeg_writing run = {.report = report, .image = info, .pixels = pixels, .quality = quality};
        run.encoder.err = jpeg_std_error(&run.errors);
        run.errors.error_exit = on_writing_error;
        run.errors.output_message = say_nothing;
        run.encoder.client_data = &run;
        guarded_writing(&run);
        jpeg_destroy_compress(&run.encoder);
        if (report->status == MFC_OK) {
            *out = (mfc_buffer){run.bytes, run.size};
        } else {
            free(run.bytes);
        }
    }
    return report->status;
}
