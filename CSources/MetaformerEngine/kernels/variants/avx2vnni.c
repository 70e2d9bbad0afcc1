/* What AVX-VNNI adds to AVX2: sums of products of bytes. Processors have it that lack AVX-512. */
#if defined(__x86_64__)

#include <immintrin.h>
#include <stdint.h>
#include <string.h>

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,fma,avxvnni"))), apply_to = function)
#else
#pragma GCC target("avx2,fma,avxvnni")
#endif

#define MF_VARIANT_INT8 mf_int8_avx2vnni
#define MF_WIDTH 8
#define MF_REGISTERS 16
#include "kernels/variants/int8_kernels.h"

#if defined(__clang__)
#pragma clang attribute pop
#endif

#endif

typedef int mf_translation_unit; /* not empty on other processors */
