/* What a processor can do at best, in the instructions of a variant. */
#ifndef MF_KERNELS_MACHINE_H
#define MF_KERNELS_MACHINE_H

#include <stdint.h>

/* Multiplies and adds for so many rounds; *out_flops is what that was, and the result has no meaning. */
typedef float (*mf_peak)(uint64_t rounds, uint64_t *out_flops);
float mf_peak_generic(uint64_t rounds, uint64_t *out_flops);
float mf_peak_avx2(uint64_t rounds, uint64_t *out_flops);
float mf_peak_avx512(uint64_t rounds, uint64_t *out_flops);

#endif
