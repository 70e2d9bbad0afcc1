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
} jpeg_run;

static _Noreturn void on_error(j_common_ptr common) {
    jpeg_run *run = common->client_data;
    char text[JMSG_LENGTH_MAX];
    common->err->format_message(common, text);
    const bool memory = common->err->msg_code == JERR_OUT_OF_MEMORY;
    mfc_fail(&run->job->report, memory ? MFC_NO_MEMORY : MFC_CORRUPT, "libjpeg: %s", text);
    longjmp(run->escape, 1);
}

/// libjpeg fills gaps with grey and only warns; a picture with invented pixels must not be judged, so these are errors.
static void on_message(j_common_ptr common, int level) {
    if (level >= 0) return;
    switch (common->err->msg_code) {
    case JWRN_JPEG_EOF:
    case JWRN_HIT_MARKER: {
        jpeg_run *run = common->client_data;
        mfc_fail(&run->job->report, MFC_CORRUPT, "truncated: the file ends before the image does");
        longjmp(run->escape, 1);
    }
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

static unsigned read_u16(const uint8_t *bytes, bool little) {
    return little ? (unsigned)(bytes[0] | bytes[1] << 8) : (unsigned)(bytes[0] << 8 | bytes[1]);
}

static uint32_t read_u32(const uint8_t *bytes, bool little) {
    const uint32_t first = read_u16(bytes, little), second = read_u16(bytes + 2, little);
    return little ? first | second << 16 : first << 16 | second;
}

/// The orientation in an EXIF segment, or 0. The segment is "Exif\0\0" and a small TIFF file of which only the first
/// directory matters.
static unsigned exif_orientation(const uint8_t *bytes, size_t size) {
    if (size < 14 || memcmp(bytes, "Exif\0\0", 6) != 0) return 0;
    bytes += 6;
    size -= 6;
    const bool little = memcmp(bytes, "II\x2a\0", 4) == 0;
    if (!little && memcmp(bytes, "MM\0\x2a", 4) != 0) return 0;
    const size_t directory = read_u32(bytes + 4, little);
    if (directory > size - 2) return 0;
    const size_t entries = read_u16(bytes + directory, little);
    for (size_t i = 0, at = directory + 2; i < entries && at + 12 <= size; i++, at += 12) {
        enum { orientation_tag = 0x0112, short_type = 3 };
        if (read_u16(bytes + at, little) != orientation_tag) continue;
        const unsigned value = read_u16(bytes + at + 8, little);
        const bool valid = read_u16(bytes + at + 2, little) == short_type && value >= 1 && value <= 8;
        return valid ? value : 0;
    }
    return 0;
}

static unsigned orientation_of(const struct jpeg_decompress_struct *decoder) {
    for (jpeg_saved_marker_ptr marker = decoder->marker_list; marker; marker = marker->next) {
        if (marker->marker != JPEG_APP0 + 1) continue;
        const unsigned orientation = exif_orientation(marker->data, marker->data_length);
        if (orientation) return orientation;
    }
    return 1;
}

static void read_body(jpeg_run *run) {
    struct jpeg_decompress_struct *decoder = &run->decoder;
    mfc_read_job *job = run->job;
    jpeg_create_decompress(decoder);
    decoder->progress = &run->progress;
    jpeg_mem_src(decoder, job->data, job->size);
    jpeg_save_markers(decoder, JPEG_APP0 + 1, 0xffff);
    jpeg_read_header(decoder, TRUE);

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
    if (!mfc_accept_header(job, decoder->image_width, decoder->image_height, channels, MFC_SAMPLE_U8, orientation)) {
        return;
    }
    if (mfc_header_only(job)) return;

    jpeg_start_decompress(decoder);
    run->row = malloc((size_t)decoder->output_width * channels);
    if (!run->row) {
        mfc_fail(&job->report, MFC_NO_MEMORY, "out of memory");
        return;
    }
    const mfc_canvas canvas = mfc_canvas_make(job, orientation);
    while (decoder->output_scanline < decoder->output_height) {
        const uint32_t y = decoder->output_scanline;
        jpeg_read_scanlines(decoder, &run->row, 1);
        mfc_canvas_put(&canvas, 0, y, decoder->output_width, run->row, channels, 0, channels);
    }
    jpeg_finish_decompress(decoder);
}

static void guarded(jpeg_run *run) {
    if (setjmp(run->escape) == 0) read_body(run);
}

void mfc_read_jpeg(mfc_read_job *job) {
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
