/* Target: an image file of any format that is read; small ones are decoded. */
#include "fuzz.h"

#include <CImageCodecs.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_BYTES = 1 << 16 };

static void read_as(const uint8_t *data, size_t size, mfc_content content) {
    char message[MFC_MESSAGE_SIZE] = "";
    mfc_image_info info;
    if (mfc_probe(data, size, content, &info, message, sizeof message) != MFC_OK) return;
    size_t bytes = mfc_image_size(&info);
    if (bytes > MOST_BYTES) return;
    uint8_t *pixels = malloc(bytes ? bytes : 1);
    mfc_status status = mfc_decode(data, size, content, pixels, bytes, message, sizeof message);
    PLANT(status == MFC_OK && info.width == 3);
    free(pixels);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    read_as(data, size, MFC_IMAGES);
    read_as(data, size, MFC_MASKS);
    return 0;
}
