/*
 * Vectors of MF_WIDTH floats for the variant being compiled. A variant's file defines MF_VARIANT (its name), MF_WIDTH and
 * MF_REGISTERS (how many vectors the processor holds in registers), and sets the target, before it includes this and the
 * kernels. A width of 4 stands for any processor: plain vectors, and NEON's where they are.
 */
#ifndef MF_SUPPORT_VECTOR_H
#define MF_SUPPORT_VECTOR_H

#if MF_WIDTH > 4
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif
#include <stdint.h>
#include <string.h>

typedef float vf __attribute__((vector_size(4 * MF_WIDTH)));
typedef int32_t vi __attribute__((vector_size(4 * MF_WIDTH)));

static inline uint64_t up_to(uint64_t value, uint64_t multiple) {
    return (value + multiple - 1) / multiple * multiple;
}

static inline vf v_load(const float *p) {
    vf v;
    memcpy(&v, p, sizeof v);
    return v;
}
static inline void v_store(float *p, vf v) {
    memcpy(p, &v, sizeof v);
}

/* As v_store, to an address aligned to the vector, past the caches; v_streamed before others may read. */
#if MF_WIDTH == 16
static inline void v_stream(float *p, vf v) {
    _mm512_stream_ps(p, (__m512)v);
}
#elif MF_WIDTH == 8
static inline void v_stream(float *p, vf v) {
    _mm256_stream_ps(p, (__m256)v);
}
#else
static inline void v_stream(float *p, vf v) {
    v_store(p, v);
}
#endif
static inline void v_streamed(void) {
#if MF_WIDTH > 4
    _mm_sfence();
#endif
}

/* The first n lanes, fewer than MF_WIDTH; the others are 0, and are neither read nor written. */
#if MF_WIDTH == 16
static inline vf v_load_first(const float *p, uint64_t n) {
    return (vf)_mm512_maskz_loadu_ps((__mmask16)((1u << n) - 1), p);
}
static inline void v_store_first(float *p, vf v, uint64_t n) {
    _mm512_mask_storeu_ps(p, (__mmask16)((1u << n) - 1), (__m512)v);
}
#elif MF_WIDTH == 8
static inline __m256i v_first(uint64_t n) {
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n), _mm256_set_epi32(7, 6, 5, 4, 3, 2, 1, 0));
}
static inline vf v_load_first(const float *p, uint64_t n) {
    return (vf)_mm256_maskload_ps(p, v_first(n));
}
static inline void v_store_first(float *p, vf v, uint64_t n) {
    _mm256_maskstore_ps(p, v_first(n), (__m256)v);
}
#else
static inline vf v_load_first(const float *p, uint64_t n) {
    return (vf){n > 0 ? p[0] : 0, n > 1 ? p[1] : 0, n > 2 ? p[2] : 0, 0};
}
static inline void v_store_first(float *p, vf v, uint64_t n) {
    for (uint64_t i = 0; i < n; i++) p[i] = v[i];
}
#endif

/* The first n lanes, fewer than MF_WIDTH, and the first of them in place of the others. */
static inline vf v_first_alone(vf v, uint64_t n) {
    for (uint64_t i = n; i < MF_WIDTH; i++) v[i] = v[0];
    return v;
}

/* Runs of a row are short: a call of memcpy or memset would cost as much as they do. */
static inline void v_copy(float *to, const float *from, int64_t n) {
    int64_t i = 0;
    for (; i + MF_WIDTH <= n; i += MF_WIDTH) v_store(to + i, v_load(from + i));
    if (i < n) v_store_first(to + i, v_load_first(from + i, (uint64_t)(n - i)), (uint64_t)(n - i));
}
static inline void v_clear(float *to, int64_t n) {
    const vf zero = {0};
    int64_t i = 0;
    for (; i + MF_WIDTH <= n; i += MF_WIDTH) v_store(to + i, zero);
    if (i < n) v_store_first(to + i, zero, (uint64_t)(n - i));
}

/* v_max and v_min give b where either is NaN. */
#if MF_WIDTH == 16
static inline vf v_fma(vf a, vf b, vf c) {
    return (vf)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
}
static inline vf v_max(vf a, vf b) {
    return (vf)_mm512_max_ps((__m512)a, (__m512)b);
}
static inline vf v_min(vf a, vf b) {
    return (vf)_mm512_min_ps((__m512)a, (__m512)b);
}
static inline vf v_sqrt(vf a) {
    return (vf)_mm512_sqrt_ps((__m512)a);
}
static inline vf v_round(vf a) {
    return (vf)_mm512_roundscale_ps((__m512)a, 8);
}
static inline vf v_splat(float x) {
    return (vf)_mm512_set1_ps(x);
}
#elif MF_WIDTH == 8
static inline vf v_fma(vf a, vf b, vf c) {
    return (vf)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
}
static inline vf v_max(vf a, vf b) {
    return (vf)_mm256_max_ps((__m256)a, (__m256)b);
}
static inline vf v_min(vf a, vf b) {
    return (vf)_mm256_min_ps((__m256)a, (__m256)b);
}
static inline vf v_sqrt(vf a) {
    return (vf)_mm256_sqrt_ps((__m256)a);
}
static inline vf v_round(vf a) {
    return (vf)_mm256_round_ps((__m256)a, 8);
}
static inline vf v_splat(float x) {
    return (vf)_mm256_set1_ps(x);
}
#endif

static inline vf v_select(vi mask, vf a, vf b) {
    return (vf)((mask & (vi)a) | (~mask & (vi)b));
}

#if MF_WIDTH == 4
#if defined(__aarch64__)
static inline vf v_fma(vf a, vf b, vf c) {
    return (vf)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
}
static inline vf v_sqrt(vf a) {
    return (vf)vsqrtq_f32((float32x4_t)a);
}
#else
/* In two roundings: fmaf by software would cost a hundred times as much. */
static inline vf v_fma(vf a, vf b, vf c) {
    return a * b + c;
}
static inline vf v_sqrt(vf a) {
    return (vf){__builtin_sqrtf(a[0]), __builtin_sqrtf(a[1]), __builtin_sqrtf(a[2]), __builtin_sqrtf(a[3])};
}
#endif
static inline vf v_max(vf a, vf b) {
    return v_select((vi)(a > b), a, b);
}
static inline vf v_min(vf a, vf b) {
    return v_select((vi)(a < b), a, b);
}
/* For magnitudes below 2^22, whose halves the sum rounds away, to even. */
static inline vf v_round(vf a) {
    return (a + 12582912.0f) - 12582912.0f;
}
static inline vf v_splat(float x) {
    return (vf){x, x, x, x};
}
#endif

static inline vf v_abs(vf a) {
    return (vf)((vi)a & 0x7fffffff);
}

#if MF_WIDTH == 16
static inline __m256 v_halved(vf v) {
    return _mm256_add_ps(_mm512_castps512_ps256((__m512)v), _mm512_extractf32x8_ps((__m512)v, 1));
}
#elif MF_WIDTH == 8
static inline __m256 v_halved(vf v) {
    return (__m256)v;
}
#endif

/* The two halves added, down to one lane. */
static inline float v_sum(vf v) {
#if MF_WIDTH == 4
    return (v[0] + v[2]) + (v[1] + v[3]);
#else
    __m256 x = v_halved(v);
    __m128 y = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
    y = _mm_add_ps(y, _mm_movehl_ps(y, y));
    return _mm_cvtss_f32(_mm_add_ss(y, _mm_movehdup_ps(y)));
#endif
}

/* The sums of four vectors, for less than what four of them cost. */
static inline void v_sum_four(vf a, vf b, vf c, vf d, float *to) {
#if MF_WIDTH == 4
    to[0] = v_sum(a), to[1] = v_sum(b), to[2] = v_sum(c), to[3] = v_sum(d);
#else
    __m256 x = _mm256_hadd_ps(_mm256_hadd_ps(v_halved(a), v_halved(b)), _mm256_hadd_ps(v_halved(c), v_halved(d)));
    _mm_storeu_ps(to, _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1)));
#endif
}
static inline float v_highest(vf v) {
    float lane[MF_WIDTH];
    v_store(lane, v);
    for (int i = 1; i < MF_WIDTH; i++) lane[0] = lane[i] > lane[0] ? lane[i] : lane[0];
    return lane[0];
}

/* The even lanes of two vectors, one after the other. */
static inline vf v_even(vf a, vf b) {
#if MF_WIDTH == 16
    const __m512i from = _mm512_set_epi32(30, 28, 26, 24, 22, 20, 18, 16, 14, 12, 10, 8, 6, 4, 2, 0);
    return (vf)_mm512_permutex2var_ps((__m512)a, from, (__m512)b);
#elif MF_WIDTH == 8
    __m256d pairs = _mm256_castps_pd(_mm256_shuffle_ps((__m256)a, (__m256)b, 0x88));
    return (vf)_mm256_castpd_ps(_mm256_permute4x64_pd(pairs, 0xd8));
#else
    return (vf){a[0], a[2], b[0], b[2]};
#endif
}

/* The odd ones. */
static inline vf v_odd(vf a, vf b) {
#if MF_WIDTH == 16
    const __m512i from = _mm512_set_epi32(31, 29, 27, 25, 23, 21, 19, 17, 15, 13, 11, 9, 7, 5, 3, 1);
    return (vf)_mm512_permutex2var_ps((__m512)a, from, (__m512)b);
#elif MF_WIDTH == 8
    __m256d pairs = _mm256_castps_pd(_mm256_shuffle_ps((__m256)a, (__m256)b, 0xdd));
    return (vf)_mm256_castpd_ps(_mm256_permute4x64_pd(pairs, 0xd8));
#else
    return (vf){a[1], a[3], b[1], b[3]};
#endif
}

/* exp, log and tanh follow Cephes' single-precision range reductions and polynomials (S. Moshier,
   netlib.org/cephes). */
static inline vf v_exp(vf x) {
    x = v_min(v_splat(89.0f), v_max(v_splat(-105.0f), x));
    vf n = v_round(x * 1.44269504088896341f);
    vf r = v_fma(n, v_splat(-0.693359375f), x);
    r = v_fma(n, v_splat(2.12194440e-4f), r);
    vf p = v_splat(1.9875691500e-4f);
    p = v_fma(p, r, v_splat(1.3981999507e-3f));
    p = v_fma(p, r, v_splat(8.3334519073e-3f));
    p = v_fma(p, r, v_splat(4.1665795894e-2f));
    p = v_fma(p, r, v_splat(1.6666665459e-1f));
    p = v_fma(p, r, v_splat(5.0000001201e-1f));
    vf y = v_fma(p * r, r, r) + 1.0f;
    /* In two factors: 2^n alone leaves the range of ordinary numbers before the result does. */
    vi whole = __builtin_convertvector(n, vi);
    vi half = whole >> 1;
    vf a = (vf)((half + 127) << 23), b = (vf)((whole - half + 127) << 23);
    return y * a * b;
}

static inline vf v_log(vf x) {
    vi subnormal = (vi)(x < 1.17549435e-38f);
    vf scaled = v_select(subnormal, x * 8388608.0f, x);
    vi bits = (vi)scaled;
    vf e = __builtin_convertvector(((bits >> 23) & 0xff) - 126, vf);
    e = v_select(subnormal, e - 23.0f, e);
    vf m = (vf)((bits & 0x007fffff) | 0x3f000000); /* in [0.5, 1) */
    vi low = (vi)(m < 0.707106781186547524f);
    e = v_select(low, e - 1.0f, e);
    m = v_select(low, m + m, m) - 1.0f;
    vf z = m * m;
    vf p = v_splat(7.0376836292e-2f);
    p = v_fma(p, m, v_splat(-1.1514610310e-1f));
    p = v_fma(p, m, v_splat(1.1676998740e-1f));
    p = v_fma(p, m, v_splat(-1.2420140846e-1f));
    p = v_fma(p, m, v_splat(1.4249322787e-1f));
    p = v_fma(p, m, v_splat(-1.6668057665e-1f));
    p = v_fma(p, m, v_splat(2.0000714765e-1f));
    p = v_fma(p, m, v_splat(-2.4999993993e-1f));
    p = v_fma(p, m, v_splat(3.3333331174e-1f));
    vf y = p * m * z;
    y = v_fma(e, v_splat(-2.12194440e-4f), y);
    y = v_fma(z, v_splat(-0.5f), y);
    y = v_fma(e, v_splat(0.693359375f), m + y);
    const vf infinity = v_splat(__builtin_inff());
    y = v_select((vi)(x == infinity), infinity, y);
    y = v_select((vi)(x == 0.0f), -infinity, y);
    return v_select((vi)(x < 0.0f) | (vi)(x != x), v_splat(__builtin_nanf("")), y);
}

static inline vf v_sigmoid(vf x) {
    return 1.0f / (1.0f + v_exp(-x));
}

static inline vf v_tanh(vf x) {
    vf a = v_abs(x), z = x * x;
    vf p = v_splat(-5.70498872745e-3f);
    p = v_fma(p, z, v_splat(2.06390887954e-2f));
    p = v_fma(p, z, v_splat(-5.37397155531e-2f));
    p = v_fma(p, z, v_splat(1.33314422036e-1f));
    p = v_fma(p, z, v_splat(-3.33332819422e-1f));
    vf near = v_fma(p * z, x, x);
    vf far = 1.0f - 2.0f / (v_exp(a + a) + 1.0f);
    far = (vf)((vi)far | ((vi)x & (int32_t)0x80000000));
    return v_select((vi)(a < 0.625f), near, far);
}

#endif
