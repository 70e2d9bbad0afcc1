#include "file/half.h"

#include <string.h>

enum {
    HALF_NORMAL = 0x0400,   /* the smallest half that is not subnormal */
    HALF_INFINITY = 0x7c00, /* above it are the NaNs */
    REBIAS = (127 - 15) << 23
};
/* Magnitudes of floats, as their bits. */
#define FLOAT_HALF_NORMAL UINT32_C(0x38800000) /* 2^-14: smaller ones become subnormal halves */
#define FLOAT_OVERFLOW UINT32_C(0x477ff000)    /* 65520: from here on, rounding gives infinity */
#define FLOAT_INFINITY UINT32_C(0x7f800000)

static uint32_t bits_of(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

/* Without branches, for compilers to make vectors of. No subnormal float takes part, which a host may have set its
   processor to flush. */
void mf_half_widen(const uint16_t *halves, size_t count, float *out_values) {
    for (size_t i = 0; i < count; i++) {
        uint32_t magnitude = halves[i] & 0x7fffu, sign = (uint32_t)(halves[i] & 0x8000u) << 16;
        uint32_t small = bits_of((float)(int32_t)magnitude * 0x1p-24f);
        uint32_t large = (magnitude << 13) + (magnitude >= HALF_INFINITY ? 2u * REBIAS : REBIAS);
        uint32_t bits = sign | (magnitude < HALF_NORMAL ? small : large);
        memcpy(&out_values[i], &bits, sizeof bits);
    }
}

static uint32_t narrow_magnitude(uint32_t bits) {
    if (bits > FLOAT_INFINITY) return HALF_INFINITY | 0x200 | (bits >> 13 & 0x3ff); /* NaN, quiet */
    if (bits == FLOAT_INFINITY) return HALF_INFINITY;
    if (bits >= FLOAT_HALF_NORMAL) return (bits - REBIAS + 0xfff + (bits >> 13 & 1)) >> 13;
    /* The sum's last place is that of subnormal halves: adding rounds to it. */
    float value;
    memcpy(&value, &bits, sizeof value);
    return bits_of(value + 0.5f) - bits_of(0.5f);
}

size_t mf_half_narrow(const float *values, size_t count, uint16_t *out_halves) {
    for (size_t i = 0; i < count; i++) {
        uint32_t bits = bits_of(values[i]), magnitude = bits & 0x7fffffffu;
        if (magnitude >= FLOAT_OVERFLOW && magnitude < FLOAT_INFINITY) return i;
        out_halves[i] = (uint16_t)(narrow_magnitude(magnitude) | (bits >> 16 & 0x8000u));
    }
    return count;
}
