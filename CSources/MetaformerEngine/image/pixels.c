#include "image/pixels.h"

#include <stddef.h>

/* A mosaic's values are multiplied by four, so that means of four are whole; those of YUV by 256. */
#define PLAIN(name, format, bits, samples, channels, red, blue)                                                        \
    { format, name, MF_CODING_PLAIN, bits, samples, channels, red, blue, 1.0f / ((1 << bits) - 1), bits > 8, 0 }
#define WIDE(name, format, bits, samples, channels, red, blue, unstated)                                               \
    { format, name, MF_CODING_PLAIN, bits, samples, channels, red, blue, 1.0f / ((1 << bits) - 1), 1, unstated }
#define PACKED(name, format, coding, bits)                                                                             \
    { format, name, coding, bits, 1, 1, 0, 0, 1.0f / ((1 << bits) - 1), 0, 0 }
#define MOSAIC(name, format, bits, red)                                                                                \
    { format, name, MF_CODING_MOSAIC, bits, 1, 3, red, 3 - (red), 1.0f / (4 * ((1 << bits) - 1)), bits > 8, 0 }
#define YUV(name, format, coding)                                                                                      \
    { format, name, coding, 8, 2, 3, 0, 2, 1.0f / (256 * 255), 0, 0 }

static const mf_pixel_layout layouts[] = {
    PLAIN("Mono8", MF_PIXEL_MONO8, 8, 1, 1, 0, 0),
    PLAIN("Mono10", MF_PIXEL_MONO10, 10, 1, 1, 0, 0),
    PLAIN("Mono12", MF_PIXEL_MONO12, 12, 1, 1, 0, 0),
    PLAIN("Mono14", MF_PIXEL_MONO14, 14, 1, 1, 0, 0),
    PLAIN("Mono16", MF_PIXEL_MONO16, 16, 1, 1, 0, 0),
    PACKED("Mono10p", MF_PIXEL_MONO10P, MF_CODING_LSB, 10),
    PACKED("Mono12p", MF_PIXEL_MONO12P, MF_CODING_LSB, 12),
    PACKED("Mono10Packed", MF_PIXEL_MONO10_PACKED, MF_CODING_GVSP, 10),
    PACKED("Mono12Packed", MF_PIXEL_MONO12_PACKED, MF_CODING_GVSP, 12),
    MOSAIC("BayerRG8", MF_PIXEL_BAYER_RG8, 8, 0),
    MOSAIC("BayerGR8", MF_PIXEL_BAYER_GR8, 8, 1),
    MOSAIC("BayerGB8", MF_PIXEL_BAYER_GB8, 8, 2),
    MOSAIC("BayerBG8", MF_PIXEL_BAYER_BG8, 8, 3),
    MOSAIC("BayerRG10", MF_PIXEL_BAYER_RG10, 10, 0),
    MOSAIC("BayerGR10", MF_PIXEL_BAYER_GR10, 10, 1),
    MOSAIC("BayerGB10", MF_PIXEL_BAYER_GB10, 10, 2),
    MOSAIC("BayerBG10", MF_PIXEL_BAYER_BG10, 10, 3),
    MOSAIC("BayerRG12", MF_PIXEL_BAYER_RG12, 12, 0),
    MOSAIC("BayerGR12", MF_PIXEL_BAYER_GR12, 12, 1),
    MOSAIC("BayerGB12", MF_PIXEL_BAYER_GB12, 12, 2),
    MOSAIC("BayerBG12", MF_PIXEL_BAYER_BG12, 12, 3),
    YUV("YUV422_8", MF_PIXEL_YUV422_8, MF_CODING_YUYV),
    YUV("YUV422_8_UYVY", MF_PIXEL_YUV422_8_UYVY, MF_CODING_UYVY),
    YUV("YCbCr422_8", MF_PIXEL_YCBCR422_8, MF_CODING_YUYV),
    YUV("YCbCr422_8_CbYCrY", MF_PIXEL_YCBCR422_8_CBYCRY, MF_CODING_UYVY),
    PLAIN("RGB8", MF_PIXEL_RGB8, 8, 3, 3, 0, 2),
    PLAIN("BGR8", MF_PIXEL_BGR8, 8, 3, 3, 2, 0),
    PLAIN("RGBa8", MF_PIXEL_RGBA8, 8, 4, 3, 0, 2),
    PLAIN("BGRa8", MF_PIXEL_BGRA8, 8, 4, 3, 2, 0),
    PLAIN("RGB10", MF_PIXEL_RGB10, 10, 3, 3, 0, 2),
    PLAIN("BGR10", MF_PIXEL_BGR10, 10, 3, 3, 2, 0),
    PLAIN("RGB12", MF_PIXEL_RGB12, 12, 3, 3, 0, 2),
    PLAIN("BGR12", MF_PIXEL_BGR12, 12, 3, 3, 2, 0),
    PLAIN("RGB14", MF_PIXEL_RGB14, 14, 3, 3, 0, 2),
    PLAIN("BGR14", MF_PIXEL_BGR14, 14, 3, 3, 2, 0),
    PLAIN("RGB16", MF_PIXEL_RGB16, 16, 3, 3, 0, 2),
    PLAIN("BGR16", MF_PIXEL_BGR16, 16, 3, 3, 2, 0),
    WIDE("Mono in 16 bits", MF_PIXEL_MONO16_UNSTATED, 16, 1, 1, 0, 0, 1),
    WIDE("RGB in 16 bits", MF_PIXEL_RGB16_UNSTATED, 16, 3, 3, 0, 2, 1),
    WIDE("BGR in 16 bits", MF_PIXEL_BGR16_UNSTATED, 16, 3, 3, 2, 0, 1),
    WIDE("Mono8 in 16 bits", MF_PIXEL_MONO8_IN_16, 8, 1, 1, 0, 0, 0),
    WIDE("RGB8 in 16 bits", MF_PIXEL_RGB8_IN_16, 8, 3, 3, 0, 2, 0),
    WIDE("BGR8 in 16 bits", MF_PIXEL_BGR8_IN_16, 8, 3, 3, 2, 0, 0),
};

const mf_pixel_layout *mf_pixel_layout_find(uint32_t format) {
    for (size_t i = 0; i < sizeof layouts / sizeof *layouts; i++)
        if (layouts[i].format == format) return &layouts[i];
    return NULL;
}

int64_t mf_pixel_row_bytes(const mf_pixel_layout *l, int64_t width) {
    switch (l->coding) {
    case MF_CODING_LSB:
        return (width * l->bits + 7) / 8;
    case MF_CODING_GVSP:
        return (width * 12 + 7) / 8;
    case MF_CODING_YUYV:
    case MF_CODING_UYVY:
        return (width + 1) / 2 * 4;
    default:
        return width * l->samples * (l->wide ? 2 : 1);
    }
}

static const uint8_t *row_at(const mf_image *frame, int64_t y) {
    return (const uint8_t *)frame->data + y * frame->row_stride;
}

static void decode_lsb(const uint8_t *row, int bits, int64_t first, int64_t count, uint16_t *out) {
    for (int64_t i = 0; i < count; i++) {
        int64_t bit = (first + i) * bits;
        const uint8_t *at = row + bit / 8;
        /* 10 or 12 bits from an even one on lie in two bytes. */
        out[i] = (uint16_t)((at[0] | at[1] << 8) >> bit % 8 & ((1 << bits) - 1));
    }
}

static void decode_gvsp(const uint8_t *row, int bits, int64_t first, int64_t count, uint16_t *out) {
    int low = bits - 8;
    for (int64_t i = 0; i < count; i++) {
        int64_t x = first + i;
        const uint8_t *at = row + x / 2 * 3;
        out[i] = (uint16_t)(x % 2 ? at[2] << low | (at[1] >> 4 & ((1 << low) - 1))
                                  : at[0] << low | (at[1] & ((1 << low) - 1)));
    }
}

static uint16_t clamped(int value) {
    return (uint16_t)(value < 0 ? 0 : value > 255 * 256 ? 255 * 256 : value);
}

/* BT.601 over the whole range, as PFNC and JPEG have it. */
static void decode_yuv(const uint8_t *row, int chroma_first, int64_t first, int64_t count, uint16_t *out) {
    for (int64_t i = 0; i < count; i++, out += 3) {
        int64_t x = first + i;
        const uint8_t *at = row + x / 2 * 4;
        int luma = 256 * at[x % 2 * 2 + chroma_first];
        int u = at[1 - chroma_first] - 128, v = at[3 - chroma_first] - 128;
        out[0] = clamped(luma + 359 * v);
        out[1] = clamped(luma - 88 * u - 183 * v);
        out[2] = clamped(luma + 454 * u);
    }
}

static int sample_at(const uint8_t *row, int wide, int64_t x) {
    return wide ? ((const uint16_t *)(const void *)row)[x] : row[x];
}

/* The neighbour before or after, mirrored at the edge: of the same colour as where it is missing. */
static int64_t before(int64_t i) {
    return i > 0 ? i - 1 : 1;
}

static int64_t after(int64_t i, int64_t count) {
    return i < count - 1 ? i + 1 : count - 2;
}

/* Bilinear: what a pixel has no colour of is the mean of the two or four nearest that have. */
static void decode_mosaic(const mf_image *frame, const mf_pixel_layout *l, int64_t y, int64_t first, int64_t count,
                          uint16_t *out) {
    int wide = l->wide;
    const uint8_t *row = row_at(frame, y), *above = row_at(frame, before(y)),
                  *below = row_at(frame, after(y, frame->height));
    for (int64_t i = 0; i < count; i++, out += 3) {
        int64_t x = first + i, left = before(x), right = after(x, frame->width);
        int own = 4 * sample_at(row, wide, x);
        int across = sample_at(row, wide, left) + sample_at(row, wide, right);
        int down = sample_at(above, wide, x) + sample_at(below, wide, x);
        int place = (int)(x % 2) + 2 * (int)(y % 2);
        if (place == l->red || place == l->blue) {
            int corners = sample_at(above, wide, left) + sample_at(above, wide, right) + sample_at(below, wide, left) +
                          sample_at(below, wide, right);
            out[0] = (uint16_t)(place == l->red ? own : corners);
            out[1] = (uint16_t)(across + down);
            out[2] = (uint16_t)(place == l->red ? corners : own);
        } else {
            int red_beside = place / 2 == l->red / 2;
            out[0] = (uint16_t)(2 * (red_beside ? across : down));
            out[1] = (uint16_t)own;
            out[2] = (uint16_t)(2 * (red_beside ? down : across));
        }
    }
}

void mf_pixels_decode(const mf_image *frame, const mf_pixel_layout *l, int64_t y, int64_t first, int64_t count,
                      uint16_t *out) {
    switch (l->coding) {
    case MF_CODING_LSB:
        decode_lsb(row_at(frame, y), l->bits, first, count, out);
        return;
    case MF_CODING_GVSP:
        decode_gvsp(row_at(frame, y), l->bits, first, count, out);
        return;
    case MF_CODING_YUYV:
    case MF_CODING_UYVY:
        decode_yuv(row_at(frame, y), l->coding == MF_CODING_UYVY, first, count, out);
        return;
    case MF_CODING_MOSAIC:
        decode_mosaic(frame, l, y, first, count, out);
        return;
    case MF_CODING_PLAIN:
        return;
    }
}
