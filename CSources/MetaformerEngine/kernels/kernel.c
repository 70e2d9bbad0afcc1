#include "kernels/kernel.h"

static const mf_kernel *const reference[MF_OP_COUNT] = {
#define MF_OP(serial, name, fixed_inputs, has_extras, attribute_words) [serial] = &mf_reference_##name,
#include "program/ops.def"
#undef MF_OP
};

const mf_kernel *mf_kernel_find(mf_isa isa, enum mf_op op) {
    const mf_kernel *variant = NULL;
    if (isa == MF_ISA_GENERIC) variant = &mf_kernels_generic[op];
#if defined(__x86_64__)
    if (isa == MF_ISA_AVX2) variant = &mf_kernels_avx2[op];
    if (isa == MF_ISA_AVX512) variant = &mf_kernels_avx512[op];
#endif
    return variant && variant->run ? variant : reference[op];
}
