/*
 * How structs cross the interface, by support/abi.c itself: a struct that has grown since its first form meets hosts of
 * the first form, of the present one and of a later one, before any struct of the headers has grown.
 */
#include "support/abi.h"

#include <stdio.h>
#include <string.h>

/* What a header says at three times. */
typedef struct first {
    size_t struct_size;
    int32_t width, height;
} first;

typedef struct present {
    size_t struct_size;
    int32_t width, height;
    double scale;
} present;

typedef struct later {
    size_t struct_size;
    int32_t width, height;
    double scale;
    uint64_t colour;
} later;

static const mf_abi_type type = {"mf_example", sizeof(first), sizeof(present)};
static int failures;

#define EXPECT(condition)                                                                                              \
    do {                                                                                                               \
        if (condition) break;                                                                                          \
        fprintf(stderr, "line %d: %s\n", __LINE__, #condition);                                                        \
        failures++;                                                                                                    \
    } while (0)

static mf_error error = {.struct_size = sizeof error};

static mf_status read_of(const void *array, size_t index, present *own) {
    memset(own, 0xA5, sizeof *own);
    return mf_abi_read(&type, array, index, own, &error);
}

static void reading(void) {
    present own;
    first older[2] = {{sizeof(first), 1, 2}, {sizeof(first), 3, 4}};
    EXPECT(read_of(older, 0, &own) == MF_OK && own.width == 1 && own.height == 2 && own.scale == 0);
    EXPECT(own.struct_size == sizeof own);
    EXPECT(read_of(older, 1, &own) == MF_OK && own.width == 3 && own.height == 4 && own.scale == 0);
    older[1].struct_size = 8;
    EXPECT(read_of(older, 1, &own) == MF_E_INVALID && strstr(error.text, "in the first of the array"));

    present same = {sizeof same, 1, 2, 0.5};
    EXPECT(read_of(&same, 0, &own) == MF_OK && memcmp(&own, &same, sizeof own) == 0);

    later newer[2] = {{sizeof(later), 1, 2, 0.5, 0}, {sizeof(later), 3, 4, 1.5, 0}};
    EXPECT(read_of(newer, 1, &own) == MF_OK && own.width == 3 && own.scale == 1.5 && own.struct_size == sizeof own);
    newer[1].colour = (uint64_t)1 << 63;
    EXPECT(read_of(newer, 0, &own) == MF_OK);
    EXPECT(read_of(newer, 1, &own) == MF_E_UNSUPPORTED && strstr(error.text, "mf_example: a field is set"));
    EXPECT(own.width != 3); /* and nothing was copied */

    EXPECT(read_of(NULL, 0, &own) == MF_E_INVALID && strstr(error.text, "mf_example: NULL"));
    for (size_t size = 0; size < sizeof(first); size++) {
        same.struct_size = size;
        EXPECT(read_of(&same, 0, &own) == MF_E_INVALID && strstr(error.text, "struct_size"));
    }
    same.struct_size = (size_t)-1; /* memory that was never set must not be read for its size */
    EXPECT(read_of(&same, 0, &own) == MF_E_INVALID);
}

static void writing(void) {
    const present own = {sizeof own, 7, 8, 0.25};
    struct {
        first value;
        unsigned char fence[32];
    } older = {{sizeof(first), 0, 0}, {0}};
    memset(older.fence, 0xA5, sizeof older.fence);
    EXPECT(mf_abi_check(&type, &older, 0, &error) == MF_OK);
    mf_abi_write(&type, &older, &own);
    EXPECT(older.value.struct_size == sizeof(first) && older.value.width == 7 && older.value.height == 8);
    for (size_t i = 0; i < sizeof older.fence; i++) EXPECT(older.fence[i] == 0xA5);

    later newer = {sizeof newer, 0, 0, 0, 99};
    mf_abi_write(&type, &newer, &own);
    EXPECT(newer.struct_size == sizeof newer && newer.scale == 0.25 && newer.colour == 99);

    first unset = {0, 5, 6};
    mf_abi_write(&type, &unset, &own);
    EXPECT(unset.struct_size == 0 && unset.width == 5 && unset.height == 6);
    EXPECT(mf_abi_check(&type, &unset, 0, &error) == MF_E_INVALID);
}

/* The first forms, as they are recorded, are those of the frozen header. */
static void first_sizes(void) {
#define PRINT(type, last) printf(#type " %zu\n", type##_abi.first);
    MF_ABI_STRUCTS(PRINT)
}

int main(void) {
    reading();
    writing();
    first_sizes();
    return failures != 0;
}
