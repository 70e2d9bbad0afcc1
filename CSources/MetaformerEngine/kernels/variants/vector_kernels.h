/* All kernels that have a vector form, for the variant that includes this: see support/vector.h. An op whose vector_<op>
   is defined nowhere runs its reference. */
#include "kernels/convolution/int8/int8.h"
#include "kernels/kernel.h"
#include "kernels/loops.h"
#include "kernels/matmul/matmul.h"
#include "kernels/pool/pool.h"
#include "kernels/reduce/reduce.h"
#include "kernels/triangular_solve/triangular_solve.h"
#include "kernels/window_filter/window_filter.h"
#include "support/memory.h"
#include "support/vector.h"

/* Declared here and, where there is a vector form, defined with it: without, all of it stays NULL. */
#define MF_OP(serial, name, ...) static const mf_kernel vector_##name;
#include "program/ops.def"
#undef MF_OP

/* In this order: later ones use what earlier ones define. */
/* clang-format off */
#include "kernels/pointwise/vector.h"
#include "kernels/reduce/vector.h"
#include "kernels/gemm/vector.h"
#include "kernels/matmul/vector.h"
#include "kernels/convolution/vector.h"
#include "kernels/convolution/bottleneck/vector.h"
#include "kernels/convolution/weight_gradient.h"
#include "kernels/convolution/int8/vector.h"
#include "kernels/softmax/vector.h"
#include "kernels/standardize/vector.h"
#include "kernels/attention/vector.h"
#include "kernels/window_filter/vector.h"
#include "kernels/pool/vector.h"
#include "kernels/triangular_solve/vector.h"
#include "kernels/cholesky/vector.h"
#include "kernels/machine/vector.h"
/* clang-format on */

const mf_variant MF_VARIANT = {
    .kernels =
        {
#define MF_OP(serial, name, ...) [serial] = &vector_##name,
#include "program/ops.def"
#undef MF_OP
        },
    .int8 = &vector_int8,
    .bottleneck = &vector_bottleneck,
    .bottleneck_fits = bottleneck_fits,
    .peak = peak,
};
