/* What AVX-512 VNNI adds to AVX-512: sums of products of bytes. */
#if defined(__x86_64__)

#include <immintrin.h>
#include <stdint.h>
#include <string.h>

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx512f,avx512dq,avx512bw,avx512vl,avx512vnni,avx2,fma"))),        \
                             apply_to = function)
#else
#pragma GCC target("avx512f,avx512dq,avx512bw,avx512vl,avx512vnni,avx2,fma")
#endif

#define MF_VARIANT_INT8 mf_int8_avx512vnni
#define MF_WIDTH 16
#define MF_REGISTERS 32
#include "kernels/variants/int8_kernels.h"

#if defined(__clang__)
#pragma clang attribute pop
#endif

#endif

typedef int mf_translation_unit; /* not empty on other processors */
