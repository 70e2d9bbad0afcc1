/*
 * Vectors of bytes: as many as MF_WIDTH holds floats of, or four times that, which is a chunk. In a chunk, four channels of
 * a pixel lie side by side in a lane of 32 bits, and the pixels in the order in which unpacking leaves them: pixel 16 l + 4 j
 * + i is lane i of quarter l (16 bytes) of vector j. Packing the four vectors of a result brings them back.
 */
enum { CHUNK = 4 * MF_WIDTH, VECTOR_BYTES = 4 * MF_WIDTH };

static inline vi bytes_load(const void *p) {
    vi v;
    memcpy(&v, p, sizeof v);
    return v;
}
static inline void bytes_keep(void *p, vi v) {
    memcpy(p, &v, sizeof v);
}

/* The first n bytes of a chunk, at most all; the others are 0. */
static inline vi bytes_load_first(const uint8_t *p, uint64_t n) {
#if MF_WIDTH == 16
    return (vi)_mm512_maskz_loadu_epi8(n < 64 ? ((uint64_t)1 << n) - 1 : ~(uint64_t)0, p);
#else
    uint8_t bytes[CHUNK] = {0};
    memcpy(bytes, p, n);
    return bytes_load(bytes);
#endif
}

/* ---- Rounding ---------------------------------------------------------------------------------------------------- */

/* To whole numbers from 0 to 255; no number becomes 255 (mf_int8_byte). */
static inline vi bytes_whole(vf x) {
    x = v_max(v_min(x, v_splat(255)), v_splat(0));
#if MF_WIDTH == 16
    return (vi)_mm512_cvtps_epi32((__m512)x);
#elif MF_WIDTH == 8
    return (vi)_mm256_cvtps_epi32((__m256)x);
#else
    return __builtin_convertvector(v_round(x), vi);
#endif
}

/* The first n values of a vector, at most all, rounded. */
static inline void bytes_store_first(uint8_t *to, vf x, uint64_t n) {
    vi whole = bytes_whole(x);
#if MF_WIDTH == 16
    _mm_mask_storeu_epi8(to, (__mmask16)((1u << n) - 1), _mm512_cvtepi32_epi8((__m512i)whole));
#elif MF_WIDTH == 8
    __m128i words =
        _mm_packs_epi32(_mm256_castsi256_si128((__m256i)whole), _mm256_extracti128_si256((__m256i)whole, 1));
    __m128i bytes = _mm_packus_epi16(words, words);
    if (n == MF_WIDTH) {
        _mm_storel_epi64((__m128i *)(void *)to, bytes);
        return;
    }
    if (n & 4) {
        _mm_storeu_si32(to, bytes);
        to += 4, bytes = _mm_srli_epi64(bytes, 32);
    }
    uint32_t left = (uint32_t)_mm_cvtsi128_si32(bytes);
    for (uint64_t i = 0; i < n % 4; i++, left >>= 8) to[i] = (uint8_t)left;
#else
    for (uint64_t i = 0; i < n; i++) to[i] = (uint8_t)whole[i];
#endif
}

/* n values, times scale, rounded. */
static inline void bytes_round(const float *x, float scale, uint64_t n, uint8_t *to) {
    uint64_t i = 0;
    for (; i + MF_WIDTH <= n; i += MF_WIDTH) bytes_store_first(to + i, v_load(x + i) * scale, MF_WIDTH);
    if (i < n) bytes_store_first(to + i, v_load_first(x + i, n - i) * scale, n - i);
}

/* Four vectors of whole numbers from 0 to 255, quarter by quarter: a chunk's pixels in their own order. */
static inline vi bytes_pack(vi a, vi b, vi c, vi d) {
#if MF_WIDTH == 16
    return (vi)_mm512_packus_epi16(_mm512_packs_epi32((__m512i)a, (__m512i)b),
                                   _mm512_packs_epi32((__m512i)c, (__m512i)d));
#elif MF_WIDTH == 8
    return (vi)_mm256_packus_epi16(_mm256_packs_epi32((__m256i)a, (__m256i)b),
                                   _mm256_packs_epi32((__m256i)c, (__m256i)d));
#else
    union {
        uint8_t byte[16];
        vi vector;
    } to;
    for (int i = 0; i < 4; i++)
        to.byte[i] = (uint8_t)a[i], to.byte[4 + i] = (uint8_t)b[i], to.byte[8 + i] = (uint8_t)c[i],
        to.byte[12 + i] = (uint8_t)d[i];
    return to.vector;
#endif
}

/* A chunk of floats, (x - low) inverse, rounded, in their own order. */
static inline vi bytes_of(const float *x, vf low, vf inverse) {
    vi v[4];
    for (int j = 0; j < 4; j++) v[j] = bytes_whole((v_load(x + j * MF_WIDTH) - low) * inverse);
    vi packed = bytes_pack(v[0], v[1], v[2], v[3]);
#if MF_WIDTH == 16
    const __m512i order = _mm512_set_epi32(15, 11, 7, 3, 14, 10, 6, 2, 13, 9, 5, 1, 12, 8, 4, 0);
    return (vi)_mm512_permutexvar_epi32(order, (__m512i)packed);
#elif MF_WIDTH == 8
    const __m256i order = _mm256_set_epi32(7, 3, 6, 2, 5, 1, 4, 0);
    return (vi)_mm256_permutevar8x32_epi32((__m256i)packed, order);
#else
    return packed;
#endif
}

/* ---- Order ------------------------------------------------------------------------------------------------------- */

/* The first MF_WIDTH pixels of a channel, spread so that interleaving puts them into its first vector, in their own order. */
static inline vi bytes_spread(vi x) {
#if MF_WIDTH == 16
    return (vi)_mm512_maskz_permutexvar_epi32(0x1111, _mm512_set_epi32(0, 0, 0, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 0),
                                              (__m512i)x);
#else
    uint8_t bytes[CHUNK], spread[CHUNK] = {0};
    bytes_keep(bytes, x);
    for (int i = 0; i < MF_WIDTH / 4; i++) memcpy(spread + 16 * i, bytes + 4 * i, 4);
    return bytes_load(spread);
#endif
}

/* A chunk of four channels, each in its own order, to a chunk of their pixels. */
static inline void bytes_interleave(vi a, vi b, vi c, vi d, uint8_t *to) {
#if MF_WIDTH == 16
#define MF_UNPACK(half, bits, x, y) _mm512_unpack##half##_epi##bits(x, y)
    __m512i x = (__m512i)a, y = (__m512i)b, z = (__m512i)c, w = (__m512i)d;
    __m512i low = MF_UNPACK(lo, 8, x, y), high = MF_UNPACK(hi, 8, x, y);
    __m512i low_2 = MF_UNPACK(lo, 8, z, w), high_2 = MF_UNPACK(hi, 8, z, w);
#elif MF_WIDTH == 8
#define MF_UNPACK(half, bits, x, y) _mm256_unpack##half##_epi##bits(x, y)
    __m256i x = (__m256i)a, y = (__m256i)b, z = (__m256i)c, w = (__m256i)d;
    __m256i low = MF_UNPACK(lo, 8, x, y), high = MF_UNPACK(hi, 8, x, y);
    __m256i low_2 = MF_UNPACK(lo, 8, z, w), high_2 = MF_UNPACK(hi, 8, z, w);
#endif
#if MF_WIDTH > 4
    bytes_keep(to, (vi)MF_UNPACK(lo, 16, low, low_2));
    bytes_keep(to + VECTOR_BYTES, (vi)MF_UNPACK(hi, 16, low, low_2));
    bytes_keep(to + 2 * VECTOR_BYTES, (vi)MF_UNPACK(lo, 16, high, high_2));
    bytes_keep(to + 3 * VECTOR_BYTES, (vi)MF_UNPACK(hi, 16, high, high_2));
#undef MF_UNPACK
#else
    uint8_t channel[4][CHUNK];
    bytes_keep(channel[0], a), bytes_keep(channel[1], b), bytes_keep(channel[2], c), bytes_keep(channel[3], d);
    for (int i = 0; i < CHUNK; i++)
        for (int k = 0; k < 4; k++) to[4 * i + k] = channel[k][i];
#endif
}

/* The four vectors of a chunk's result, to its pixels in their own order. */
static inline void bytes_reorder(vf *v) {
#if MF_WIDTH == 16
#define MF_QUARTERS(a, b, which) _mm512_shuffle_f32x4(a, b, which)
    __m512 a = MF_QUARTERS((__m512)v[0], (__m512)v[1], 0x44), b = MF_QUARTERS((__m512)v[0], (__m512)v[1], 0xee);
    __m512 c = MF_QUARTERS((__m512)v[2], (__m512)v[3], 0x44), d = MF_QUARTERS((__m512)v[2], (__m512)v[3], 0xee);
    v[0] = (vf)MF_QUARTERS(a, c, 0x88), v[1] = (vf)MF_QUARTERS(a, c, 0xdd);
    v[2] = (vf)MF_QUARTERS(b, d, 0x88), v[3] = (vf)MF_QUARTERS(b, d, 0xdd);
#undef MF_QUARTERS
#elif MF_WIDTH == 8
    __m256 a = (__m256)v[0], b = (__m256)v[1], c = (__m256)v[2], d = (__m256)v[3];
    v[0] = (vf)_mm256_permute2f128_ps(a, b, 0x20), v[1] = (vf)_mm256_permute2f128_ps(c, d, 0x20);
    v[2] = (vf)_mm256_permute2f128_ps(a, b, 0x31), v[3] = (vf)_mm256_permute2f128_ps(c, d, 0x31);
#else
    (void)v;
#endif
}

/* Widened to 16 bits, in lane i: the two bytes from p + step i on, the next two, and the two after these; step is 1 or 2.
   Reads up to 4 MF_WIDTH bytes, or, MF_WIDTH being 4, 12. */
typedef struct pairs {
    vi first, second, third;
} pairs;

static inline __attribute__((always_inline)) pairs bytes_pairs(const uint8_t *p, int step) {
    pairs to;
#if MF_WIDTH > 4
    /* Of a byte that is not there the shuffle makes 0: the upper halves of what is widened. */
    const __m128i none = _mm_set1_epi16((short)0x8000);
    const __m128i first =
        _mm_or_si128(none, step == 1 ? _mm_set_epi16(4, 3, 3, 2, 2, 1, 1, 0) : _mm_set_epi16(7, 6, 5, 4, 3, 2, 1, 0));
    const __m128i second = _mm_add_epi16(first, _mm_set1_epi16(2)), third = _mm_add_epi16(first, _mm_set1_epi16(4));
#endif
#if MF_WIDTH == 16
    const __m512i order = step == 1 ? _mm512_set_epi32(6, 5, 4, 3, 5, 4, 3, 2, 4, 3, 2, 1, 3, 2, 1, 0)
                                    : _mm512_set_epi32(9, 8, 7, 6, 7, 6, 5, 4, 5, 4, 3, 2, 3, 2, 1, 0);
    __m512i bytes = _mm512_permutexvar_epi32(order, (__m512i)bytes_load(p));
    to.first = (vi)_mm512_shuffle_epi8(bytes, _mm512_broadcast_i32x4(first));
    to.second = (vi)_mm512_shuffle_epi8(bytes, _mm512_broadcast_i32x4(second));
    to.third = (vi)_mm512_shuffle_epi8(bytes, _mm512_broadcast_i32x4(third));
#elif MF_WIDTH == 8
    const __m256i order =
        step == 1 ? _mm256_set_epi32(4, 3, 2, 1, 3, 2, 1, 0) : _mm256_set_epi32(5, 4, 3, 2, 3, 2, 1, 0);
    __m256i bytes = _mm256_permutevar8x32_epi32((__m256i)bytes_load(p), order);
    to.first = (vi)_mm256_shuffle_epi8(bytes, _mm256_broadcastsi128_si256(first));
    to.second = (vi)_mm256_shuffle_epi8(bytes, _mm256_broadcastsi128_si256(second));
    to.third = (vi)_mm256_shuffle_epi8(bytes, _mm256_broadcastsi128_si256(third));
#else
    int32_t lanes[3][MF_WIDTH];
    for (int i = 0; i < MF_WIDTH; i++, p += step)
        for (int k = 0; k < 3; k++) lanes[k][i] = p[2 * k] | p[2 * k + 1] << 16;
    to.first = bytes_load(lanes[0]), to.second = bytes_load(lanes[1]), to.third = bytes_load(lanes[2]);
#endif
    return to;
}

/* ---- Products ---------------------------------------------------------------------------------------------------- */

/* Four pixels and four weights in a lane: where there is no instruction for their products' sum, pixels and weights are
   widened to 16 bits, in two halves: the first and third, and the second and fourth. */
#ifdef MF_VNNI
enum { QUAD_WORDS = 1 };
typedef struct quads {
    vi all;
} quads;
static inline quads quads_of(vi x) {
    return (quads){x};
}
static inline vi quads_dot(vi sum, quads x, const int32_t *w) {
#if MF_WIDTH == 16
    return (vi)_mm512_dpbusd_epi32((__m512i)sum, (__m512i)x.all, _mm512_set1_epi32(*w));
#else
    return (vi)_mm256_dpbusd_avx_epi32((__m256i)sum, (__m256i)x.all, _mm256_set1_epi32(*w));
#endif
}
#else
enum { QUAD_WORDS = 2 };
typedef struct quads {
    vi even, odd;
} quads;
static inline quads quads_of(vi x) {
    return (quads){x & 0x00ff00ff, (x >> 8) & 0x00ff00ff};
}
static inline vi quads_dot(vi sum, quads x, const int32_t *w) {
#if MF_WIDTH == 16
    __m512i even = _mm512_madd_epi16((__m512i)x.even, _mm512_set1_epi32(w[0]));
    __m512i odd = _mm512_madd_epi16((__m512i)x.odd, _mm512_set1_epi32(w[1]));
    return (vi)_mm512_add_epi32((__m512i)sum, _mm512_add_epi32(even, odd));
#elif MF_WIDTH == 8
    __m256i even = _mm256_madd_epi16((__m256i)x.even, _mm256_set1_epi32(w[0]));
    __m256i odd = _mm256_madd_epi16((__m256i)x.odd, _mm256_set1_epi32(w[1]));
    return (vi)_mm256_add_epi32((__m256i)sum, _mm256_add_epi32(even, odd));
#else
    int16_t half[4];
    memcpy(half, w, sizeof half);
    return sum + (x.even & 0xffff) * half[0] + (x.even >> 16) * half[1] + (x.odd & 0xffff) * half[2] +
           (x.odd >> 16) * half[3];
#endif
}
#endif

/* Four weights, as quads_dot takes them. */
static inline void quads_weights(const int8_t *w, int32_t *to) {
#ifdef MF_VNNI
    memcpy(to, w, 4);
#else
    int16_t half[4] = {w[0], w[2], w[1], w[3]};
    memcpy(to, half, sizeof half);
#endif
}

/* Two pixels and two weights of 16 bits in a lane; w has the two. */
static inline vi pairs_dot(vi sum, vi x, int32_t w) {
#if defined(MF_VNNI) && MF_WIDTH == 16
    /* Written out, as LLVM makes two instructions of this one. */
    __m512i to = (__m512i)sum;
    __asm__("vpdpwssd %2, %1, %0" : "+v"(to) : "v"((__m512i)x), "v"(_mm512_set1_epi32(w)));
    return (vi)to;
#elif defined(MF_VNNI)
    __m256i to = (__m256i)sum;
    __asm__("%{vex%} vpdpwssd %2, %1, %0" : "+x"(to) : "x"((__m256i)x), "x"(_mm256_set1_epi32(w)));
    return (vi)to;
#elif MF_WIDTH == 16
    return sum + (vi)_mm512_madd_epi16((__m512i)x, _mm512_set1_epi32(w));
#elif MF_WIDTH == 8
    return sum + (vi)_mm256_madd_epi16((__m256i)x, _mm256_set1_epi32(w));
#else
    int16_t two[2];
    memcpy(two, &w, sizeof two);
    return sum + (x & 0xffff) * two[0] + (x >> 16) * two[1];
#endif
}
