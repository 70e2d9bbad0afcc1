#include "support/error.h"

#include <metaformer/engine.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#if defined(__x86_64__)
#include <cpuid.h>
#endif

/* Each better than those before it. */
static const struct {
    mf_isa isa;
    const char *name;
} sets[] = {
    {MF_ISA_REFERENCE, "reference"}, {MF_ISA_GENERIC, "generic"}, {MF_ISA_AVX2, "avx2"},
    {MF_ISA_AVX2_VNNI, "avx2vnni"},  {MF_ISA_AVX512, "avx512"},   {MF_ISA_AVX512_VNNI, "avx512vnni"},
};
enum { SETS = sizeof sets / sizeof sets[0] };

const char *mf_isa_name(mf_isa isa) {
    if (isa == MF_ISA_AUTOMATIC) return "automatic";
    for (int i = 0; i < SETS; i++)
        if (sets[i].isa == isa) return sets[i].name;
    return "unknown";
}

#if defined(__x86_64__)
/* CPUID itself: __builtin_cpu_supports of Clang 14 does not know it. */
static int has_avx_vnni(void) {
    unsigned eax, ebx, ecx, edx;
    return __get_cpuid_count(7, 1, &eax, &ebx, &ecx, &edx) && eax >> 4 & 1;
}
#endif

static int is_available(mf_isa isa) {
    if (isa == MF_ISA_REFERENCE || isa == MF_ISA_GENERIC) return 1;
#if defined(__x86_64__)
    __builtin_cpu_init();
    int avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    int avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
                 __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
    if (isa == MF_ISA_AVX2) return avx2;
    if (isa == MF_ISA_AVX2_VNNI) return avx2 && has_avx_vnni();
    if (isa == MF_ISA_AVX512) return avx512;
    if (isa == MF_ISA_AVX512_VNNI) return avx512 && __builtin_cpu_supports("avx512vnni");
#endif
    return 0;
}

mf_isa mf_isa_best(void) {
    int best = SETS - 1;
    while (!is_available(sets[best].isa)) best--;
    return sets[best].isa;
}

static mf_status refuse_name(const char *name, mf_error *error) {
    char names[100] = "";
    for (int i = 0, used = 0; i < SETS && used < (int)sizeof names; i++)
        used += snprintf(names + used, sizeof names - (size_t)used, "%s%s",
                         i == 0         ? ""
                         : i + 1 < SETS ? ", "
                                        : " or ",
                         sets[i].name);
    return mf_fail(error, MF_E_INVALID, "MF_FORCE_ISA is '%.20s': expected %s", name, names);
}

mf_status mf_isa_resolve(mf_isa wanted, mf_isa *out_isa, mf_error *error) {
    if (!out_isa) return mf_fail(error, MF_E_INVALID, "mf_isa_resolve: NULL argument");
    mf_isa best = mf_isa_best();
    if (wanted == MF_ISA_AUTOMATIC) {
        const char *forced = getenv("MF_FORCE_ISA");
        wanted = best;
        if (forced && *forced) {
            wanted = MF_ISA_AUTOMATIC;
            for (int i = 0; i < SETS; i++)
                if (strcmp(forced, sets[i].name) == 0) wanted = sets[i].isa;
            if (wanted == MF_ISA_AUTOMATIC) return refuse_name(forced, error);
        }
    }
    for (int i = 0; i < SETS; i++) {
        if (sets[i].isa != wanted) continue;
        if (!is_available(wanted))
            return mf_fail(error, MF_E_UNSUPPORTED, "this processor has no %s; its best set is %s", sets[i].name,
                           mf_isa_name(best));
        *out_isa = wanted;
        return MF_OK;
    }
    return mf_fail(error, MF_E_INVALID, "instruction set %d does not exist", (int)wanted);
}
