/* Which convolutions of a program are run as one. */
#include "kernels/convolution/bottleneck/bottleneck.h"

#include "program/room.h"

/* Less than so many bytes between two convolutions stay in the caches of a core by themselves. Fuzzing, which has small models,
   sets it to 0. */
#ifndef MF_BOTTLENECK_BYTES
#define MF_BOTTLENECK_BYTES (3 << 20)
#endif

static int is_depthwise(const mf_call *call) {
    if (call->instruction->op != MF_OP_convolution) return 0;
    mf_geometry g = mf_geometry_of(call);
    return g.group_channels == 1 && g.group_filters == 1;
}

/* The instruction that makes what another reads as its image; the other's own number where there is none. */
static uint32_t writer_of(const mf_program *p, uint32_t reader) {
    for (uint32_t i = reader; i-- > 0;)
        if (p->instructions[i].output == p->instructions[reader].inputs[0]) return i;
    return reader;
}

/* Whether what an instruction writes lies in the arena and is read by another as its image, by nothing else, and by nothing
   after another wrote to its place. */
static int is_for_one(const mf_program *p, uint32_t writer, uint32_t reader) {
    uint32_t buffer = p->instructions[writer].output;
    if (p->buffers[buffer].kind != MF_BUFFER_ARENA || p->instructions[reader].inputs[0] != buffer) return 0;
    for (uint32_t k = 1; k < p->instructions[reader].input_count; k++)
        if (mf_room_is_common(p, p->instructions[reader].inputs[k], buffer)) return 0;
    for (uint32_t i = writer + 1; i < p->instruction_count; i++) {
        const mf_instruction *other = &p->instructions[i];
        if (i < reader && mf_room_is_common(p, other->output, buffer)) return 0;
        for (uint32_t k = 0; i != reader && k < other->input_count; k++) {
            mf_room read = mf_room_shared(mf_room_of(p, other->inputs[k]), mf_room_of(p, buffer));
            if (read.to && !mf_room_is_overwritten(p, writer, i, read)) return 0;
        }
    }
    return 1;
}

/* Whether an instruction can be run as late as another: nothing up to that one writes to what it reads, from an operand on. */
static int can_wait(const mf_program *p, uint32_t index, uint32_t until, uint32_t operand) {
    for (uint32_t i = index + 1; i <= until; i++)
        for (uint32_t k = operand; k < p->instructions[index].input_count; k++)
            if (mf_room_is_common(p, p->instructions[i].output, p->instructions[index].inputs[k])) return 0;
    return 1;
}

/* The only reader of what an instruction writes, if that is a convolution; the instruction's own number where there is none. */
static uint32_t reader_of(const mf_program *p, uint32_t writer) {
    for (uint32_t i = writer + 1; i < p->instruction_count; i++)
        if (p->instructions[i].op == MF_OP_convolution && is_for_one(p, writer, i)) return i;
    return writer;
}

/* Links a chain from the first to the last of its instructions if a kernel takes it; of the three, the depthwise one may be
   the first or the last. */
static int link(const mf_program *p, mf_call *calls, const mf_variant *variant, uint32_t first, uint32_t middle,
                uint32_t last) {
    uint64_t between = first != middle ? calls[first].shape->count : calls[middle].shape->count;
    if (first == last || between * sizeof(float) < MF_BOTTLENECK_BYTES) return 0;
    if (!can_wait(p, first, last, 0) || !can_wait(p, middle, last, middle != first)) return 0;
    if (middle != first) calls[middle].before = &calls[first];
    if (middle != last) calls[last].before = &calls[middle];
    if (variant->bottleneck_fits(&calls[last])) return 1;
    calls[middle].before = calls[last].before = NULL;
    return 0;
}

void mf_bottleneck_plan(const mf_program *p, mf_call *calls, const mf_variant *variant) {
    for (uint32_t i = 0; i < p->instruction_count; i++) {
        if (!is_depthwise(&calls[i]) || calls[i].before) continue;
        uint32_t first = writer_of(p, i), last = reader_of(p, i);
        if (first != i &&
            (p->instructions[first].op != MF_OP_convolution || is_depthwise(&calls[first]) || !is_for_one(p, first, i)))
            first = i;
        if (last != i && is_depthwise(&calls[last])) last = i;
        if (link(p, calls, variant, first, i, last) || link(p, calls, variant, i, i, last)) continue;
        link(p, calls, variant, first, i, i);
    }
    for (uint32_t i = 0; i < p->instruction_count; i++)
        for (const mf_call *c = calls[i].before; c; c = c->before) calls[c - calls].is_run_later = 1;
}
