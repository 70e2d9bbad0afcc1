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

#define MF_WIDTH 16
#define MF_REGISTERS 32
#define MF_VNNI
#include "kernels/convolution/int8/int8.h"
#include "support/memory.h"
#include "support/vector.h"

#include "kernels/convolution/int8/bytes.h"
#include "kernels/convolution/int8/vector.h"

const mf_kernel *const mf_int8_avx512vnni = &vector_int8;

#if defined(__clang__)
#pragma clang attribute pop
#endif

#endif

typedef int mf_translation_unit; /* not empty on other processors */
