/*
 * The C host of scripts/check-images: decodes an image file with the codecs of the command line.
 *
 *     host FILE
 *
 * writes a line of width, height, channels and bits a sample, and then the samples; or exits with 1 and writes a line of
 * why the file is not read. With remarks on the standard error.
 */
#include <CImageCodecs.h>

#include <stdio.h>
#include <stdlib.h>

static uint8_t *read_file(const char *path, size_t *size) {
    FILE *file = fopen(path, "rb");
    long count = -1;
    if (file && fseek(file, 0, SEEK_END) == 0) count = ftell(file);
    uint8_t *bytes = count > 0 ? malloc((size_t)count) : NULL;
    if (bytes) rewind(file);
    *size = bytes ? fread(bytes, 1, (size_t)count, file) : 0;
    if (file) fclose(file);
    return bytes;
}

int main(int count, char **arguments) {
    char message[MFC_MESSAGE_SIZE] = "";
    size_t size = 0;
    if (count != 2) return 2;
    uint8_t *bytes = read_file(arguments[1], &size), *pixels = NULL;
    mfc_image_info info;
    mfc_status status = mfc_probe(bytes, size, MFC_IMAGES, &info, message, sizeof message);
    if (status == MFC_OK) {
        pixels = malloc(mfc_image_size(&info));
        status = pixels ? mfc_decode(bytes, size, MFC_IMAGES, pixels, mfc_image_size(&info), message, sizeof message)
                        : MFC_NO_MEMORY;
    }
    if (status == MFC_OK) {
        static const int bits[] = {8, 16, 32};
        printf("%u %u %u %d\n", info.width, info.height, info.channels, bits[info.sample]);
        fwrite(pixels, mfc_image_size(&info), 1, stdout);
        if (message[0]) fprintf(stderr, "%s\n", message);
    } else {
        printf("%s\n", message[0] ? message : "memory is out");
    }
    free(pixels);
    free(bytes);
    return status == MFC_OK ? 0 : 1;
}
