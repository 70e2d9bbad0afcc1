/* The table of ops, and how an instruction is held against its row. */
#include "program/rule.h"
#include "support/abi.h"
#include "support/error.h"

const mf_op_row mf_ops[MF_OP_COUNT] = {
#define MF_OP(serial, name, fixed_inputs, has_epilogue_operands, attribute_words, in_place_from, columns)              \
    [serial] = {#name, fixed_inputs, has_epilogue_operands, attribute_words, in_place_from, columns, &mf_rule_##name},
#include "program/ops.def"
#undef MF_OP
};

mf_status mf_op_info(uint32_t serial, mf_op_description *out) {
    if (serial == 0 || serial >= MF_OP_COUNT) return MF_E_INVALID;
    MF_TRY(mf_op_description_writable(out, 0, NULL));
    const mf_op_row *row = &mf_ops[serial];
    mf_op_description own = {.name = row->name,
                             .fixed_inputs = row->fixed_inputs,
                             .has_expression = row->has_epilogue_operands,
                             .attribute_words = row->attribute_words,
                             .in_place_from = row->in_place_from,
                             .columns = row->columns};
    mf_op_description_write(out, &own);
    return MF_OK;
}

/* Where the columns of an epilogue begin; its rows are the axis before. */
static uint32_t columns_axis(const mf_instruction *i, uint32_t rank) {
    int columns = mf_ops[i->op].columns;
    if (columns == MF_COLUMNS_BY_ATTRIBUTE) return rank - i->attributes[0];
    return columns < 0 ? rank - (uint32_t)-columns : (uint32_t)columns;
}

static mf_status check_epilogue_operands(const mf_rule_input *r, mf_instruction *i, mf_strides *epilogue) {
    uint32_t rank = r->out->rank, columns = columns_axis(i, rank);
    uint32_t bounds[4] = {0, columns ? columns - 1 : 0, columns, rank};
    i->lanes = (mf_lanes){mf_shape_product(r->out, 0, bounds[1]), mf_shape_product(r->out, bounds[1], bounds[2]),
                          mf_shape_product(r->out, bounds[2], rank)};
    i->epilogue = epilogue;
    uint32_t fixed = mf_ops[i->op].fixed_inputs;
    for (uint32_t e = fixed; e < i->input_count; e++) {
        const mf_shape *shape = mf_rule_operand(r, e);
        uint64_t stride = 1, strides[3];
        if (shape->rank > rank)
            return MF_RULE_FAIL(r, "epilogue operand %u has a higher rank than the output", e - fixed);
        for (int group = 2; group >= 0; group--) {
            uint64_t full = 1, own = 1;
            for (uint32_t axis = bounds[group]; axis < bounds[group + 1]; axis++) {
                uint32_t dim = mf_shape_aligned(shape, rank, axis);
                if (dim != 1 && dim != r->out->dims[axis])
                    return MF_RULE_FAIL(r, "epilogue operand %u does not broadcast", e - fixed);
                full *= r->out->dims[axis], own *= dim;
            }
            if (own != 1 && own != full)
                return MF_RULE_FAIL(r, "epilogue operand %u covers a part of the rows or columns", e - fixed);
            strides[group] = own == 1 ? 0 : stride;
            stride *= own;
        }
        epilogue[e - fixed] = (mf_strides){strides[0], strides[1], strides[2]};
    }
    return MF_OK;
}

mf_status mf_rule_check(const mf_program *program, mf_instruction *i, mf_strides *epilogue, mf_error *error) {
    const mf_op_row *row = &mf_ops[i->op];
    mf_rule_input r = {program, i, &program->buffers[i->output].shape, error};
    MF_TRY(row->rule->check(&r));
    if (row->columns) MF_TRY(check_epilogue_operands(&r, i, epilogue));
    uint32_t steps = i->expression && i->expression->step_count ? i->expression->step_count : 1;
    i->flops = row->rule->flops ? row->rule->flops(&r) : r.out->count * steps;
    return MF_OK;
}

uint64_t mf_rule_elements_read(const mf_program *program, const mf_instruction *i, uint32_t operand) {
    mf_rule_input r = {program, i, &program->buffers[i->output].shape, NULL};
    const mf_rule *rule = mf_ops[i->op].rule;
    return rule->elements_read ? rule->elements_read(&r, operand) : mf_rule_operand(&r, operand)->count;
}
