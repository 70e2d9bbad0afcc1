#include "kernels/window_filter/window_filter.h"

/* One value: the window's weighted sum, or, for the adjoint, of all windows that read this pixel. */
static float filtered(const mf_window *w, const float *in, uint64_t y, uint64_t x) {
    double sum = 0;
    for (uint32_t i = 0; i < w->taps; i++)
        for (uint32_t j = 0; j < w->taps; j++) {
            uint64_t row = w->adjoint ? y - i : y + i,
                     column = w->adjoint ? x - j : x + j; /* below 0 wraps to out of range */
            if (row < w->in_height && column < w->in_width)
                sum += (double)w->weights[i] * (double)w->weights[j] * (double)in[row * w->in_width + column];
        }
    return (float)sum;
}

static void run(const mf_call *call, const mf_pool *pool, void *scratch) {
    (void)pool, (void)scratch;
    mf_window w = mf_window_of(call);
    uint64_t size = w.out_height * w.out_width;
    for (uint64_t i = 0; i < call->shape->count; i++)
        call->output[i] = filtered(&w, call->inputs[0] + i / size * w.in_height * w.in_width, i % size / w.out_width,
                                   i % w.out_width);
}

const mf_kernel mf_reference_window_filter = {.run = run};
