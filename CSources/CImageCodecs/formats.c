/// Which formats there are. A new one is a file beside this that defines an mfc_codec, and a line here: its endings are then
/// found in folders, and messages name it.
#include "codec.h"

#include <string.h>

extern const mfc_codec mfc_png, mfc_jpeg, mfc_tiff, mfc_bmp, mfc_pnm;

static const mfc_codec *const codecs[] = {&mfc_png, &mfc_jpeg, &mfc_tiff, &mfc_bmp, &mfc_pnm};
enum { codec_count = sizeof codecs / sizeof codecs[0] };

/// Images that are not read, to be called by their names.
static const struct {
    const char *name;
    size_t offset, size;
    const char *bytes;
} others[] = {
    {"a GIF file", 0, 4, "GIF8"},
    {"a WebP file", 8, 4, "WEBP"},
    {"a JPEG 2000 file", 4, 8, "jP  \r\n\x87\n"},
    {"a JPEG 2000 file", 0, 4, "\xff\x4f\xff\x51"},
    {"an AVIF file", 4, 8, "ftypavif"},
    {"a HEIF file", 4, 7, "ftyphei"},
    {"a HEIF file", 4, 8, "ftypmif1"},
    {"a JPEG XL file", 0, 2, "\xff\x0a"},
    {"a JPEG XL file", 4, 4, "JXL "},
    {"a Photoshop file", 0, 4, "8BPS"},
    {"an OpenEXR file", 0, 4, "v/1\x01"},
    {"an OS/2 array of bitmaps", 0, 2, "BA"},
    {"a PAM file", 0, 3, "P7\n"},
    {"a PFM file", 0, 3, "Pf\n"},
    {"a PFM file", 0, 3, "PF\n"},
    {"a DICOM file", 128, 4, "DICM"},
    {"a PDF file", 0, 4, "%PDF"},
    {"a Windows icon", 0, 4, "\0\0\1\0"},
    {"a NumPy array", 0, 6, "\x93NUMPY"},
};

const mfc_codec *mfc_find_codec(const uint8_t *data, size_t size) {
    for (size_t i = 0; i < codec_count; i++) {
        if (codecs[i]->recognises(data, size)) return codecs[i];
    }
    return NULL;
}

const char *mfc_sniff(const uint8_t *data, size_t size) {
    const mfc_codec *codec = mfc_find_codec(data, size);
    return codec ? codec->name : NULL;
}

const char *mfc_format_name(size_t index) {
    return index < codec_count ? codecs[index]->name : NULL;
}

const char *mfc_format_ending(size_t index) {
    for (size_t i = 0; i < codec_count; i++) {
        for (const char *const *ending = codecs[i]->endings; *ending; ending++) {
            if (index-- == 0) return *ending;
        }
    }
    return NULL;
}

void mfc_read(mfc_read_job *job) {
    const mfc_codec *codec = mfc_find_codec(job->data, job->size);
    if (codec) {
        codec->read(job);
        return;
    }
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        if (job->size >= others[i].offset + others[i].size &&
            memcmp(job->data + others[i].offset, others[i].bytes, others[i].size) == 0) {
            mfc_fail(&job->report, MFC_UNSUPPORTED, "%s; save it as PNG", others[i].name);
            return;
        }
    }
    mfc_fail(&job->report, MFC_UNKNOWN_FORMAT, "not a file of a format that is read");
}
