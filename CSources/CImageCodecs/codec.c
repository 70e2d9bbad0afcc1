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

void mfc_remark(mfc_report *report, const char *text) {
    if (report->status != MFC_OK || !report->message || report->message_size == 0 || report->message[0]) return;
    snprintf(report->message, report->message_size, "%s", text);
}

size_t mfc_sample_size(mfc_sample sample) {
    return sample == MFC_SAMPLE_U8 ? 1 : sample == MFC_SAMPLE_U16 ? 2 : 4;
}

size_t mfc_image_size(const mfc_image_info *info) {
    return (size_t)info->width * info->height * info->channels * mfc_sample_size(info->sample);
}

mfc_status mfc_probe(const uint8_t *data, size_t size, mfc_content content, mfc_image_info *info, char *message,
                     size_t message_size) {
    mfc_read_job job = {.data = data, .size = size, .content = content, .report = {MFC_OK, message, message_size}};
    mfc_read(&job);
    if (job.report.status == MFC_OK) *info = job.info;
    return job.report.status;
}

mfc_status mfc_decode(const uint8_t *data, size_t size, mfc_content content, void *pixels, size_t pixels_size,
                      char *message, size_t message_size) {
    if (message && message_size > 0) message[0] = 0;
    mfc_read_job job = {.data = data,
                        .size = size,
                        .content = content,
                        .pixels = pixels,
                        .pixels_size = pixels_size,
                        .report = {MFC_OK, message, message_size}};
    if (!pixels) {
        mfc_fail(&job.report, MFC_INVALID_ARGUMENT, "no pixel buffer");
    } else {
        mfc_read(&job);
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

void mfc_unpack(const uint8_t *packed, size_t count, unsigned bits, bool is_index, void *samples) {
    uint8_t *bytes = samples;
    uint16_t *words = samples;
    const uint32_t highest = (1u << bits) - 1, whole = is_index ? highest : bits > 8 ? 65535 : 255;
    uint32_t held = 0;
    unsigned available = 0;
    for (size_t i = 0; i < count; i++) {
        for (; available < bits; available += 8) held = held << 8 | *packed++;
        available -= bits;
        const uint32_t value = ((held >> available & highest) * whole + highest / 2) / highest;
        if (bits > 8) {
            words[i] = (uint16_t)value;
        } else {
            bytes[i] = (uint8_t)value;
        }
    }
}

bool mfc_palette_is_grey(const mfc_palette *palette, size_t count) {
    for (size_t i = 0; i < count; i++) {
        const uint8_t *colour = palette->colours[i];
        if (colour[0] != colour[1] || colour[1] != colour[2]) return false;
    }
    return true;
}

void mfc_palette_mark(mfc_palette *palette) {
    memset(palette->colours, 255, sizeof palette->colours);
    memset(palette->colours[0], 0, sizeof palette->colours[0]);
}

static unsigned read_u16(const uint8_t *bytes, bool little) {
    return little ? (unsigned)(bytes[0] | bytes[1] << 8) : (unsigned)(bytes[0] << 8 | bytes[1]);
}

static uint32_t read_u32(const uint8_t *bytes, bool little) {
    const uint32_t first = read_u16(bytes, little), second = read_u16(bytes + 2, little);
    return little ? first | second << 16 : first << 16 | second;
}

unsigned mfc_exif_orientation(const uint8_t *bytes, size_t size) {
    if (size < 8) return 0;
    const bool little = memcmp(bytes, "II\x2a\0", 4) == 0;
    if (!little && memcmp(bytes, "MM\0\x2a", 4) != 0) return 0;
    const size_t directory = read_u32(bytes + 4, little);
    if (directory > size - 2) return 0;
    // Only the first directory matters.
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

unsigned mfc_xmp_orientation(const char *text, size_t size) {
    static const char name[] = "tiff:Orientation";
    const size_t length = sizeof name - 1;
    // As an attribute, with an equals sign and a quote, or as an element.
    for (size_t i = 0; i + length + 2 < size; i++) {
        if (memcmp(text + i, name, length) != 0) continue;
        const char *after = text + i + length;
        const char digit = after[0] == '=' ? after[2] : after[0] == '>' ? after[1] : 0;
        if (digit >= '1' && digit <= '8') return (unsigned)(digit - '0');
    }
    return 0;
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
