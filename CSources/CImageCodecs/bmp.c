#include "codec.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum { file_header = 14, core_header = 12, info_header = 40, os2_header = 64 };

typedef enum bmp_compression {
    none,
    rle8,
    rle4,
    bit_fields,
    jpeg_inside,
    png_inside,
    alpha_bit_fields
} bmp_compression;

/// Where in a pixel of 16 or 32 bits a colour lies.
typedef struct bmp_field {
    unsigned shift;
    uint32_t highest; ///< 0 where the colour has no bits, and is black
} bmp_field;

typedef struct bmp_file {
    mfc_read_job *job;
    size_t start;   ///< of the image's header: behind that of the file, where there is one
    size_t size;    ///< of it, bytes
    size_t pixels;  ///< where they begin in the file
    size_t entry;   ///< of the palette, bytes
    size_t colours; ///< in the palette
    uint32_t width, height, bits, compression;
    bool is_top_down, is_os2, is_grey;
    bmp_field fields[3]; ///< red, green, blue
    mfc_palette palette;
} bmp_file;

static uint32_t read_u16(const uint8_t *bytes) {
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8;
}

static uint32_t read_u32(const uint8_t *bytes) {
    return read_u16(bytes) | read_u16(bytes + 2) << 16;
}

/// A number of the image's header, which is 0 where the header is too short for it.
static uint32_t number(const bmp_file *file, size_t offset) {
    return offset + 4 <= file->size ? read_u32(file->job->data + file->start + offset) : 0;
}

static bool corrupt(bmp_file *file, const char *text) {
    mfc_fail(&file->job->report, MFC_CORRUPT, "%s", text);
    return false;
}

static bool unsupported(bmp_file *file, const char *text) {
    mfc_fail(&file->job->report, MFC_UNSUPPORTED, "a BMP %s; save it without compression, or as PNG", text);
    return false;
}

static const char truncated[] = "truncated: the file ends before the image does";

static bool read_size(bmp_file *file) {
    const mfc_read_job *job = file->job;
    if (job->size < file->start + core_header) return corrupt(file, truncated);
    file->size = read_u32(job->data + file->start);
    if (file->size < core_header || (file->size > core_header && file->size < 16) || file->size > 4096) {
        mfc_fail(&file->job->report, MFC_CORRUPT, "a BMP header of %zu bytes", file->size);
        return false;
    }
    if (job->size < file->start + file->size) return corrupt(file, truncated);
    if (file->size == core_header) {
        const uint8_t *header = job->data + file->start;
        file->width = read_u16(header + 4), file->height = read_u16(header + 6), file->bits = read_u16(header + 10);
        return true;
    }
    const uint32_t height = number(file, 8);
    file->width = number(file, 4);
    file->is_top_down = height > INT_MAX;
    file->height = file->is_top_down ? 0u - height : height;
    file->bits = number(file, 12) >> 16;
    file->compression = number(file, 16);
    file->is_os2 = file->size < info_header || file->size == os2_header;
    if (file->width > INT_MAX) return corrupt(file, "a width below 0");
    return true;
}

static bool check_coding(bmp_file *file) {
    const uint32_t bits = file->bits, coding = file->compression;
    if (file->is_os2 && coding == bit_fields) return unsupported(file, "in Huffman's code of OS/2");
    if (file->is_os2 && coding == jpeg_inside) return unsupported(file, "in run lengths of 24 bits, of OS/2");
    if (coding == jpeg_inside || coding == png_inside) return unsupported(file, "that holds a JPEG or PNG file");
    if (coding > alpha_bit_fields) {
        mfc_fail(&file->job->report, MFC_UNSUPPORTED, "a BMP in the code %u; save it without compression, or as PNG",
                 coding);
        return false;
    }
    const bool fits = coding == rle8   ? bits == 8
                      : coding == rle4 ? bits == 4
                      : coding != none
                          ? bits == 16 || bits == 32
                          : bits == 1 || bits == 2 || bits == 4 || bits == 8 || bits == 16 || bits == 24 || bits == 32;
    if (!fits) {
        mfc_fail(&file->job->report, MFC_CORRUPT, "a BMP of %u bits a pixel in the code %u", bits, coding);
        return false;
    }
    return true;
}

static bool make_field(bmp_field *field, uint32_t mask) {
    *field = (bmp_field){0};
    if (mask == 0) return true;
    while (!(mask >> field->shift & 1)) field->shift++;
    field->highest = mask >> field->shift;
    return (field->highest & (field->highest + 1)) == 0;
}

/// Reads the masks of 16 and 32 bits a pixel; gives where the palette begins.
static bool read_fields(bmp_file *file, size_t *palette) {
    static const uint32_t usual[2][3] = {{0x7c00, 0x03e0, 0x001f}, {0xff0000, 0x00ff00, 0x0000ff}};
    const bool has_masks = file->compression == bit_fields || file->compression == alpha_bit_fields;
    const uint8_t *masks = file->job->data + file->start + info_header;
    *palette = file->start + file->size;
    if (has_masks && file->size < info_header + 12) {
        // They stand behind the header.
        *palette += file->compression == alpha_bit_fields ? 16 : 12;
        if (*palette > file->job->size) return corrupt(file, truncated);
        masks = file->job->data + file->start + file->size;
    }
    for (size_t c = 0; c < 3; c++) {
        const uint32_t mask = has_masks ? read_u32(masks + 4 * c) : usual[file->bits == 32][c];
        if (!make_field(&file->fields[c], mask)) return corrupt(file, "the bits of a colour do not lie side by side");
    }
    return true;
}

/// What the file lacks of the palette is black: some writers shorten it, and none of their pixels should name the rest.
static void read_palette(bmp_file *file, size_t start) {
    const mfc_read_job *job = file->job;
    const size_t end = file->pixels < job->size ? file->pixels : job->size, most = (size_t)1 << file->bits;
    const size_t given = file->colours > 0 && file->colours < most ? file->colours : most;
    const size_t room = end > start ? (end - start) / file->entry : 0;
    file->colours = given < room ? given : room;
    for (size_t i = 0; i < file->colours; i++) {
        const uint8_t *colour = job->data + start + i * file->entry;
        for (size_t c = 0; c < 3; c++) file->palette.colours[i][c] = colour[2 - c];
    }
    file->is_grey = mfc_palette_is_grey(&file->palette, file->colours);
    if (job->content != MFC_MASKS || file->is_grey) return;
    mfc_palette_mark(&file->palette);
    file->is_grey = true;
}

static bool read_header(bmp_file *file) {
    const mfc_read_job *job = file->job;
    const bool has_file_header = job->data[0] == 'B';
    file->start = has_file_header ? file_header : 0;
    if (!read_size(file) || !check_coding(file)) return false;
    size_t palette = 0;
    if (!read_fields(file, &palette)) return false;
    file->entry = file->size == core_header ? 3 : 4;
    file->colours = number(file, 32);
    const size_t most = file->bits <= 8 ? (size_t)1 << file->bits : 0;
    const size_t colours = file->colours > 0 && (file->colours < most || most == 0) ? file->colours : most;
    file->pixels = has_file_header ? read_u32(job->data + 10) : 0;
    // Some writers leave it out, or do not count the palette.
    if (file->pixels == 0 || (file->pixels == palette && most > 0)) file->pixels = palette + colours * file->entry;
    if (file->pixels < palette) return corrupt(file, "its pixels begin inside its header");
    if (file->bits <= 8) read_palette(file, palette);
    return true;
}

static size_t stride_of(const bmp_file *file) {
    return (size_t)(((uint64_t)file->width * file->bits + 31) / 32 * 4);
}

static bool is_whole(const bmp_file *file) {
    // Some writers leave the padding of the last row out.
    const uint64_t last = ((uint64_t)file->width * file->bits + 7) / 8;
    return file->pixels + (uint64_t)stride_of(file) * (file->height - 1) + last <= file->job->size;
}

static void put_indices(const bmp_file *file, const uint8_t *indices, uint8_t *pixels) {
    const size_t channels = file->is_grey ? 1 : 3;
    for (size_t x = 0; x < file->width; x++) {
        memcpy(pixels + x * channels, file->palette.colours[indices[x]], channels);
    }
}

static void put_colours(const bmp_file *file, const uint8_t *row, uint8_t *pixels) {
    if (file->bits == 24) {
        for (size_t x = 0; x < file->width; x++, row += 3, pixels += 3) {
            pixels[0] = row[2], pixels[1] = row[1], pixels[2] = row[0];
        }
        return;
    }
    const size_t bytes = file->bits / 8;
    for (size_t x = 0; x < file->width; x++, row += bytes) {
        const uint32_t value = bytes == 2 ? read_u16(row) : read_u32(row);
        for (size_t c = 0; c < 3; c++) {
            const uint64_t highest = file->fields[c].highest, part = value >> file->fields[c].shift & highest;
            *pixels++ = (uint8_t)(highest ? (part * 255 + highest / 2) / highest : 0);
        }
    }
}

static uint32_t row_place(const bmp_file *file, uint32_t row) {
    return file->is_top_down ? row : file->height - 1 - row;
}

/// Puts stored rows; indices NULL where they are to be unpacked.
static void put_rows(const bmp_file *file, const uint8_t *indices) {
    const size_t channels = file->job->info.channels;
    const mfc_canvas canvas = mfc_canvas_make(file->job, 1);
    uint8_t *line = malloc((size_t)file->width * (channels + 1));
    if (!line) {
        mfc_fail(&file->job->report, MFC_NO_MEMORY, "out of memory");
        return;
    }
    uint8_t *unpacked = line + file->width * channels;
    for (uint32_t y = 0; y < file->height; y++) {
        const uint8_t *row =
            indices ? indices + (size_t)y * file->width : file->job->data + file->pixels + (size_t)y * stride_of(file);
        if (file->bits > 8) {
            put_colours(file, row, line);
        } else if (indices) {
            put_indices(file, row, line);
        } else {
            mfc_unpack(row, file->width, file->bits, true, unpacked);
            put_indices(file, unpacked, line);
        }
        mfc_canvas_put(&canvas, 0, row_place(file, y), file->width, line, channels, 0, channels);
    }
    free(line);
}

/// Run lengths: where the next pixel goes.
typedef struct bmp_pen {
    uint32_t x, y;
    uint8_t *indices;
    bool is_out; ///< of a row, or of the image
} bmp_pen;

static void draw(const bmp_file *file, bmp_pen *pen, uint8_t index) {
    if (pen->x >= file->width || pen->y >= file->height) {
        pen->is_out = true;
        return;
    }
    pen->indices[(size_t)pen->y * file->width + pen->x++] = index;
}

static uint8_t run_index(const bmp_file *file, uint8_t value, uint32_t i) {
    if (file->compression == rle8) return value;
    return i % 2 == 0 ? value >> 4 : value & 15;
}

/// Decodes what precedes the mark of the bitmap's end, or fills all of the image; false where the file ends before.
static bool draw_runs(const bmp_file *file, bmp_pen *pen) {
    enum { end_of_line = 0, end_of_bitmap = 1, move = 2 };
    const uint8_t *at = file->job->data + file->pixels, *end = file->job->data + file->job->size;
    while (end - at >= 2) {
        const uint8_t count = *at++, value = *at++;
        if (count > 0) {
            for (uint32_t i = 0; i < count; i++) draw(file, pen, run_index(file, value, i));
        } else if (value == end_of_line) {
            pen->x = 0;
            if (pen->y < file->height) pen->y++;
        } else if (value == end_of_bitmap) {
            return true;
        } else if (value == move) {
            if (end - at < 2) return false;
            const uint32_t x = pen->x + at[0], y = pen->y + at[1];
            pen->x = x < file->width ? x : file->width, pen->y = y < file->height ? y : file->height;
            at += 2;
        } else {
            const size_t bytes = file->compression == rle8 ? value : (value + 1u) / 2;
            if ((size_t)(end - at) < bytes) return false;
            for (uint32_t i = 0; i < value; i++) {
                draw(file, pen, run_index(file, at[file->compression == rle8 ? i : i / 2], i));
            }
            at += bytes;
            if (bytes % 2 == 1 && at < end) at++;
        }
    }
    // Some writers leave the mark out.
    return pen->y >= file->height || (pen->y == file->height - 1 && pen->x >= file->width);
}

static void read_runs(bmp_file *file) {
    if (file->pixels > file->job->size) {
        corrupt(file, truncated);
        return;
    }
    // What the runs jump over has the first colour.
    bmp_pen pen = {.indices = calloc(file->height, file->width)};
    if (!pen.indices) {
        mfc_fail(&file->job->report, MFC_NO_MEMORY, "out of memory");
    } else if (!draw_runs(file, &pen)) {
        corrupt(file, truncated);
    } else if (pen.is_out) {
        corrupt(file, "a run of pixels goes beyond its row");
    } else {
        put_rows(file, pen.indices);
    }
    free(pen.indices);
}

static void read_bmp(mfc_read_job *job) {
    bmp_file file = {.job = job};
    if (!read_header(&file)) return;
    if (!mfc_accept_header(job, file.width, file.height, file.is_grey ? 1 : 3, MFC_SAMPLE_U8, 1)) return;
    const bool has_runs = file.compression == rle8 || file.compression == rle4;
    if (!has_runs && !is_whole(&file)) {
        corrupt(&file, truncated);
        return;
    }
    if (mfc_header_only(job)) return;
    if (has_runs) {
        read_runs(&file);
    } else {
        put_rows(&file, NULL);
    }
}

/// A file of Windows or OS/2; or a DIB, which begins with the image's header: its size, and a single plane.
static bool recognises(const uint8_t *data, size_t size) {
    if (size >= 2 && memcmp(data, "BM", 2) == 0) return true;
    if (size < 16 || data[1] || data[2] || data[3]) return false;
    static const uint8_t sizes[] = {info_header, 52, 56, os2_header, 108, 124};
    if (data[0] == core_header) return read_u16(data + 8) == 1 && read_u16(data + 10) <= 32;
    return memchr(sizes, data[0], sizeof sizes) && read_u16(data + 12) == 1 && read_u16(data + 14) <= 32;
}

const mfc_codec mfc_bmp = {"BMP", (const char *const[]){"bmp", "dib", NULL}, recognises, read_bmp};
