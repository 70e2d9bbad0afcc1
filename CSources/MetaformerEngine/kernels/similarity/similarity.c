#include "kernels/kernel.h"
#include "kernels/similarity/rows.h"

static const mf_similarity reference = MF_SIMILARITY_ROWS;

const mf_similarity *mf_similarity_find(mf_isa isa) {
    const mf_variant *variant = mf_variant_find(isa);
    return variant ? &variant->similarity : &reference;
}
