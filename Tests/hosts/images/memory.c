/*
 * Memory that runs out in the codecs. Of the libraries below them, libtiff 4.5 itself does not survive that.
 *
 *     host FILE...
 *
 * The n-th allocation gives nothing, once and from then on, for every n, in reading each file and in encoding PNG, JPEG and TIFF. Each
 * must end with a failure that has a text, or with the pixels or bytes that it has otherwise, and leave no memory behind. Prints how
 * many faults there were.
 */
#include <CImageCodecs.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct {
    void *blocks[64];            /* that are out */
    size_t calls, refused, hits; /* refused: the number of the call that gets nothing, or 0 */
    int for_ever;
} memory;

static int is_refused(void) {
    size_t call = ++memory.calls;
    int refused = memory.refused && (call == memory.refused || (memory.for_ever && call > memory.refused));
    memory.hits += (size_t)refused;
    return refused;
}

/* Puts a block in the place of another. */
static void *exchange(void *old, void *block) {
    for (int i = 0; i < 64; i++)
        if (memory.blocks[i] == old) {
            memory.blocks[i] = block;
            break;
        }
    return block;
}

/* What the linker (--wrap) calls for the codecs' own allocations. */
void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *block, size_t size);
void __real_free(void *block);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *block, size_t size);
void __wrap_free(void *block);

void *__wrap_malloc(size_t size) {
    return is_refused() ? NULL : exchange(NULL, __real_malloc(size));
}
void *__wrap_calloc(size_t count, size_t size) {
    return is_refused() ? NULL : exchange(NULL, __real_calloc(count, size));
}
void *__wrap_realloc(void *block, size_t size) {
    if (is_refused()) return NULL;
    return exchange(block, __real_realloc(block, size));
}
void __wrap_free(void *block) {
    if (block) exchange(block, NULL);
    __real_free(block);
}

static int live(void) {
    int count = 0;
    for (int i = 0; i < 64; i++) count += memory.blocks[i] != NULL;
    return count;
}

typedef struct work {
    const uint8_t *bytes; /* of a file; NULL where one is written */
    size_t size;
    int encoder;
} work;

enum { SIDE = 24, RESULT = 1 << 20 };

static uint8_t result[RESULT];
static size_t result_size;

static mfc_status decode(const work *w, char *message) {
    mfc_image_info info;
    mfc_status status = mfc_probe(w->bytes, w->size, MFC_IMAGES, &info, message, MFC_MESSAGE_SIZE);
    if (status != MFC_OK) return status;
    result_size = mfc_image_size(&info);
    if (result_size > RESULT) return MFC_TOO_LARGE;
    memset(result, 0, result_size);
    return mfc_decode(w->bytes, w->size, MFC_IMAGES, result, result_size, message, MFC_MESSAGE_SIZE);
}

static mfc_status encode(const work *w, char *message) {
    static float values[SIDE * SIDE];
    static uint8_t pixels[SIDE * SIDE * 3];
    mfc_image_info info = {SIDE, SIDE, 3, MFC_SAMPLE_U8}, map = {SIDE, SIDE, 1, MFC_SAMPLE_F32};
    mfc_buffer out = {NULL, 0};
    for (int i = 0; i < SIDE * SIDE * 3; i++) pixels[i] = (uint8_t)(i * 7), values[i / 3] = (float)i / 9;
    mfc_status status = w->encoder == 0 ? mfc_encode_png(&info, pixels, &out, message, MFC_MESSAGE_SIZE)
                        : w->encoder == 1
                            ? mfc_encode_jpeg(&info, pixels, 90, &out, message, MFC_MESSAGE_SIZE)
                            : mfc_encode_tiff(&map, values, w->encoder == 2 ? MFC_TIFF_NONE : MFC_TIFF_DEFLATE, &out,
                                              message, MFC_MESSAGE_SIZE);
    if (status == MFC_OK) memcpy(result, out.bytes, result_size = out.size);
    mfc_buffer_free(&out);
    return status;
}

static mfc_status run(const work *w, size_t refused, int for_ever, char *message) {
    memory.calls = memory.hits = 0, memory.refused = refused, memory.for_ever = for_ever;
    message[0] = 0;
    return w->bytes ? decode(w, message) : encode(w, message);
}

/* The number of faults; -1 where one ends otherwise. */
static long check(const work *w, const char *name) {
    static uint8_t expected[RESULT];
    char message[MFC_MESSAGE_SIZE];
    long faults = 0;
    mfc_status usual = run(w, 0, 0, message);
    size_t size = result_size;
    memcpy(expected, result, size);
    for (int for_ever = 0; for_ever < 2; for_ever++)
        for (size_t n = 1;; n++, faults++) {
            mfc_status status = run(w, n, for_ever, message);
            if (!memory.hits) break;
            int same =
                status == MFC_OK && usual == MFC_OK && result_size == size && memcmp(result, expected, size) == 0;
            if ((same || (status != MFC_OK && message[0])) && live() == 0) continue;
            fprintf(stderr, "host: %s, allocation %zu%s: status %d, \"%s\", %d blocks left\n", name, n,
                    for_ever ? " and all after it" : "", (int)status, message, live());
            return -1;
        }
    return faults;
}

int main(int count, char **arguments) {
    static const char *const encoders[] = {"PNG", "JPEG", "TIFF", "TIFF by Deflate"};
    static uint8_t bytes[RESULT];
    char message[MFC_MESSAGE_SIZE];
    long faults = 0, wrong = 0;
    for (int i = 1; i < count + 4; i++) {
        work reading = {bytes, 0, 0}, writing = {NULL, 0, i - count};
        const char *name = i < count ? arguments[i] : encoders[i - count];
        long found = 0;
        if (i < count) {
            FILE *file = fopen(name, "rb");
            if (!file) return perror(name), 1;
            reading.size = fread(bytes, 1, sizeof bytes, file);
            fclose(file);
        } else {
            found = check(&writing, name);
            if (run(&writing, 0, 0, message) != MFC_OK) return fprintf(stderr, "host: %s\n", message), 1;
            memcpy(bytes, result, reading.size = result_size); /* and what was written is read */
        }
        found < 0 ? wrong++ : (faults += found);
        found = check(&reading, name);
        found < 0 ? wrong++ : (faults += found);
    }
    printf("%ld allocations refused in reading and writing, %ld of them ended otherwise\n", faults, wrong);
    return wrong || !faults;
}
