#include "codec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void mfc_vfail(mfc_report *report, mfc_status status, const char *format, va_list arguments) {
    if (report->status != MFC_OK) return;
    report->status = status;
    if (report->message && report->message_size > 0) {
        vsnprintf(report->message, report->message_size, format, arguments);
    }
}

void mfc_fail(mfc_report *report, mfc_status status, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    mfc_vfail(report, status, format, arguments);
    va_end(arguments);
}

mfc_format mfc_sniff(const uint8_t *data, size_t size) {
    static const uint8_t png[] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
    static const uint8_t jpeg[] = {0xff, 0xd8, 0xff};
    static const uint8_t tiff[][4] = {{'I', 'I', 42, 0}, {'M', 'M', 0, 42}, {'I', 'I', 43, 0}, {'M', 'M', 0, 43}};
    if (size >= sizeof png && memcmp(data, png, sizeof png) == 0) return MFC_FORMAT_PNG;
    if (size >= sizeof jpeg && memcmp(data, jpeg, sizeof jpeg) == 0) return MFC_FORMAT_JPEG;
    for (size_t i = 0; i < sizeof tiff / sizeof tiff[0]; i++) {
        if (size >= sizeof tiff[i] && memcmp(data, tiff[i], sizeof tiff[i]) == 0) return MFC_FORMAT_TIFF;
    }
    if (size >= 2 && memcmp(data, "BM", 2) == 0) return MFC_FORMAT_BMP;
    return MFC_FORMAT_UNKNOWN;
}

size_t mfc_sample_size(mfc_sample sample) {
    switch (sample) {
    case MFC_SAMPLE_U8:
        return 1;
    case MFC_SAMPLE_U16:
        return 2;
    case MFC_SAMPLE_F32:
        return 4;
    }
    return 0;
}

size_t mfc_image_size(const mfc_image_info *info) {
    return (size_t)info->width * info->height * info->channels * mfc_sample_size(info->sample);
}

static void read_file(mfc_read_job *job) {
    switch (mfc_sniff(job->data, job->size)) {
    case MFC_FORMAT_PNG:
        mfc_read_png(job);
        return;
    case MFC_FORMAT_JPEG:
        mfc_read_jpeg(job);
        return;
    case MFC_FORMAT_TIFF:
        mfc_read_tiff(job);
        return;
    case MFC_FORMAT_BMP:
        mfc_read_bmp(job);
        return;
    case MFC_FORMAT_UNKNOWN:
        break;
    }
    mfc_fail(&job->report, MFC_UNKNOWN_FORMAT, "not a PNG, JPEG, TIFF or BMP file");
}

mfc_status mfc_probe(const uint8_t *data, size_t size, mfc_image_info *info, char *message, size_t message_size) {
    mfc_read_job job = {.data = data, .size = size, .report = {MFC_OK, message, message_size}};
    read_file(&job);
    if (job.report.status == MFC_OK) *info = job.info;
    return job.report.status;
}

mfc_status mfc_decode(const uint8_t *data, size_t size, void *pixels, size_t pixels_size, char *message,
                      size_t message_size) {
    mfc_read_job job = {.data = data,
                        .size = size,
                        .pixels = pixels,
                        .pixels_size = pixels_size,
                        .report = {MFC_OK, message, message_size}};
    if (!pixels) {
        mfc_fail(&job.report, MFC_INVALID_ARGUMENT, "no pixel buffer");
    } else {
        read_file(&job);
    }
    return job.report.status;
}

bool mfc_accept_header(mfc_read_job *job, uint32_t width, uint32_t height, uint32_t channels, mfc_sample sample,
                       unsigned orientation) {
    if (width == 0 || height == 0) {
        mfc_fail(&job->report, MFC_CORRUPT, "the header tells an empty image (%u x %u)", width, height);
        return false;
    }
    if (width > MFC_MAX_SIDE || height > MFC_MAX_SIDE) {
        mfc_fail(&job->report, MFC_TOO_LARGE, "%u x %u pixels; a side may have at most %u", width, height,
                 MFC_MAX_SIDE);
        return false;
    }
    if ((uint64_t)width * height > MFC_MAX_PIXELS) {
        mfc_fail(&job->report, MFC_TOO_LARGE, "%u x %u pixels; an image may have at most %u million", width, height,
                 MFC_MAX_PIXELS / 1000000u);
        return false;
    }
    bool turned = orientation >= 5;
    job->info = (mfc_image_info){
        .width = turned ? height : width, .height = turned ? width : height, .channels = channels, .sample = sample};
    return true;
}

bool mfc_header_only(mfc_read_job *job) {
    if (!job->pixels) return true;
    if (job->pixels_size == mfc_image_size(&job->info)) return false;
    mfc_fail(&job->report, MFC_INVALID_ARGUMENT, "the pixel buffer has %zu bytes, the image %zu", job->pixels_size,
             mfc_image_size(&job->info));
    return true;
}

mfc_canvas mfc_canvas_make(const mfc_read_job *job, unsigned orientation) {
    const ptrdiff_t pixel = (ptrdiff_t)(job->info.channels * mfc_sample_size(job->info.sample));
    const ptrdiff_t row = pixel * (ptrdiff_t)job->info.width;
    const ptrdiff_t last_pixel = row - pixel;
    const ptrdiff_t last_row = row * ((ptrdiff_t)job->info.height - 1);
    // The numbers name the sides where the stored row 0 and column 0 belong, clockwise pairs from "top, left".
    switch (orientation) {
    case 2:
        return (mfc_canvas){job->pixels, last_pixel, -pixel, row};
    case 3:
        return (mfc_canvas){job->pixels, last_row + last_pixel, -pixel, -row};
    case 4:
        return (mfc_canvas){job->pixels, last_row, pixel, -row};
    case 5:
        return (mfc_canvas){job->pixels, 0, row, pixel};
    case 6:
        return (mfc_canvas){job->pixels, last_pixel, row, -pixel};
    case 7:
        return (mfc_canvas){job->pixels, last_row + last_pixel, -row, -pixel};
    case 8:
        return (mfc_canvas){job->pixels, last_row, -row, pixel};
    default:
        return (mfc_canvas){job->pixels, 0, pixel, row};
    }
}

void mfc_canvas_put(const mfc_canvas *canvas, uint32_t x, uint32_t y, uint32_t count, const uint8_t *source,
                    size_t source_step, size_t offset, size_t size) {
    uint8_t *target = canvas->pixels + canvas->origin + (ptrdiff_t)x * canvas->step_x + (ptrdiff_t)y * canvas->step_y +
                      (ptrdiff_t)offset;
    if (canvas->step_x == (ptrdiff_t)size && source_step == size) {
        memcpy(target, source, size * count);
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        memcpy(target + (ptrdiff_t)i * canvas->step_x, source + i * source_step, size);
    }
}

bool mfc_sink_write(mfc_sink *sink, const void *bytes, size_t size) {
    if (size > SIZE_MAX / 4 - sink->position) return false;
    const size_t end = sink->position + size;
    if (end > sink->capacity) {
        const size_t capacity = end + end / 2 + 4096;
        uint8_t *grown = realloc(sink->bytes, capacity);
        if (!grown) return false;
        sink->bytes = grown;
        sink->capacity = capacity;
    }
    // A writer may seek past the end: the gap reads as zeros, as in a file.
    if (sink->position > sink->size) memset(sink->bytes + sink->size, 0, sink->position - sink->size);
    if (size > 0) memcpy(sink->bytes + sink->position, bytes, size);
    sink->position = end;
    if (end > sink->size) sink->size = end;
    return true;
}

void mfc_sink_free(mfc_sink *sink) {
    free(sink->bytes);
    *sink = (mfc_sink){0};
}

void mfc_buffer_free(mfc_buffer *buffer) {
    if (!buffer) return;
    free(buffer->bytes);
    *buffer = (mfc_buffer){0};
}
