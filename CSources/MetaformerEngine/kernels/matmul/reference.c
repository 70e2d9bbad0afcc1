#include "kernels/matmul/matmul.h"

typedef struct row_task {
    const mf_call *call;
    mf_product p;
} row_task;

static void product_row(void *context, size_t index, int worker) {
    (void)worker;
    const row_task *t = context;
    const mf_product *p = &t->p;
    uint64_t batch = index / p->m, i = index % p->m;
    const float *a = t->call->inputs[0] + batch * p->a_batch + i * p->a_row;
    const float *b = t->call->inputs[1] + batch * p->b_batch;
    mf_operand operands[MF_MAX_INPUTS + 1];
    for (uint64_t j = 0; j < p->n; j++) {
        float sum = 0;
        for (uint64_t k = 0; k < p->k; k++) sum += a[k * p->a_column] * b[k * p->b_row + j * p->b_column];
        operands[0] = (mf_operand){&sum, 0};
        mf_epilogue_at(t->call, batch, i, j, operands);
        mf_expression_reference(t->call->instruction->expression, operands, t->call->output + index * p->n + j, 1);
    }
}

static void run(const mf_call *call, const mf_pool *pool, void *scratch) {
    (void)scratch;
    row_task task = {call, mf_product_of(call)};
    mf_parallel_for(pool, task.p.batch * task.p.m, product_row, &task);
}

const mf_kernel mf_reference_matmul = {.run = run};
