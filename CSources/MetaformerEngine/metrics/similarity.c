#include "metrics/similarity.h"

#define MF_TARGET
#define MF_ROWS(name) plain_##name
#include "metrics/similarity_rows.h"

#if defined(__x86_64__)

#define MF_TARGET __attribute__((target("avx2")))
#define MF_ROWS(name) avx2_##name
#include "metrics/similarity_rows.h"

#define MF_TARGET __attribute__((target("avx512f,avx512dq,avx512bw,avx512vl")))
#define MF_ROWS(name) avx512_##name
#include "metrics/similarity_rows.h"

#endif

const mf_similarity *mf_similarity_find(mf_isa isa) {
#if defined(__x86_64__)
    if (isa == MF_ISA_AVX2 || isa == MF_ISA_AVX2_VNNI) return &avx2_rows;
    if (isa == MF_ISA_AVX512 || isa == MF_ISA_AVX512_VNNI) return &avx512_rows;
#endif
    (void)isa;
    return &plain_rows;
}
