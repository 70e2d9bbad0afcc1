/* Makes the checksum of a model file right, wherever it stands, so that what lies behind its test is reached. */
#ifndef FUZZ_SIGN_H
#define FUZZ_SIGN_H
#define XXH_INLINE_ALL
#include <xxhash.h>

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { HEADER_AT = 8, DIGITS = 32 };

/* Where the data begin, or 0 where the header is cut off. */
static inline size_t data_at(const uint8_t *bytes, size_t size) {
    size_t header = 0;
    for (int i = HEADER_AT - 1; size > HEADER_AT && i >= 0; i--) header = header << 8 | bytes[i];
    return size > HEADER_AT && header <= size - HEADER_AT ? HEADER_AT + header : 0;
}

static inline void sign(uint8_t *bytes, size_t size) {
    static const char key[] = "\"checksum\":\"";
    size_t end = data_at(bytes, size);
    for (size_t at = end; at-- > HEADER_AT;) {
        if (bytes[at] != '"' || end - at <= sizeof key - 1 + DIGITS || memcmp(bytes + at, key, sizeof key - 1) != 0)
            continue;
        char digits[DIGITS + 1];
        memset(bytes + at + sizeof key - 1, '0', DIGITS);
        XXH128_hash_t hash = XXH3_128bits(bytes, size);
        snprintf(digits, sizeof digits, "%016" PRIx64 "%016" PRIx64, hash.high64, hash.low64);
        memcpy(bytes + at + sizeof key - 1, digits, DIGITS);
        return;
    }
}
#endif
