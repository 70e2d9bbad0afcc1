/* Half precision (IEEE 754 binary16), in which a file may store floats to be half as large. */
#ifndef MF_FILE_HALF_H
#define MF_FILE_HALF_H

#include <stddef.h>
#include <stdint.h>

/* Widens count halves: exact, infinities and NaNs included. */
void mf_half_widen(const uint16_t *halves, size_t count, float *out_values);

/* Rounds count floats to nearest, ties to even. Returns how many were taken: less than count where the next one is
   finite and beyond the range of halves. */
size_t mf_half_narrow(const float *values, size_t count, uint16_t *out_halves);

#endif
