/* Runs a program: binds its buffers to memory once, then walks its instructions. */
#include "kernels/convolution/bottleneck/bottleneck.h"
#include "kernels/convolution/int8/int8.h"
#include "kernels/kernel.h"
#include "support/error.h"
#include "support/memory.h"
#include "support/resources.h"

#include <string.h>

/* A form of weights that is larger costs more memory than packing it for each run costs time. */
enum { MOST_PACKED = 4 << 20 };

struct mf_runner {
    mf_allocator allocator;
    mf_program *program;
    mf_pool pool;
    mf_isa isa;
    mf_precision precision;
    mf_call *calls;
    const mf_kernel **kernels;
    float **bindings; /* by slot */
    unsigned char *arena;
    mf_int8_extremes *extremes; /* of tensors that are rounded to bytes; NULL in floats */
    void *scratch;
    size_t scratch_bytes;
    unsigned char *packed; /* the kernels' forms of prepacked weights, one after the other; NULL for none */
    int unpacked;          /* a variable was bound since they were made */
    int stale;             /* a binding changed since the calls' addresses were worked out */
    int timing;
    const mf_cancellation *cancellation; /* NULL to run to the end */
    uint64_t *nanoseconds;
};

static float *address(const mf_runner *runner, uint32_t index) {
    const mf_buffer *buffer = &runner->program->buffers[index];
    switch (buffer->kind) {
    case MF_BUFFER_ARENA:
        return (float *)(void *)(runner->arena + buffer->offset);
    case MF_BUFFER_CONSTANT:
        return runner->program->constants + buffer->offset / sizeof(float);
    default:
        return runner->bindings[buffer->slot];
    }
}

static void resolve(mf_runner *runner) {
    const mf_program *p = runner->program;
    for (uint32_t i = 0; i < p->instruction_count; i++) {
        mf_call *call = &runner->calls[i];
        call->output = address(runner, p->instructions[i].output);
        for (uint32_t k = 0; k < p->instructions[i].input_count; k++)
            call->inputs[k] = address(runner, p->instructions[i].inputs[k]);
    }
    runner->stale = 0;
}

static mf_status prepare(mf_runner *runner, mf_error *error) {
    const mf_program *p = runner->program;
    const mf_allocator *a = &runner->allocator;
    runner->calls = mf_allocate(a, sizeof *runner->calls * p->instruction_count);
    runner->kernels = mf_allocate(a, sizeof *runner->kernels * p->instruction_count);
    runner->bindings = mf_allocate(a, sizeof *runner->bindings * p->slot_count);
    runner->nanoseconds = mf_allocate(a, sizeof *runner->nanoseconds * p->instruction_count);
    runner->arena = mf_allocate(a, p->arena_bytes);
    if (!runner->calls || !runner->kernels || !runner->bindings || !runner->nanoseconds || !runner->arena)
        return mf_fail(error, MF_E_NOMEM, "no memory for an arena of %llu bytes", (unsigned long long)p->arena_bytes);
    for (uint32_t i = 0; i < p->instruction_count; i++) {
        const mf_instruction *instruction = &p->instructions[i];
        mf_call *call = &runner->calls[i];
        call->instruction = instruction;
        call->shape = &p->buffers[instruction->output].shape;
        for (uint32_t k = 0; k < instruction->input_count; k++)
            call->shapes[k] = &p->buffers[instruction->inputs[k]].shape;
    }
    if (runner->precision == MF_PRECISION_INT8) {
        runner->extremes = mf_allocate(a, mf_int8_measured(p) * sizeof *runner->extremes);
        if (!runner->extremes) return mf_fail(error, MF_E_NOMEM, "no memory for a runner");
        mf_int8_plan(p, runner->calls, runner->extremes);
    }
    const mf_variant *variant = mf_variant_find(runner->isa);
    if (runner->precision != MF_PRECISION_INT8 && variant) mf_bottleneck_plan(p, runner->calls, variant);
    for (uint32_t i = 0; i < p->instruction_count; i++) {
        const mf_call *call = &runner->calls[i];
        runner->kernels[i] = call->before          ? variant->bottleneck
                             : mf_int8_takes(call) ? mf_kernel_int8(runner->isa)
                                                   : mf_kernel_find(runner->isa, call->instruction->op);
        if (call->is_run_later) continue;
        size_t bytes = runner->kernels[i]->scratch ? runner->kernels[i]->scratch(call, runner->pool.threads) : 0;
        if (bytes > runner->scratch_bytes) runner->scratch_bytes = bytes;
    }
    runner->scratch = mf_allocate(a, runner->scratch_bytes);
    if (!runner->scratch)
        return mf_fail(error, MF_E_NOMEM, "no memory for %zu bytes of scratch", runner->scratch_bytes);
    return MF_OK;
}

mf_status mf_runner_create(mf_program *program, const mf_runner_options *options, mf_runner **out_runner,
                           mf_error *error) {
    if (!program || !out_runner) return mf_fail(error, MF_E_INVALID, "mf_runner_create: NULL argument");
    mf_resources resources;
    MF_TRY(mf_resources_resolve(options, &program->allocator, &resources, error));
    mf_runner *runner = mf_allocate(&resources.allocator, sizeof *runner);
    if (!runner) return mf_fail(error, MF_E_NOMEM, "no memory for a runner");
    runner->allocator = resources.allocator;
    runner->program = mf_program_retain(program);
    runner->pool = resources.pool;
    runner->isa = resources.isa;
    runner->precision = resources.precision;
    runner->stale = 1;
    mf_status status = prepare(runner, error);
    if (status != MF_OK) {
        mf_runner_release(runner);
        return status;
    }
    *out_runner = runner;
    return MF_OK;
}

void mf_runner_release(mf_runner *runner) {
    if (!runner) return;
    mf_allocator allocator = runner->allocator;
    mf_program_release(runner->program);
    void *parts[] = {runner->calls,       runner->kernels,  runner->bindings,
                     runner->nanoseconds, runner->arena,    runner->scratch,
                     runner->packed,      runner->extremes, runner};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) mf_free(&allocator, parts[i]);
}

mf_status mf_runner_bind(mf_runner *runner, const char *name, float *data, size_t count, mf_error *error) {
    if (!runner || !name || !data) return mf_fail(error, MF_E_INVALID, "mf_runner_bind: NULL argument");
    const mf_slot *slot = mf_program_find(runner->program, name);
    if (!slot) return mf_fail(error, MF_E_INVALID, "the program has no '%.80s'", name);
    if (slot->count != count)
        return mf_fail(error, MF_E_INVALID, "'%.80s' has %llu elements, not %zu", name, (unsigned long long)slot->count,
                       count);
    if ((uintptr_t)data % sizeof(float))
        return mf_fail(error, MF_E_INVALID, "'%.80s' is bound to an odd address", name);
    runner->bindings[slot - runner->program->slots] = data;
    runner->stale = 1;
    if (slot->kind == MF_SLOT_VARIABLE) runner->unpacked = 1;
    return MF_OK;
}

/* The bytes of an instruction's packed weights; 0 where they are not kept. */
static size_t packed_bytes(const mf_runner *runner, uint32_t i) {
    const mf_program *p = runner->program;
    const mf_instruction *instruction = &p->instructions[i];
    if (!runner->kernels[i]->packed) return 0;
    const mf_buffer *weights = &p->buffers[instruction->inputs[1]];
    int steady = weights->kind == MF_BUFFER_CONSTANT ||
                 (weights->kind == MF_BUFFER_VARIABLE && !p->slots[weights->slot].written);
    size_t bytes = steady ? mf_round_up(runner->kernels[i]->packed(&runner->calls[i]), MF_CACHE_LINE) : 0;
    return bytes > MOST_PACKED ? 0 : bytes;
}

static void pack(mf_runner *runner) {
    unsigned char *to = runner->packed;
    resolve(runner);
    for (uint32_t i = 0; i < runner->program->instruction_count; i++) {
        size_t bytes = packed_bytes(runner, i);
        if (bytes == 0) continue;
        runner->kernels[i]->pack(&runner->calls[i], &runner->pool, to);
        runner->calls[i].packed = to;
        to += bytes;
    }
    runner->unpacked = 0;
}

mf_status mf_runner_prepack(mf_runner *runner, mf_error *error) {
    if (!runner) return mf_fail(error, MF_E_INVALID, "mf_runner_prepack: NULL argument");
    const mf_program *p = runner->program;
    for (uint32_t i = 0; i < p->slot_count; i++)
        if (p->slots[i].kind == MF_SLOT_VARIABLE && !runner->bindings[i])
            return mf_fail(error, MF_E_STATE, "'%.80s' is not bound", p->slots[i].name);
    if (runner->packed) return MF_OK;
    size_t bytes = 0;
    for (uint32_t i = 0; i < p->instruction_count; i++) bytes += packed_bytes(runner, i);
    if (bytes == 0) return MF_OK;
    runner->packed = mf_allocate_unset(&runner->allocator, bytes);
    if (!runner->packed) return mf_fail(error, MF_E_NOMEM, "no memory for %zu bytes of packed weights", bytes);
    pack(runner);
    return MF_OK;
}

mf_status mf_runner_settle(mf_runner *runner, mf_error *error) {
    return mf_runner_prepack(runner, error);
}

void mf_runner_watch(mf_runner *runner, const mf_cancellation *cancellation) {
    runner->cancellation = cancellation;
}

typedef struct walk {
    mf_runner *runner;
    mf_error *error;
    mf_status status;
} walk;

static mf_status run_instructions(mf_runner *runner, mf_error *error) {
    if (runner->packed && runner->unpacked) pack(runner);
    for (uint32_t i = 0; i < runner->program->instruction_count; i++) {
        if (runner->calls[i].is_run_later) continue;
        MF_TRY(mf_cancellation_check(runner->cancellation, error));
        uint64_t start = runner->timing ? mf_clock() : 0;
        runner->kernels[i]->run(&runner->calls[i], &runner->pool, runner->scratch);
        if (runner->timing) runner->nanoseconds[i] = mf_clock() - start;
    }
    return MF_OK;
}

static void run_walk(void *context) {
    walk *w = context;
    w->status = run_instructions(w->runner, w->error);
}

mf_status mf_runner_run(mf_runner *runner, mf_error *error) {
    if (!runner) return mf_fail(error, MF_E_INVALID, "mf_runner_run: NULL argument");
    const mf_program *p = runner->program;
    for (uint32_t i = 0; i < p->slot_count; i++)
        if (!runner->bindings[i]) return mf_fail(error, MF_E_STATE, "'%.80s' is not bound", p->slots[i].name);
    MF_TRY(mf_pool_check_fork(&runner->pool, error));
    if (runner->stale) resolve(runner);
    walk whole = {runner, error, MF_OK};
    mf_pool_gather(&runner->pool, run_walk, &whole);
    return whole.status;
}

mf_isa mf_runner_isa(const mf_runner *runner) {
    return runner->isa;
}

size_t mf_runner_scratch_bytes(const mf_runner *runner) {
    return runner->scratch_bytes;
}
void mf_runner_set_timing(mf_runner *runner, int enabled) {
    runner->timing = enabled;
}

mf_status mf_runner_timing(const mf_runner *runner, size_t index, uint64_t *out_nanoseconds) {
    if (!runner || !out_nanoseconds || index >= runner->program->instruction_count) return MF_E_INVALID;
    *out_nanoseconds = runner->nanoseconds[index];
    return MF_OK;
}
