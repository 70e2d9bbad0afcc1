/* Convolutions in 8-bit integers alone, for a variant with instructions for them: kernels/variants/vector_kernels.h without the rest. */
#define MF_VNNI
#include "kernels/convolution/int8/int8.h"
#include "support/memory.h"
#include "support/vector.h"

#include "kernels/convolution/int8/bytes.h"
#include "kernels/convolution/int8/vector.h"

const mf_kernel *const MF_VARIANT_INT8 = &vector_int8;
