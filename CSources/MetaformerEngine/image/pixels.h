/* The pixel formats of frames: what there is of them, and how rows of those that are not plain samples are read. */
#ifndef MF_IMAGE_PIXELS_H
#define MF_IMAGE_PIXELS_H

#include <metaformer.h>

typedef enum mf_pixel_coding {
    MF_CODING_PLAIN,  /* whole samples, side by side */
    MF_CODING_LSB,    /* samples of 10 or 12 bits in a stream, the lowest bit first: Mono10p */
    MF_CODING_GVSP,   /* two samples in three bytes, the one in the middle has their low bits: Mono10Packed */
    MF_CODING_MOSAIC, /* a colour a pixel, in squares of 2 x 2 */
    MF_CODING_YUYV,   /* Y, U, Y, V of two pixels */
    MF_CODING_UYVY
} mf_pixel_coding;

/* Formats of the library alone: 8 bits in use of 16. */
#define MF_PIXEL_MONO8_IN_16 0x81100001u
#define MF_PIXEL_RGB8_IN_16 0x82300014u
#define MF_PIXEL_BGR8_IN_16 0x82300015u

typedef struct mf_pixel_layout {
    uint32_t format;
    const char *name;
    mf_pixel_coding coding;
    int bits;      /* of a sample, of those that are in use */
    int samples;   /* of a pixel, as they are stored */
    int channels;  /* that are used: 1 or 3 */
    int red, blue; /* their places: samples of a pixel; of a mosaic, bit 0 the column and bit 1 the row of the square */
    float scale;   /* of the highest value, as plain samples or mf_pixels_decode give it, to 1 */
    int wide;      /* whether plain samples, or those of a mosaic, have two bytes */
    int unstated;  /* whether fewer than the 16 bits may be in use */
} mf_pixel_layout;

/* NULL where a format is not read. */
const mf_pixel_layout *mf_pixel_layout_find(uint32_t format);

/* Bytes of a row of so many pixels. */
int64_t mf_pixel_row_bytes(const mf_pixel_layout *l, int64_t width);

/* Pixels first … first + count - 1 of a row of a frame that is not plain, channels interleaved. */
void mf_pixels_decode(const mf_image *frame, const mf_pixel_layout *l, int64_t y, int64_t first, int64_t count,
                      uint16_t *out);

#endif
