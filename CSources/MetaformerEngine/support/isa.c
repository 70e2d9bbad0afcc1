#include "support/isa.h"

#include "support/error.h"

#include <stdlib.h>
#include <string.h>

const char *mf_isa_name(mf_isa isa) {
    switch (isa) {
    case MF_ISA_AUTOMATIC:
        return "automatic";
    case MF_ISA_REFERENCE:
        return "reference";
    case MF_ISA_AVX2:
        return "avx2";
    case MF_ISA_AVX512:
        return "avx512";
    }
    return "unknown";
}

mf_isa mf_isa_best(void) {
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512vl"))
        return MF_ISA_AVX512;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return MF_ISA_AVX2;
#endif
    return MF_ISA_REFERENCE;
}

mf_status mf_isa_resolve(mf_isa wanted, mf_isa *out_isa, mf_error *error) {
    mf_isa best = mf_isa_best();
    if (wanted == MF_ISA_AUTOMATIC) {
        const char *forced = getenv("MF_FORCE_ISA");
        wanted = best;
        if (forced && *forced) {
            wanted = MF_ISA_AUTOMATIC;
            for (mf_isa isa = MF_ISA_REFERENCE; isa <= MF_ISA_AVX512; isa++)
                if (strcmp(forced, mf_isa_name(isa)) == 0) wanted = isa;
            if (wanted == MF_ISA_AUTOMATIC)
                return mf_fail(error, MF_E_INVALID, "MF_FORCE_ISA is '%.20s': expected reference, avx2 or avx512",
                               forced);
        }
    }
    if (wanted < MF_ISA_REFERENCE || wanted > MF_ISA_AVX512)
        return mf_fail(error, MF_E_INVALID, "instruction set %d does not exist", (int)wanted);
    if (wanted > best)
        return mf_fail(error, MF_E_UNSUPPORTED, "this processor has no %s; its best set is %s", mf_isa_name(wanted),
                       mf_isa_name(best));
    *out_isa = wanted;
    return MF_OK;
}
