/* All kernels that have a vector form, for the variant that includes this: see support/vector.h. An op with no line
   here runs its reference. */
#include "kernels/convolution/convolution.h"
#include "kernels/kernel.h"
#include "kernels/loops.h"
#include "kernels/matmul/matmul.h"
#include "kernels/reduce/reduce.h"
#include "kernels/window_filter/window_filter.h"
#include "support/memory.h"
#include "support/vector.h"

/* In this order: later ones use what earlier ones define. */
/* clang-format off */
#include "kernels/pointwise/vector.h"
#include "kernels/reduce/vector.h"
#include "kernels/gemm/vector.h"
#include "kernels/matmul/vector.h"
#include "kernels/convolution/vector.h"
#include "kernels/convolution/weight_gradient_vector.h"
#include "kernels/softmax/vector.h"
#include "kernels/standardize/vector.h"
#include "kernels/attention/vector.h"
#include "kernels/window_filter/vector.h"
#include "kernels/machine/vector.h"
#include "kernels/similarity/rows.h"
/* clang-format on */

const mf_variant MF_VARIANT = {
    .kernels =
        {
            [MF_OP_pointwise] = {.scratch = pointwise_scratch, .run = pointwise_run},
            [MF_OP_convolution] = {.scratch = convolution_scratch,
                                   .run = convolution_run,
                                   .packed = convolution_packed,
                                   .pack = convolution_pack},
            [MF_OP_convolution_input_gradient] = {.scratch = convolution_scratch,
                                                  .run = convolution_run,
                                                  .packed = convolution_packed,
                                                  .pack = convolution_pack},
            [MF_OP_convolution_weight_gradient] = {.scratch = weight_gradient_scratch, .run = weight_gradient_run},
            [MF_OP_matmul] = {.scratch = matmul_scratch, .run = matmul_run},
            [MF_OP_reduce] = {.scratch = reduce_scratch, .run = reduce_run},
            [MF_OP_softmax] = {.run = softmax_run},
            [MF_OP_softmax_gradient] = {.run = softmax_run},
            [MF_OP_standardize] = {.scratch = standardize_scratch, .run = standardize_run},
            [MF_OP_standardize_gradient] = {.run = standardize_run},
            [MF_OP_attention] = {.scratch = attention_scratch, .run = attention_run},
            [MF_OP_window_filter] = {.scratch = window_scratch, .run = window_run},
        },
    .peak = peak,
    .similarity = MF_SIMILARITY_ROWS,
};
