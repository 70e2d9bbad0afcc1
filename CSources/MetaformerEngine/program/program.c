/* Opens a program: every count, offset and operand is checked before anything is made of it. */
#include "program/program.h"
#include "support/abi.h"
#include "support/error.h"
#include "support/memory.h"

#include <stdatomic.h>
#include <string.h>

#define MF_MAX_BUFFERS (1U << 20)

/* The sections of the binary form. */
typedef struct sections {
    mf_program_header header;
    const unsigned char *buffers, *words, *names, *constants;
} sections;

static mf_status find_sections(const unsigned char *data, size_t size, sections *s, mf_error *error) {
    if (size < sizeof s->header) return mf_fail(error, MF_E_FORMAT, "program of %zu bytes has no header", size);
    memcpy(&s->header, data, sizeof s->header);
    const mf_program_header *h = &s->header;
    if (h->magic != MF_PROGRAM_MAGIC) return mf_fail(error, MF_E_FORMAT, "not a program");
    if (h->version != MF_PROGRAM_VERSION)
        return mf_fail(error, MF_E_VERSION, "program of version %u; this library reads version %u", h->version,
                       MF_PROGRAM_VERSION);
    if (h->reserved) return mf_fail(error, MF_E_FORMAT, "program with a reserved field in use");
    if (h->buffer_count > MF_MAX_BUFFERS || h->word_count > size || h->instruction_count > h->word_count ||
        h->name_bytes > size || h->constant_bytes > size)
        return mf_fail(error, MF_E_FORMAT, "program declares more than its %zu bytes hold", size);
    uint64_t at = sizeof *h;
    s->buffers = data + at;
    at += (uint64_t)h->buffer_count * sizeof(mf_buffer_record);
    s->words = data + (at < size ? at : 0);
    at += mf_round_up((uint64_t)h->word_count * 4, 8);
    s->names = data + (at < size ? at : 0);
    at = mf_round_up(at + h->name_bytes, 64);
    s->constants = data + (at < size ? at : 0);
    at += h->constant_bytes;
    if (at != size)
        return mf_fail(error, MF_E_FORMAT, "program declares %llu bytes and has %zu", (unsigned long long)at, size);
    if (h->name_bytes && s->names[h->name_bytes - 1])
        return mf_fail(error, MF_E_FORMAT, "program with an unfinished name");
    if (h->arena_bytes > (1ULL << 40)) return mf_fail(error, MF_E_LIMIT, "program with an arena over 1 TiB");
    return MF_OK;
}

/* The slot of a record's name and kind; made where the name is new. Names of one input, output or variable share it. */
static mf_status find_slot(mf_program *p, const mf_buffer_record *record, const mf_shape *shape, uint32_t *out_slot,
                           mf_error *error) {
    const char *name = p->names + record->name;
    uint32_t index = (uint32_t)mf_names_add(&p->slot_names, name, p->slot_count);
    mf_slot *slot = &p->slots[index];
    *out_slot = index;
    if (index < p->slot_count) {
        if ((uint32_t)slot->kind != record->kind || slot->count != shape->count)
            return mf_fail(error, MF_E_FORMAT, "'%.60s' is declared twice and differently", name);
        return MF_OK;
    }
    p->slot_count++;
    *slot = (mf_slot){.kind = (mf_slot_kind)record->kind, .name = name, .rank = shape->rank, .count = shape->count};
    memcpy(slot->dims, shape->dims, sizeof slot->dims);
    return MF_OK;
}

static mf_status read_buffer(mf_program *p, const sections *s, uint32_t index, mf_error *error) {
    mf_buffer_record record;
    memcpy(&record, s->buffers + (size_t)index * sizeof record, sizeof record);
    mf_buffer *buffer = &p->buffers[index];
    if (record.kind > MF_BUFFER_CONSTANT || record.rank > MF_MAX_RANK || record.reserved)
        return mf_fail(error, MF_E_FORMAT, "buffer %u is malformed", index);
    buffer->kind = (enum mf_buffer_kind)record.kind;
    mf_shape *shape = &buffer->shape;
    shape->rank = record.rank;
    shape->count = 1;
    for (uint32_t i = 0; i < record.rank; i++) {
        if (record.dims[i] == 0) return mf_fail(error, MF_E_FORMAT, "buffer %u has a dim of 0", index);
        shape->dims[i] = record.dims[i];
        shape->count *= record.dims[i];
        if (shape->count > MF_TENSOR_MAX_COUNT) return mf_fail(error, MF_E_LIMIT, "buffer %u is too large", index);
    }
    int named = record.kind != MF_BUFFER_ARENA && record.kind != MF_BUFFER_CONSTANT;
    if (named != (record.name != MF_NO_NAME) || (named && record.name >= s->header.name_bytes))
        return mf_fail(error, MF_E_FORMAT, "buffer %u has a wrong name", index);
    if (named) return find_slot(p, &record, shape, &buffer->slot, error);
    uint64_t space = record.kind == MF_BUFFER_ARENA ? s->header.arena_bytes : s->header.constant_bytes;
    if (record.offset % MF_ALIGNMENT || record.offset > space || space - record.offset < shape->count * sizeof(float))
        return mf_fail(error, MF_E_FORMAT, "buffer %u leaves its space", index);
    buffer->offset = record.offset;
    return MF_OK;
}

/* The arena ends with its last buffer: memory is taken for what is used alone. */
static mf_status check_arena(const mf_program *p, mf_error *error) {
    uint64_t end = 0;
    for (uint32_t i = 0; i < p->buffer_count; i++) {
        const mf_buffer *b = &p->buffers[i];
        uint64_t own = b->kind == MF_BUFFER_ARENA ? b->offset + b->shape.count * sizeof(float) : 0;
        if (own > end) end = own;
    }
    if (p->arena_bytes <= (end + MF_ALIGNMENT - 1) / MF_ALIGNMENT * MF_ALIGNMENT) return MF_OK;
    return mf_fail(error, MF_E_FORMAT, "an arena of %llu bytes, of which its buffers take %llu",
                   (unsigned long long)p->arena_bytes, (unsigned long long)end);
}

static int same_dims(const mf_shape *a, const mf_shape *b) {
    return a->rank == b->rank && memcmp(a->dims, b->dims, a->rank * sizeof *a->dims) == 0;
}

/* Whether the op may write its output over this operand. */
static int may_be_in_place(const mf_program *p, const mf_instruction *i, uint32_t operand) {
    int from = mf_ops[i->op].in_place_from;
    return from >= 0 && operand >= (uint32_t)from &&
           same_dims(&p->buffers[i->output].shape, &p->buffers[i->inputs[operand]].shape);
}

/* An output is not an input or a constant, and lies on no operand unless the op works in place. */
static mf_status check_storage(mf_program *p, const mf_instruction *i, mf_error *error) {
    const mf_buffer *out = &p->buffers[i->output];
    if (out->kind == MF_BUFFER_INPUT || out->kind == MF_BUFFER_CONSTANT)
        return mf_fail(error, MF_E_FORMAT, "writes an input or a constant");
    if (out->kind != MF_BUFFER_ARENA) p->slots[out->slot].written = 1;
    for (uint32_t k = 0; k < i->input_count; k++) {
        const mf_buffer *in = &p->buffers[i->inputs[k]];
        if (in->kind != out->kind) continue;
        int same = in->kind == MF_BUFFER_ARENA ? in->offset == out->offset : in->slot == out->slot;
        int apart = in->kind == MF_BUFFER_ARENA ? in->offset + in->shape.count * sizeof(float) <= out->offset ||
                                                      out->offset + out->shape.count * sizeof(float) <= in->offset
                                                : in->slot != out->slot;
        if (!apart && !(same && may_be_in_place(p, i, k)))
            return mf_fail(error, MF_E_FORMAT, "writes over its operand %u", k);
    }
    return MF_OK;
}

/* What was read of a program's parts so far, or is there to read. */
typedef struct parts {
    uint32_t expressions, steps, constants, operands;
} parts;

static mf_status read_instruction(mf_program *p, uint32_t index, uint32_t *at, uint32_t word_count, parts *done,
                                  mf_error *error) {
    const uint32_t *words = p->words + *at;
    uint32_t left = word_count - *at;
    if (left < 4 || words[1] < 4 || words[1] > left || words[2] > words[1] - 4)
        return mf_fail(error, MF_E_FORMAT, "runs past the end");
    uint32_t op = words[0], length = words[1], inputs = words[2];
    if (op == 0 || op >= MF_OP_COUNT || !mf_ops[op].name) return mf_fail(error, MF_E_VERSION, "op %u is not known", op);
    const mf_op_row *d = &mf_ops[op];
    if (inputs == 0 || inputs > MF_MAX_INPUTS || inputs < d->fixed_inputs ||
        (inputs > d->fixed_inputs && d->fixed_inputs && !d->has_epilogue_operands))
        return mf_fail(error, MF_E_FORMAT, "%u inputs", inputs);
    for (uint32_t k = 0; k <= inputs; k++)
        if (words[3 + k] >= p->buffer_count) return mf_fail(error, MF_E_FORMAT, "operand %u is not there", k);

    mf_instruction *i = &p->instructions[index];
    *i = (mf_instruction){.op = (enum mf_op)op, .output = words[3], .input_count = inputs, .inputs = words + 4};
    i->attributes = i->inputs + inputs;
    uint32_t rest = length - 4 - inputs;
    i->attribute_count = d->attribute_words < 0 ? rest : (uint32_t)d->attribute_words;
    if (i->attribute_count > rest) return mf_fail(error, MF_E_FORMAT, "ends before its attributes");
    rest -= i->attribute_count;
    if (d->has_epilogue_operands) {
        mf_expression *expression = &p->expressions[done->expressions++];
        *expression =
            (mf_expression){.steps = p->steps + done->steps, .constants = p->step_constants + done->constants};
        uint32_t values = d->fixed_inputs ? 1 + inputs - d->fixed_inputs : inputs, used;
        MF_TRY(mf_expression_compile(i->attributes + i->attribute_count, rest, values, expression, &used, error));
        done->steps += expression->step_count, done->constants += expression->constant_count;
        i->expression = expression;
        rest -= used;
    }
    if (rest) return mf_fail(error, MF_E_FORMAT, "%u words too many", rest);
    MF_TRY(mf_rule_check(p, i, p->strides + done->operands, error));
    done->operands += inputs;
    *at += length;
    return check_storage(p, i, error);
}

/* How many parts the instructions have at most, to make room for; trusts nothing of them yet. */
static parts count_parts(const uint32_t *words, uint32_t word_count) {
    parts most = {.steps = word_count, .constants = word_count / 2}; /* words that one of them takes: 1 and 2 */
    for (uint32_t at = 0; word_count - at >= 4;) {
        if (words[at] < MF_OP_COUNT && mf_ops[words[at]].has_epilogue_operands) most.expressions++;
        most.operands += words[at + 2] < MF_MAX_INPUTS ? words[at + 2] : MF_MAX_INPUTS;
        if (words[at + 1] < 4 || words[at + 1] > word_count - at) break;
        at += words[at + 1];
    }
    return most;
}

/* How many buffers have a name: no fewer than there are names. */
static size_t count_named(const sections *s) {
    size_t count = 0;
    for (uint32_t i = 0; i < s->header.buffer_count; i++) {
        mf_buffer_record record;
        memcpy(&record, s->buffers + (size_t)i * sizeof record, sizeof record);
        count += record.name != MF_NO_NAME;
    }
    return count;
}

static mf_status unpack(mf_program *p, const sections *s, mf_error *error) {
    const mf_program_header *h = &s->header;
    p->arena_bytes = h->arena_bytes;
    p->buffer_count = h->buffer_count;
    p->instruction_count = h->instruction_count;
    p->words = mf_allocate(&p->allocator, (size_t)h->word_count * 4);
    p->names = mf_allocate(&p->allocator, h->name_bytes);
    p->constants = mf_allocate(&p->allocator, h->constant_bytes);
    p->buffers = mf_allocate(&p->allocator, sizeof *p->buffers * h->buffer_count);
    p->slots = mf_allocate(&p->allocator, sizeof *p->slots * h->buffer_count);
    p->instructions = mf_allocate(&p->allocator, sizeof *p->instructions * h->instruction_count);
    if (!p->words || !p->names || !p->constants || !p->buffers || !p->slots || !p->instructions)
        return mf_fail(error, MF_E_NOMEM, "no memory for a program");
    memcpy(p->words, s->words, (size_t)h->word_count * 4);
    memcpy(p->names, s->names, h->name_bytes);
    memcpy(p->constants, s->constants, h->constant_bytes);
    MF_TRY(mf_names_make(&p->slot_names, count_named(s), &p->allocator, error));
    for (uint32_t i = 0; i < h->buffer_count; i++) MF_TRY(read_buffer(p, s, i, error));
    MF_TRY(check_arena(p, error));

    parts most = count_parts(p->words, h->word_count), done = {0};
    p->expressions = mf_allocate(&p->allocator, sizeof *p->expressions * most.expressions);
    p->steps = mf_allocate(&p->allocator, sizeof *p->steps * most.steps);
    p->step_constants = mf_allocate(&p->allocator, sizeof *p->step_constants * most.constants);
    p->strides = mf_allocate(&p->allocator, sizeof *p->strides * most.operands);
    if (!p->expressions || !p->steps || !p->step_constants || !p->strides)
        return mf_fail(error, MF_E_NOMEM, "no memory for a program");
    uint32_t at = 0;
    for (uint32_t i = 0; i < h->instruction_count; i++) {
        uint32_t op = at < h->word_count ? p->words[at] : 0;
        mf_error cause = {.struct_size = sizeof cause};
        mf_status status = read_instruction(p, i, &at, h->word_count, &done, &cause);
        if (status != MF_OK)
            return mf_fail(error, status, "instruction %u (%s): %s", i,
                           op < MF_OP_COUNT && mf_ops[op].name ? mf_ops[op].name : "?", cause.text);
    }
    if (at != h->word_count) return mf_fail(error, MF_E_FORMAT, "words after the last instruction");
    return MF_OK;
}

mf_status mf_program_open_with(const void *data, size_t size, const mf_allocator *allocator, mf_program **out_program,
                               mf_error *error) {
    if (!data || !out_program) return mf_fail(error, MF_E_INVALID, "mf_program_open: NULL argument");
    mf_allocator resolved;
    MF_TRY(mf_allocator_resolve(allocator, &resolved, error));
    sections s;
    MF_TRY(find_sections(data, size, &s, error));
    mf_program *p = mf_allocate(&resolved, sizeof *p);
    if (!p) return mf_fail(error, MF_E_NOMEM, "no memory for a program");
    p->allocator = resolved;
    p->references = 1;
    mf_status status = unpack(p, &s, error);
    if (status != MF_OK) {
        mf_program_release(p);
        return status;
    }
    *out_program = p;
    return MF_OK;
}

mf_status mf_program_open(const void *data, size_t size, mf_program **out_program, mf_error *error) {
    return mf_program_open_with(data, size, NULL, out_program, error);
}

mf_program *mf_program_retain(mf_program *p) {
    __atomic_add_fetch(&p->references, 1, __ATOMIC_RELAXED);
    return p;
}

void mf_program_release(mf_program *p) {
    if (!p || __atomic_sub_fetch(&p->references, 1, __ATOMIC_ACQ_REL)) return;
    mf_allocator allocator = p->allocator;
    void *owned[] = {p->words,          p->names,        p->constants,         p->buffers,
                     p->slots,          p->instructions, p->expressions,       p->steps,
                     p->step_constants, p->strides,      p->slot_names.places, p};
    for (size_t i = 0; i < sizeof owned / sizeof *owned; i++) mf_free(&allocator, owned[i]);
}

size_t mf_program_arena_bytes(const mf_program *p) {
    return p->arena_bytes;
}
size_t mf_program_instruction_count(const mf_program *p) {
    return p->instruction_count;
}

mf_status mf_program_instruction(const mf_program *p, size_t index, mf_instruction_info *out_info) {
    if (!p || index >= p->instruction_count || mf_instruction_info_writable(out_info, 0, NULL) != MF_OK)
        return MF_E_INVALID;
    mf_instruction_info info = {0};
    const mf_instruction *i = &p->instructions[index];
    const mf_shape *shape = &p->buffers[i->output].shape;
    info.op = mf_ops[i->op].name;
    info.rank = shape->rank;
    for (uint32_t axis = 0; axis < MF_TENSOR_MAX_RANK; axis++)
        info.dims[axis] = axis < shape->rank ? shape->dims[axis] : 0;
    info.flops = i->flops;
    uint64_t count = shape->count;
    for (uint32_t k = 0; k < i->input_count; k++) {
        int seen = 0;
        for (uint32_t other = 0; other < k; other++) seen |= i->inputs[other] == i->inputs[k];
        if (!seen) count += mf_rule_elements_read(p, i, k);
    }
    info.bytes = count * sizeof(float);
    mf_instruction_info_write(out_info, &info);
    return MF_OK;
}

size_t mf_program_slot_count(const mf_program *p) {
    return p->slot_count;
}
const mf_slot *mf_program_slot(const mf_program *p, size_t index) {
    return index < p->slot_count ? &p->slots[index] : NULL;
}

const mf_slot *mf_program_find(const mf_program *p, const char *name) {
    return mf_program_slot(p, mf_names_find(&p->slot_names, name));
}
