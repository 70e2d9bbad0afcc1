/*
 * Opens files that are no models, or no longer.
 *
 *     host cases FOLDER                  the cases that cases.py wrote: status and text of each are as expected
 *     host damage MODEL STEP FLIPS SEED  a good model cut after every STEP-th byte, with each bit of its header flipped, and
 *                                        with a random bit of its data flipped, FLIPS times: each is refused
 *
 * Fails where one is taken, or refused otherwise, or where anything is left of the memory. A file of up to 1 KiB gets less than
 * 1 MiB of memory. Prints how many there were of each status.
 */
#define _POSIX_C_SOURCE 200809L
#define XXH_INLINE_ALL
#include <metaformer.h>
#include <xxhash.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HEADER_AT = 8, DIGITS = 32, SMALL_FILE = 1024, SMALL_MEMORY = 1 << 20 };

typedef struct memory {
    size_t live, peak;
} memory;

static void *take(void *opaque, size_t size, size_t alignment) {
    memory *m = opaque;
    size_t *block = aligned_alloc(alignment, size + alignment);
    if (!block) return NULL;
    *block = size;
    m->live += size;
    if (m->live > m->peak) m->peak = m->live;
    return (char *)block + alignment;
}

/* The library asks for cache lines: the size lies one before. */
static void give_back(void *opaque, void *pointer) {
    memory *m = opaque;
    size_t *block = (size_t *)(void *)((char *)pointer - 64);
    m->live -= *block;
    free(block);
}

static unsigned char *read_file(const char *path, size_t *size) {
    FILE *file = fopen(path, "rb");
    if (!file) return NULL;
    fseek(file, 0, SEEK_END);
    *size = (size_t)ftell(file);
    rewind(file);
    unsigned char *bytes = malloc(*size + 1);
    if (bytes && fread(bytes, 1, *size, file) != *size) {
        free(bytes);
        bytes = NULL;
    }
    fclose(file);
    return bytes;
}

/* Puts the checksum where 32 zeros hold its place. */
static void sign(unsigned char *bytes, size_t size) {
    static const char key[] = "\"checksum\":\"00000000000000000000000000000000\"";
    for (size_t at = size - sizeof key; at > HEADER_AT; at--)
        if (memcmp(bytes + at, key, sizeof key - 1) == 0) {
            XXH128_hash_t hash = XXH3_128bits(bytes, size);
            char digits[DIGITS + 1];
            snprintf(digits, sizeof digits, "%016" PRIx64 "%016" PRIx64, hash.high64, hash.low64);
            memcpy(bytes + at + 12, digits, DIGITS);
            return;
        }
}

/* Opens bytes; the status and the text are those of the refusal. */
static mf_status open_bytes(const unsigned char *bytes, size_t size, mf_error *error) {
    memory memory = {0, 0};
    mf_allocator allocator = {sizeof allocator, &memory, take, give_back};
    mf_open_options options = MF_INIT(mf_open_options);
    mf_model *model = NULL;
    options.allocator = &allocator;
    mf_status status = mf_model_open_memory(bytes, size, &options, &model, error);
    mf_model_release(model);
    if (memory.live || (size <= SMALL_FILE && memory.peak >= SMALL_MEMORY)) {
        fprintf(stderr, "host: %zu bytes are left, %zu were taken\n", memory.live, memory.peak);
        exit(1);
    }
    return status;
}

static int check_cases(const char *folder) {
    char path[4096], line[1024];
    int count = 0, wrong = 0;
    snprintf(path, sizeof path, "%s/cases", folder);
    FILE *list = fopen(path, "r");
    if (!list) return perror(path), 1;
    for (; fgets(line, sizeof line, list); count++) {
        char *name = strtok(line, "\t"), *status = strtok(NULL, "\t"), *text = strtok(NULL, "\n");
        size_t size;
        snprintf(path, sizeof path, "%s/%s", folder, name);
        unsigned char *bytes = read_file(path, &size);
        if (!bytes || !text) return fprintf(stderr, "host: %s cannot be read\n", path), 1;
        if (strstr(name, ".unsigned")) sign(bytes, size);
        mf_error error = MF_INIT(mf_error);
        const char *found = mf_status_name(open_bytes(bytes, size, &error));
        if (strcmp(found, status) != 0 || !strstr(error.text, text)) {
            fprintf(stderr, "host: %s is %s \"%s\", not %s \"%s\"\n", name, found, error.text, status, text);
            wrong++;
        }
        free(bytes);
    }
    fclose(list);
    printf("%d cases, %d of them refused otherwise\n", count, wrong);
    return wrong || !count;
}

static int counts[256];

/* Whether damaged bytes are refused. */
static int refused(const unsigned char *bytes, size_t size, const char *how, size_t at) {
    mf_error error = MF_INIT(mf_error);
    mf_status status = open_bytes(bytes, size, &error);
    counts[status]++;
    if (status != MF_OK && *error.text) return 1;
    fprintf(stderr, "host: %s at %zu is taken\n", how, at);
    return 0;
}

static void print_counts(const char *what) {
    printf("%s:", what);
    for (int i = 0; i < 256; i++)
        if (counts[i]) printf(" %d %s", counts[i], mf_status_name((mf_status)i));
    printf("\n");
    memset(counts, 0, sizeof counts);
}

static int check_damage(const char *path, size_t step, size_t flips, uint64_t seed) {
    size_t size, header = 0;
    mf_error error = MF_INIT(mf_error);
    unsigned char *bytes = read_file(path, &size);
    if (!bytes) return perror(path), 1;
    if (open_bytes(bytes, size, &error)) return fprintf(stderr, "host: %s\n", error.text), 1;
    for (int i = HEADER_AT - 1; i >= 0; i--) header = header << 8 | bytes[i];
    header += HEADER_AT;
    for (size_t cut = 0; cut < size; cut += step) {
        /* Of its own size, so that a read beyond it is noticed. */
        unsigned char *part = malloc(cut ? cut : 1);
        memcpy(part, bytes, cut);
        if (!refused(part, cut, "a cut", cut)) return 1;
        free(part);
    }
    print_counts("cuts");
    for (size_t bit = 0; bit < header * 8; bit++) {
        bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
        if (!refused(bytes, size, "a bit flipped in the header", bit)) return 1;
        bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
    }
    print_counts("bits flipped in the header");
    for (size_t i = 0; i < flips; i++) {
        seed = seed * 6364136223846793005U + 1442695040888963407U;
        size_t bit = header * 8 + (size_t)(seed >> 20) % ((size - header) * 8);
        bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
        if (!refused(bytes, size, "a bit flipped in the data", bit)) return 1;
        bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
    }
    print_counts("bits flipped in the data");
    free(bytes);
    return 0;
}

int main(int count, char **arguments) {
    if (count == 3 && strcmp(arguments[1], "cases") == 0) return check_cases(arguments[2]);
    if (count == 6 && strcmp(arguments[1], "damage") == 0)
        return check_damage(arguments[2], strtoull(arguments[3], NULL, 10), strtoull(arguments[4], NULL, 10),
                            strtoull(arguments[5], NULL, 10));
    fprintf(stderr, "usage: host cases FOLDER | host damage MODEL STEP FLIPS SEED\n");
    return 2;
}
