#include "program/expression.h"

#include "support/error.h"

#include <string.h>

static const uint8_t step_arity[MF_STEP_COUNT] = {
#define MF_STEP(serial, name, arity) [serial] = arity,
#include "program/steps.def"
#undef MF_STEP
};

/* What is known of a value while its expression is compiled. */
typedef struct value {
    uint8_t place;
    int16_t last_use; /* the step that reads it last, -1 for none */
} value;

typedef struct compiler {
    value values[MF_MAX_VALUES];
    uint8_t free_blocks[MF_MAX_VALUES];
    uint32_t free_count;
    mf_expression *out;
} compiler;

static uint8_t take_block(compiler *c) {
    if (c->free_count) return c->free_blocks[--c->free_count];
    return (uint8_t)(MF_PLACE_BLOCK + c->out->block_count++);
}

/* Reads the steps once to check them, and notes where each value is read last. */
static mf_status read_steps(const uint32_t *words, uint32_t word_count, uint32_t input_count, uint32_t step_count,
                            compiler *c, uint32_t *used, mf_error *error) {
    uint32_t at = 1;
    for (uint32_t s = 0; s < step_count; s++) {
        if (at >= word_count) return mf_fail(error, MF_E_FORMAT, "expression ends within its %u steps", step_count);
        uint32_t word = words[at++], op = word & 0xff;
        if (op == 0 || op >= MF_STEP_COUNT)
            return mf_fail(error, MF_E_FORMAT, "expression step %u has no op %u", s, op);
        if (op == MF_STEP_constant && at++ >= word_count)
            return mf_fail(error, MF_E_FORMAT, "expression ends before its constant");
        for (uint32_t k = 0; k < step_arity[op]; k++) {
            uint32_t v = word >> (8 + 8 * k) & 0xff;
            if (v >= input_count + s)
                return mf_fail(error, MF_E_FORMAT, "expression step %u reads value %u, which is not there yet", s, v);
            c->values[v].last_use = (int16_t)s;
        }
    }
    *used = at;
    return MF_OK;
}

mf_status mf_expression_compile(const uint32_t *words, uint32_t word_count, uint32_t input_count, mf_expression *out,
                                uint32_t *used, mf_error *error) {
    if (word_count == 0) return mf_fail(error, MF_E_FORMAT, "instruction ends before its expression");
    uint32_t step_count = words[0];
    if (input_count > MF_MAX_INPUTS || step_count > MF_MAX_VALUES - input_count)
        return mf_fail(error, MF_E_FORMAT, "expression of %u inputs and %u steps is over %d values", input_count,
                       step_count, MF_MAX_VALUES);
    compiler c = {.out = out};
    for (uint32_t v = 0; v < MF_MAX_VALUES; v++) c.values[v] = (value){(uint8_t)v, -1};
    MF_TRY(read_steps(words, word_count, input_count, step_count, &c, used, error));

    *out = (mf_expression){.input_count = input_count, .steps = out->steps, .constants = out->constants};
    uint32_t at = 1;
    for (uint32_t s = 0; s < step_count; s++) {
        uint32_t word = words[at++], op = word & 0xff;
        uint8_t place;
        if (op == MF_STEP_constant) {
            /* A block of its own, filled once: it is never given back. */
            place = (uint8_t)(MF_PLACE_BLOCK + out->block_count++);
            out->constants[out->constant_count].place = place;
            memcpy(&out->constants[out->constant_count++].value, &words[at++], sizeof(float));
        } else {
            mf_step *step = &out->steps[out->step_count++];
            uint8_t *places[3] = {&step->a, &step->b, &step->c};
            for (uint32_t k = 0; k < step_arity[op]; k++) {
                value *read = &c.values[word >> (8 + 8 * k) & 0xff];
                *places[k] = read->place;
                int is_constant = 0;
                for (uint32_t i = 0; i < out->constant_count; i++)
                    is_constant |= out->constants[i].place == read->place;
                if (read->last_use == (int16_t)s && read->place >= MF_PLACE_BLOCK && !is_constant) {
                    c.free_blocks[c.free_count++] = read->place;
                    read->last_use = -1; /* given back once, though a step may read it twice */
                }
            }
            place = s + 1 == step_count ? MF_PLACE_OUTPUT : take_block(&c);
            step->op = (uint8_t)op;
            step->result = place;
        }
        c.values[input_count + s].place = place;
    }
    if (step_count && (c.values[input_count + step_count - 1].place != MF_PLACE_OUTPUT))
        return mf_fail(error, MF_E_FORMAT, "expression ends in a constant");
    return MF_OK;
}

static float constant_at(const mf_expression *e, uint8_t place, int *is_one) {
    for (uint32_t i = 0; i < e->constant_count; i++)
        if (e->constants[i].place == place) return e->constants[i].value;
    *is_one = 0;
    return 0;
}

int mf_affine_of(const mf_expression *e, mf_affine *to) {
    *to = (mf_affine){.scale = -1, .shift = -1, .residual = -1};
    uint32_t s = 0, n = e->step_count;
    uint8_t at = 0; /* the place of the value so far */
    if (s < n && e->steps[s].op == MF_STEP_multiply && e->steps[s].a == at && e->steps[s].b < e->input_count)
        to->scale = e->steps[s].b, at = e->steps[s++].result;
    if (s < n && e->steps[s].op == MF_STEP_add && e->steps[s].a == at && e->steps[s].b < e->input_count)
        to->shift = e->steps[s].b, at = e->steps[s++].result;
    if (s < n && e->steps[s].op == MF_STEP_add && (e->steps[s].a == at || e->steps[s].b == at)) {
        uint8_t other = e->steps[s].a == at ? e->steps[s].b : e->steps[s].a;
        if (other < e->input_count && other != at) to->residual = other, at = e->steps[s++].result;
    }
    if (s + 2 == n && e->steps[s].op == MF_STEP_maximum && e->steps[s].a == at &&
        e->steps[s + 1].op == MF_STEP_minimum && e->steps[s + 1].a == e->steps[s].result) {
        to->is_limited = 1;
        to->low = constant_at(e, e->steps[s].b, &to->is_limited);
        to->high = constant_at(e, e->steps[s + 1].b, &to->is_limited);
        if (to->is_limited) at = e->steps[s + 1].result, s += 2;
    }
    return s > 0 && s == n && at == MF_PLACE_OUTPUT && to->scale > 0 && to->shift > 0;
}
