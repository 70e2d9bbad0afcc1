/// Netpbm's formats: PBM, PGM and PPM, in text or binary.
#include "codec.h"

#include <stdlib.h>
#include <string.h>

typedef struct pnm_file {
    mfc_read_job *job;
    size_t position;
    uint32_t width, height, channels, highest;
    bool is_text, is_bilevel;
} pnm_file;

static bool is_space(uint8_t byte) {
    return byte == ' ' || (byte >= '\t' && byte <= '\r');
}

static bool is_digit(uint8_t byte) {
    return byte >= '0' && byte <= '9';
}

static bool corrupt(pnm_file *file, const char *text) {
    mfc_fail(&file->job->report, MFC_CORRUPT, "%s", text);
    return false;
}

/// Passes over space and comments, up to something that may be a number.
static bool skip_space(pnm_file *file) {
    const mfc_read_job *job = file->job;
    bool is_comment = false;
    for (; file->position < job->size; file->position++) {
        const uint8_t byte = job->data[file->position];
        if (byte == '#') is_comment = true;
        if (!is_comment && !is_space(byte)) return true;
        if (byte == '\n' || byte == '\r') is_comment = false;
    }
    return corrupt(file, "truncated: the file ends before the image does");
}

/// A number of at most so many digits.
static bool read_number(pnm_file *file, unsigned digits, uint32_t *value) {
    if (!skip_space(file)) return false;
    const mfc_read_job *job = file->job;
    *value = 0;
    size_t first = file->position;
    for (; file->position < job->size && is_digit(job->data[file->position]) && file->position - first < digits;
         file->position++) {
        const uint64_t next = (uint64_t)*value * 10 + (uint64_t)(job->data[file->position] - '0');
        *value = next > UINT32_MAX ? UINT32_MAX : (uint32_t)next;
    }
    return file->position > first || corrupt(file, "something else than a number among its numbers");
}

static bool read_header(pnm_file *file) {
    enum { any_digits = 10 };
    const int kind = file->job->data[1] - '0';
    file->position = 2;
    file->is_text = kind <= 3;
    file->is_bilevel = kind == 1 || kind == 4;
    file->channels = kind == 3 || kind == 6 ? 3 : 1;
    file->highest = 1;
    if (!read_number(file, any_digits, &file->width) || !read_number(file, any_digits, &file->height)) return false;
    if (!file->is_bilevel && !read_number(file, any_digits, &file->highest)) return false;
    if (file->highest < 1 || file->highest > 65535) {
        mfc_fail(&file->job->report, MFC_CORRUPT, "a highest value of %u; it is 1 to 65535", file->highest);
        return false;
    }
    // A single space divides the header from binary samples.
    if (file->position < file->job->size) file->position++;
    return true;
}

static size_t packed_row(const pnm_file *file) {
    if (file->is_bilevel) return ((size_t)file->width + 7) / 8;
    return (size_t)file->width * file->channels * (file->highest > 255 ? 2 : 1);
}

/// The next row of samples, as they are stored.
static bool read_row(pnm_file *file, uint16_t *row) {
    const size_t count = (size_t)file->width * file->channels;
    if (file->is_text) {
        for (size_t i = 0; i < count; i++) {
            uint32_t value;
            if (!read_number(file, file->is_bilevel ? 1 : 10, &value)) return false;
            row[i] = (uint16_t)(value < file->highest ? value : file->highest);
        }
        return true;
    }
    const uint8_t *bytes = file->job->data + file->position;
    for (size_t i = 0; i < count; i++) {
        if (file->is_bilevel) {
            row[i] = bytes[i / 8] >> (7 - i % 8) & 1;
        } else {
            const uint32_t value = file->highest > 255 ? (uint32_t)(bytes[2 * i] << 8 | bytes[2 * i + 1]) : bytes[i];
            row[i] = (uint16_t)(value < file->highest ? value : file->highest);
        }
    }
    file->position += packed_row(file);
    return true;
}

static void put_row(const pnm_file *file, const uint16_t *row, uint8_t *pixels) {
    const size_t count = (size_t)file->width * file->channels;
    const bool is_wide = file->highest > 255;
    const uint32_t whole = is_wide ? 65535 : 255;
    for (size_t i = 0; i < count; i++) {
        const uint32_t stored = file->is_bilevel ? 1u - row[i] : row[i]; // a bit of 1 is black
        const uint32_t value = (stored * whole + file->highest / 2) / file->highest;
        if (is_wide) {
            const uint16_t word = (uint16_t)value;
            memcpy(pixels + 2 * i, &word, sizeof word);
        } else {
            pixels[i] = (uint8_t)value;
        }
    }
}

static void read_pnm(mfc_read_job *job) {
    pnm_file file = {.job = job};
    if (!read_header(&file)) return;
    const mfc_sample sample = file.highest > 255 ? MFC_SAMPLE_U16 : MFC_SAMPLE_U8;
    if (!mfc_accept_header(job, file.width, file.height, file.channels, sample, 1)) return;
    if (!file.is_text && (job->size - file.position) / packed_row(&file) < file.height) {
        corrupt(&file, "truncated: the file ends before the image does");
        return;
    }
    if (mfc_header_only(job)) return;
    uint16_t *row = malloc((size_t)file.width * file.channels * sizeof *row);
    if (!row) {
        mfc_fail(&job->report, MFC_NO_MEMORY, "out of memory");
        return;
    }
    const size_t size = job->pixels_size / file.height;
    for (uint32_t y = 0; y < file.height && read_row(&file, row); y++) put_row(&file, row, job->pixels + y * size);
    free(row);
}

static bool recognises(const uint8_t *data, size_t size) {
    return size >= 3 && data[0] == 'P' && data[1] >= '1' && data[1] <= '6' && (is_space(data[2]) || data[2] == '#');
}

const mfc_codec mfc_pnm = {"PNM", (const char *const[]){"pgm", "ppm", "pbm", "pnm", NULL}, recognises, read_pnm};
