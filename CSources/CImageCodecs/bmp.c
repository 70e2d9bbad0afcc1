#include "codec.h"

#include <limits.h>
#include <string.h>

#define STB_IMAGE_IMPLEMENTATION
#define STB_IMAGE_STATIC
#define STBI_ONLY_BMP
#define STBI_NO_STDIO
#define STBI_MAX_DIMENSIONS 65535
#include <stb/stb_image.h>

/// What must be known before stb_image is asked: it takes what a truncated file lacks for zeros, and a palette of greys
/// for colours.
typedef struct bmp_header {
    uint32_t pixels; ///< where they begin in the file
    uint32_t size;   ///< bytes of the header that follows the file's own
    uint32_t width, height, bits, colours;
} bmp_header;

enum { file_header = 14, old_header = 12, info_header = 40 };

static uint32_t read_u16(const uint8_t *bytes) {
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8;
}

static uint32_t read_u32(const uint8_t *bytes) {
    return read_u16(bytes) | read_u16(bytes + 2) << 16;
}

static bool read_header(mfc_read_job *job, bmp_header *header) {
    const uint8_t *bytes = job->data;
    if (job->size < file_header + old_header) {
        mfc_fail(&job->report, MFC_CORRUPT, "truncated: the file ends in its header");
        return false;
    }
    header->pixels = read_u32(bytes + 10);
    header->size = read_u32(bytes + file_header);
    if (header->size == old_header) {
        header->width = read_u16(bytes + 18);
        header->height = read_u16(bytes + 20);
        header->bits = read_u16(bytes + 24);
        return true;
    }
    if (header->size < info_header || job->size < file_header + (size_t)info_header) {
        mfc_fail(&job->report, MFC_CORRUPT, "a BMP header of %u bytes", header->size);
        return false;
    }
    const uint32_t height = read_u32(bytes + 22);
    header->width = read_u32(bytes + 18);
    header->height = height > INT_MAX ? 0u - height : height; // negative: rows from top to bottom
    header->bits = read_u16(bytes + 28);
    header->colours = read_u32(bytes + 46);
    return true;
}

static bool is_whole(const mfc_read_job *job, const bmp_header *header) {
    const uint64_t bits = (uint64_t)header->width * header->bits, stride = (bits + 31) / 32 * 4;
    // Some writers leave the padding of the last row out.
    return header->pixels + stride * (header->height - 1) + (bits + 7) / 8 <= job->size;
}

static bool is_grey(const mfc_read_job *job, const bmp_header *header) {
    if (header->bits > 8) return false;
    const size_t entry = header->size == old_header ? 3 : 4, start = file_header + (size_t)header->size;
    const size_t count = header->colours > 0 ? header->colours : (size_t)1 << header->bits;
    for (size_t i = 0, at = start; i < count && at + entry <= header->pixels && at + entry <= job->size;
         i++, at += entry) {
        const uint8_t *colour = job->data + at;
        if (colour[0] != colour[1] || colour[1] != colour[2]) return false;
    }
    return true;
}

void mfc_read_bmp(mfc_read_job *job) {
    bmp_header header = {0};
    if (!read_header(job, &header)) return;
    const bool grey = is_grey(job, &header);
    if (!mfc_accept_header(job, header.width, header.height, grey ? 1 : 3, MFC_SAMPLE_U8, 1)) return;
    if (job->size > INT_MAX) {
        mfc_fail(&job->report, MFC_TOO_LARGE, "a BMP file of more than 2 GiB");
        return;
    }
    int width = 0, height = 0, channels = 0;
    if (!stbi_info_from_memory(job->data, (int)job->size, &width, &height, &channels)) {
        mfc_fail(&job->report, MFC_UNSUPPORTED, "stb_image: %s (BMP files must not be compressed)",
                 stbi_failure_reason());
        return;
    }
    if (!is_whole(job, &header)) {
        mfc_fail(&job->report, MFC_CORRUPT, "truncated: the file ends before the image does");
        return;
    }
    if (mfc_header_only(job)) return;
    // Always as colours: the luma that stb_image makes of them is rounded otherwise than a grey palette's own values.
    uint8_t *pixels = stbi_load_from_memory(job->data, (int)job->size, &width, &height, &channels, 3);
    if (!pixels || (uint32_t)width != header.width || (uint32_t)height != header.height) {
        mfc_fail(&job->report, MFC_CORRUPT, "stb_image: %s", pixels ? "another size" : stbi_failure_reason());
    } else {
        const mfc_canvas canvas = mfc_canvas_make(job, 1);
        const size_t kept = grey ? 1 : 3;
        for (uint32_t y = 0; y < header.height; y++) {
            mfc_canvas_put(&canvas, 0, y, header.width, pixels + (size_t)y * header.width * 3, 3, 0, kept);
        }
    }
    stbi_image_free(pixels);
}
