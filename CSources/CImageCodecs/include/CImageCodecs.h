/// Image files in memory, decoded and encoded through libpng, libjpeg-turbo and libtiff.
///
/// Nothing here touches a file, prints, or keeps state: bytes come in and go out, and every function may be called from
/// any thread. A function that fails returns a status other than MFC_OK, leaves its out-parameters alone, and writes
/// why, as a NUL-terminated sentence fragment without the file's name, into `message` (which may be NULL). One that succeeds
/// leaves `message` alone, but that mfc_decode may put a remark there: what is odd about a file that is read all the same.
#ifndef C_IMAGE_CODECS_H
#define C_IMAGE_CODECS_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// The longest side of an image, in pixels.
#define MFC_MAX_SIDE 65535u
/// The largest area of an image, in pixels.
#define MFC_MAX_PIXELS (512u * 1024u * 1024u)
/// A message buffer of this size holds any message whole.
#define MFC_MESSAGE_SIZE 256u

typedef enum mfc_status {
    MFC_OK = 0,
    MFC_UNKNOWN_FORMAT, ///< not a file of one of mfc_format_name
    MFC_UNSUPPORTED,    ///< a kind of image that is deliberately not read, for instance CMYK
    MFC_TOO_LARGE,      ///< beyond MFC_MAX_SIDE or MFC_MAX_PIXELS
    MFC_CORRUPT,        ///< truncated or damaged
    MFC_NO_MEMORY,
    MFC_INVALID_ARGUMENT
} mfc_status;

/// What a file is read for.
typedef enum mfc_content {
    MFC_IMAGES = 0,
    MFC_MASKS ///< as images; but of a palette of colours, the first is black and all others white
} mfc_content;

typedef enum mfc_sample { MFC_SAMPLE_U8 = 0, MFC_SAMPLE_U16, MFC_SAMPLE_F32 } mfc_sample;

/// What an image is once decoded: upright (its orientation tag applied), interleaved, rows top to bottom without
/// padding.
typedef struct mfc_image_info {
    uint32_t width;    ///< in pixels
    uint32_t height;   ///< in pixels
    uint32_t channels; ///< 1 (grey) or 3 (red, green, blue)
    mfc_sample sample; ///< in the byte order of the machine; MFC_SAMPLE_F32 only with one channel
} mfc_image_info;

/// Bytes owned by this library; release with mfc_buffer_free.
typedef struct mfc_buffer {
    uint8_t *bytes;
    size_t size;
} mfc_buffer;

typedef enum mfc_tiff_compression { MFC_TIFF_NONE = 0, MFC_TIFF_DEFLATE } mfc_tiff_compression;

/// The names of the formats that are read, such as "PNG"; NULL past the last. Files are known by their first bytes: what
/// they are called plays no part.
const char *mfc_format_name(size_t index);

/// The endings that names of such files have, such as "png"; NULL past the last.
const char *mfc_format_ending(size_t index);

/// The name of the format of a file, or NULL.
const char *mfc_sniff(const uint8_t *data, size_t size);

/// The size in bytes of the decoded pixels.
size_t mfc_image_size(const mfc_image_info *info);

/// Reads the header alone. The limits on size are checked here, before anything is allocated for pixels.
mfc_status mfc_probe(const uint8_t *data, size_t size, mfc_content content, mfc_image_info *info, char *message,
                     size_t message_size);

/// Decodes the whole file into `pixels`, which holds exactly mfc_image_size bytes of what mfc_probe told.
/// After a failure the contents of `pixels` are unspecified.
mfc_status mfc_decode(const uint8_t *data, size_t size, mfc_content content, void *pixels, size_t pixels_size,
                      char *message, size_t message_size);

/// Encodes 8- or 16-bit samples as PNG.
mfc_status mfc_encode_png(const mfc_image_info *info, const void *pixels, mfc_buffer *out, char *message,
                          size_t message_size);

/// Encodes 8-bit samples as JPEG of a quality of 1 to 100, with as many samples of colour as of light: for people to look at.
mfc_status mfc_encode_jpeg(const mfc_image_info *info, const void *pixels, int quality, mfc_buffer *out, char *message,
                           size_t message_size);

/// Encodes one channel of 32-bit floats as TIFF, in strips.
mfc_status mfc_encode_tiff(const mfc_image_info *info, const float *values, mfc_tiff_compression compression,
                           mfc_buffer *out, char *message, size_t message_size);

/// Releases a buffer; NULL and an empty buffer are allowed.
void mfc_buffer_free(mfc_buffer *buffer);

#ifdef __cplusplus
}
#endif
#endif
