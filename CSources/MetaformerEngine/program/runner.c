/* Runs a program: binds its buffers to memory once, then walks its instructions. */
#include "kernels/kernel.h"
#include "support/error.h"
#include "support/isa.h"
#include "support/memory.h"

#include <string.h>

struct mf_runner {
    mf_allocator allocator;
    mf_program *program;
    mf_team team;
    mf_isa isa;
    mf_call *calls;
    const mf_kernel **kernels;
    float **bindings; /* by slot */
    unsigned char *arena;
    void *scratch;
    size_t scratch_bytes;
    int stale; /* a binding changed since the calls' addresses were worked out */
    int timing;
    const mf_stop *stop; /* NULL to run to the end */
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
        runner->kernels[i] = mf_kernel_find(runner->isa, instruction->op);
        size_t bytes = runner->kernels[i]->scratch ? runner->kernels[i]->scratch(call, runner->team.threads) : 0;
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
    mf_runner_options o = {.struct_size = sizeof o};
    if (options) {
        if (options->struct_size < sizeof o)
            return mf_fail(error, MF_E_INVALID, "mf_runner_options: struct_size is not set");
        o = *options;
    }
    MF_TRY(mf_team_check(o.threads, o.pool, error));
    mf_allocator allocator;
    MF_TRY(mf_allocator_resolve(o.allocator ? o.allocator : &program->allocator, &allocator, error));
    mf_isa isa;
    MF_TRY(mf_isa_resolve(o.isa, &isa, error));
    mf_runner *runner = mf_allocate(&allocator, sizeof *runner);
    if (!runner) return mf_fail(error, MF_E_NOMEM, "no memory for a runner");
    runner->allocator = allocator;
    runner->program = mf_program_retain(program);
    runner->team = mf_team_make(o.threads, o.pool);
    runner->isa = isa;
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
    void *parts[] = {runner->calls,   runner->kernels, runner->bindings, runner->nanoseconds, runner->arena,
                     runner->scratch, runner};
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
    return MF_OK;
}

void mf_runner_watch(mf_runner *runner, const mf_stop *stop) {
    runner->stop = stop;
}

mf_status mf_runner_run(mf_runner *runner, mf_error *error) {
    if (!runner) return mf_fail(error, MF_E_INVALID, "mf_runner_run: NULL argument");
    const mf_program *p = runner->program;
    for (uint32_t i = 0; i < p->slot_count; i++)
        if (!runner->bindings[i]) return mf_fail(error, MF_E_STATE, "'%.80s' is not bound", p->slots[i].name);
    if (runner->stale) resolve(runner);
    for (uint32_t i = 0; i < p->instruction_count; i++) {
        MF_TRY(mf_stop_check(runner->stop, error));
        uint64_t start = runner->timing ? mf_clock() : 0;
        runner->kernels[i]->run(&runner->calls[i], &runner->team, runner->scratch);
        if (runner->timing) runner->nanoseconds[i] = mf_clock() - start;
    }
    return MF_OK;
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

mf_status mf_runner_timing(const mf_runner *runner, size_t index, mf_timing *out_timing) {
    if (!runner || !out_timing || index >= runner->program->instruction_count) return MF_E_INVALID;
    const mf_instruction *instruction = &runner->program->instructions[index];
    *out_timing = (mf_timing){mf_ops[instruction->op].name, runner->nanoseconds[index], instruction->flops};
    return MF_OK;
}
