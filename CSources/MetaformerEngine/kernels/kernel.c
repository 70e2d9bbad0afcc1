#include "kernels/kernel.h"

static const mf_kernel *const reference[MF_OP_COUNT] = {
#define MF_OP(serial, name, ...) [serial] = &mf_reference_##name,
#include "program/ops.def"
#undef MF_OP
};

const mf_variant *mf_variant_find(mf_isa isa) {
    if (isa == MF_ISA_GENERIC) return &mf_generic;
#if defined(__x86_64__)
    if (isa == MF_ISA_AVX2 || isa == MF_ISA_AVX2_VNNI) return &mf_avx2;
    if (isa == MF_ISA_AVX512 || isa == MF_ISA_AVX512_VNNI) return &mf_avx512;
#endif
    return NULL;
}

const mf_kernel *mf_kernel_find(mf_isa isa, enum mf_op op) {
    const mf_variant *variant = mf_variant_find(isa);
    return variant && variant->kernels[op]->run ? variant->kernels[op] : reference[op];
}

const mf_kernel *mf_kernel_int8(mf_isa isa) {
#if defined(__x86_64__)
    if (isa == MF_ISA_AVX2_VNNI) return mf_int8_avx2vnni;
    if (isa == MF_ISA_AVX512_VNNI) return mf_int8_avx512vnni;
#endif
    const mf_variant *variant = mf_variant_find(isa);
    return variant ? variant->int8 : &mf_int8_reference;
}
