/* Which buffers of a program hold bytes. */
#include "kernels/convolution/int8/int8.h"
#include "program/room.h"

enum {
    MOST_CHANNELS = 65536, /* sums of so many products of 255 and 127 are in 32 bits */
    FEWEST = 64            /* values of an image: of fewer there is nothing to gain */
};

/* ---- Convolutions ------------------------------------------------------------------------------------------------ */

mf_int8_kind mf_int8_kind_of(const mf_call *call) {
    mf_affine a;
    if (call->instruction->op != MF_OP_convolution || !mf_convolution_is_affine(call, &a)) return MF_INT8_NONE;
    mf_geometry g = mf_geometry_of(call);
    if (g.channels * g.height * g.width < FEWEST || g.out_height < 1 || g.out_width < 1 || g.batch < 1)
        return MF_INT8_NONE;
    if (g.kernel_h == 1 && g.kernel_w == 1 && g.stride_h == 1 && g.stride_w == 1 && g.groups == 1 && g.pad_top == 0 &&
        g.pad_left == 0 && g.out_height == g.height && g.out_width == g.width)
        return g.channels <= MOST_CHANNELS ? MF_INT8_POINT : MF_INT8_NONE;
    int is_depthwise = g.group_channels == 1 && g.group_filters == 1 && a.residual < 0;
    return is_depthwise && g.kernel_h == g.kernel_w && (g.kernel_h == 3 || g.kernel_h == 5) &&
                   g.stride_h == g.stride_w && g.stride_h <= 2 && g.pad_top < g.kernel_h && g.pad_left < g.kernel_w
               ? MF_INT8_DEPTHWISE
               : MF_INT8_NONE;
}

/* The upper limit of what a convolution stores, if the lower is 0 and nothing is added; otherwise 0. */
static float limit_of(const mf_call *call) {
    mf_affine a;
    if (call->instruction->op != MF_OP_convolution || !mf_convolution_is_affine(call, &a)) return 0;
    return a.residual < 0 && a.is_limited && a.low == 0 && a.high > 0 && isfinite(a.high) ? a.high : 0;
}

/* ---- Buffers ----------------------------------------------------------------------------------------------------- */

/* Whether what an instruction writes is read by nothing but convolutions that can read bytes, as their image. */
static int is_image_alone(const mf_program *p, const mf_call *calls, uint32_t index) {
    uint32_t buffer = p->instructions[index].output;
    mf_room own = mf_room_of(p, buffer);
    for (uint32_t k = 0; k < p->instructions[index].input_count; k++)
        if (mf_room_shared(mf_room_of(p, p->instructions[index].inputs[k]), own).to) return 0;
    for (uint32_t i = index + 1; i < p->instruction_count; i++) {
        const mf_instruction *reader = &p->instructions[i];
        for (uint32_t k = 0; k < reader->input_count; k++) {
            mf_room read = mf_room_shared(mf_room_of(p, reader->inputs[k]), own);
            if (!read.to || mf_room_is_overwritten(p, index, i, read)) continue;
            if (k != 0 || reader->inputs[0] != buffer || mf_int8_kind_of(&calls[i]) == MF_INT8_NONE) return 0;
        }
    }
    return own.to > 0;
}

/* Whether an instruction reads, as its first operand, what another wrote. */
static int is_first_read(const mf_program *p, uint32_t writer, uint32_t reader) {
    uint32_t buffer = p->instructions[writer].output;
    return p->instructions[reader].inputs[0] == buffer &&
           !mf_room_is_overwritten(p, writer, reader, mf_room_of(p, buffer));
}

static void plan_bytes(const mf_program *p, mf_call *calls) {
    for (uint32_t i = 0; i < p->instruction_count; i++) {
        float high = limit_of(&calls[i]);
        /* Rounding the first features costs the most: a convolution of several taps and channels stores floats. */
        if (high <= 0 || mf_int8_kind_of(&calls[i]) == MF_INT8_NONE || !is_image_alone(p, calls, i)) continue;
        calls[i].output_high = high;
        for (uint32_t k = i + 1; k < p->instruction_count; k++)
            if (is_first_read(p, i, k)) calls[k].input_high = high;
    }
}

size_t mf_int8_measured(const mf_program *p) {
    size_t images = 0;
    for (uint32_t i = 0; i < p->instruction_count; i++)
        if (p->instructions[i].op == MF_OP_convolution) images += p->buffers[p->instructions[i].output].shape.dims[0];
    return images;
}

void mf_int8_plan(const mf_program *p, mf_call *calls, mf_int8_extremes *extremes) {
    plan_bytes(p, calls);
    for (uint32_t i = 0; i < p->instruction_count; i++) {
        if (p->instructions[i].op != MF_OP_convolution) continue;
        mf_call *writer = &calls[i];
        if (mf_int8_kind_of(writer) == MF_INT8_POINT && writer->input_high > 0 && writer->output_high <= 0)
            for (uint32_t k = i + 1; k < p->instruction_count; k++)
                if (mf_int8_takes(&calls[k]) && calls[k].input_high <= 0 && is_first_read(p, i, k))
                    writer->output_extremes = calls[k].input_extremes = extremes;
        extremes += writer->shape->dims[0];
    }
}
