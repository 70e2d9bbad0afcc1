/* Ops that move values and compute nothing: rows are copied whole wherever they lie together. */
#include "kernels/kernel.h"

#include <string.h>

/* The output is walked in rows of its last axis; task index takes a share of them. */
typedef struct move {
    const mf_call *call;
    size_t tasks;
    uint64_t rows, row;           /* rows of the output, and the length of one */
    int64_t strides[MF_MAX_RANK]; /* of the input along each axis of the output */
    int64_t origin;               /* where the output's first element comes from */
} move;

static move make_move(const mf_call *call) {
    uint32_t rank = call->shape->rank;
    uint64_t row = rank ? call->shape->dims[rank - 1] : 1;
    return (move){
        .call = call, .row = row, .rows = call->shape->count / row, .tasks = mf_task_count(call->shape->count)};
}

static void strides_of(const mf_shape *shape, int64_t *strides) {
    int64_t stride = 1;
    for (uint32_t axis = shape->rank; axis-- > 0;) {
        strides[axis] = stride;
        stride *= shape->dims[axis];
    }
}

/* The index of a row in each axis but the last. */
static void row_index(const mf_shape *shape, uint64_t row, uint64_t *index) {
    for (uint32_t axis = shape->rank ? shape->rank - 1 : 0; axis-- > 0;) {
        index[axis] = row % shape->dims[axis];
        row /= shape->dims[axis];
    }
}

static void move_rows(void *context, size_t task, int worker) {
    (void)worker;
    const move *m = context;
    const mf_shape *out = m->call->shape;
    uint64_t end = mf_share(m->rows, m->tasks, task + 1);
    int64_t step = out->rank ? m->strides[out->rank - 1] : 1;
    for (uint64_t row = mf_share(m->rows, m->tasks, task); row < end; row++) {
        uint64_t index[MF_MAX_RANK];
        row_index(out, row, index);
        int64_t from = m->origin;
        for (uint32_t axis = 0; axis + 1 < out->rank; axis++) from += (int64_t)index[axis] * m->strides[axis];
        const float *in = m->call->inputs[0] + from;
        float *to = m->call->output + row * m->row;
        if (step == 1)
            memcpy(to, in, m->row * sizeof(float));
        else
            for (uint64_t i = 0; i < m->row; i++) to[i] = in[(int64_t)i * step];
    }
}

/* A transpose that moves the last axis goes in square tiles: rows of one side and of the other stay in the cache. */
enum { TILE = 32 };

typedef struct tiles {
    const mf_call *call;
    uint32_t axis; /* of the output: the input's last */
    int64_t strides[MF_MAX_RANK], out_strides[MF_MAX_RANK];
    uint64_t down, across; /* tiles along that axis, and along the output's last */
} tiles;

static void move_tile(void *context, size_t task, int worker) {
    (void)worker;
    const tiles *t = context;
    const mf_shape *out = t->call->shape;
    uint32_t last = out->rank - 1;
    uint64_t rest = task / (t->down * t->across);
    int64_t from = 0, to = 0;
    for (uint32_t axis = last; axis-- > 0;) {
        if (axis == t->axis) continue;
        int64_t index = (int64_t)(rest % out->dims[axis]);
        rest /= out->dims[axis];
        from += index * t->strides[axis];
        to += index * t->out_strides[axis];
    }
    uint64_t y = task / t->across % t->down * TILE, x = task % t->across * TILE;
    uint64_t y_end = y + TILE < out->dims[t->axis] ? y + TILE : out->dims[t->axis];
    uint64_t x_end = x + TILE < out->dims[last] ? x + TILE : out->dims[last];
    const float *in = t->call->inputs[0] + from;
    float *output = t->call->output + to;
    for (uint64_t i = y; i < y_end; i++)
        for (uint64_t j = x; j < x_end; j++)
            output[(int64_t)i * t->out_strides[t->axis] + (int64_t)j] = in[(int64_t)j * t->strides[last] + (int64_t)i];
}

static void run_transpose(const mf_call *call, const mf_pool *pool, void *scratch) {
    (void)scratch;
    move m = make_move(call);
    const uint32_t *perm = call->instruction->attributes;
    uint32_t rank = call->shape->rank;
    int64_t own[MF_MAX_RANK];
    strides_of(call->shapes[0], own);
    tiles t = {.call = call, .axis = rank};
    for (uint32_t axis = 0; axis < rank; axis++) {
        m.strides[axis] = t.strides[axis] = own[perm[axis]];
        if (perm[axis] == rank - 1) t.axis = axis;
    }
    if (rank < 2 || t.axis == rank - 1 || call->shape->dims[t.axis] < 8 || m.row < 8) {
        mf_parallel_for(pool, m.tasks, move_rows, &m);
        return;
    }
    strides_of(call->shape, t.out_strides);
    t.down = (call->shape->dims[t.axis] + TILE - 1) / TILE;
    t.across = (m.row + TILE - 1) / TILE;
    mf_parallel_for(pool, call->shape->count / call->shape->dims[t.axis] / m.row * t.down * t.across, move_tile, &t);
}

static void run_slice(const mf_call *call, const mf_pool *pool, void *scratch) {
    (void)scratch;
    move m = make_move(call);
    strides_of(call->shapes[0], m.strides);
    for (uint32_t axis = 0; axis < call->shape->rank; axis++)
        m.origin += call->instruction->attributes[axis] * m.strides[axis];
    mf_parallel_for(pool, m.tasks, move_rows, &m);
}

static void run_concatenate(const mf_call *call, const mf_pool *pool, void *scratch) {
    (void)pool, (void)scratch;
    uint32_t axis = call->instruction->attributes[0];
    uint64_t outer = 1, inner = 1;
    for (uint32_t i = 0; i < axis; i++) outer *= call->shape->dims[i];
    for (uint32_t i = axis + 1; i < call->shape->rank; i++) inner *= call->shape->dims[i];
    float *to = call->output;
    for (uint64_t o = 0; o < outer; o++)
        for (uint32_t k = 0; k < call->instruction->input_count; k++) {
            uint64_t n = call->shapes[k]->dims[axis] * inner;
            memcpy(to, call->inputs[k] + o * n, n * sizeof(float));
            to += n;
        }
}

/* The mirror image of an index that lies outside 0 … n - 1, without repeating the edge. */
static int64_t mirror(int64_t i, int64_t n) {
    return i < 0 ? -i : i >= n ? 2 * (n - 1) - i : i;
}

static void pad_rows(void *context, size_t task, int worker) {
    (void)worker;
    const move *m = context;
    const mf_shape *out = m->call->shape, *in = m->call->shapes[0];
    const uint32_t *before = m->call->instruction->attributes + 1;
    int reflect = m->call->instruction->attributes[0] == 1;
    uint32_t last = out->rank ? out->rank - 1 : 0;
    uint64_t end = mf_share(m->rows, m->tasks, task + 1), n = in->rank ? in->dims[last] : 1,
             left = in->rank ? before[last] : 0;
    for (uint64_t row = mf_share(m->rows, m->tasks, task); row < end; row++) {
        uint64_t index[MF_MAX_RANK];
        row_index(out, row, index);
        int64_t from = 0;
        int inside = 1;
        for (uint32_t axis = 0; axis < last; axis++) {
            int64_t i = (int64_t)index[axis] - before[axis], extent = in->dims[axis];
            if (reflect) i = mirror(i, extent);
            inside &= i >= 0 && i < extent;
            from += i * m->strides[axis];
        }
        float *to = m->call->output + row * m->row;
        if (!inside) {
            memset(to, 0, m->row * sizeof(float));
            continue;
        }
        const float *source = m->call->inputs[0] + from;
        memcpy(to + left, source, n * sizeof(float));
        for (uint64_t i = 0; i < left; i++) to[i] = reflect ? source[left - i] : 0;
        for (uint64_t i = left + n; i < m->row; i++)
            to[i] = reflect ? source[mirror((int64_t)(i - left), (int64_t)n)] : 0;
    }
}

static void run_pad(const mf_call *call, const mf_pool *pool, void *scratch) {
    (void)scratch;
    move m = make_move(call);
    strides_of(call->shapes[0], m.strides);
    mf_parallel_for(pool, m.tasks, pad_rows, &m);
}

/* Gathers, along one axis after the other, the padded indices that mirror onto one; at most three each. */
static int mirrored(int64_t i, int64_t before, int64_t n, int64_t padded, int64_t *from) {
    int count = 0;
    from[count++] = before + i;
    if (i > 0 && i <= before) from[count++] = before - i;
    int64_t beyond = 2 * (n - 1) - i;
    if (i < n - 1 && before + beyond < padded) from[count++] = before + beyond;
    return count;
}

/* Adds to some elements of a row of the output, from i to end, all that mirror onto them in one of the padded tensor. */
static void add_edge(const float *padded, int64_t i, int64_t end, int64_t before, int64_t n, int64_t width, float *to) {
    for (; i < end; i++) {
        int64_t from[3];
        float sum = 0;
        int count = mirrored(i, before, n, width, from);
        for (int k = 0; k < count; k++) sum += padded[from[k]];
        to[i] += sum;
    }
}

/* Adds a row of the padded tensor to one of the output. */
static void add_row(const move *m, const float *padded, float *to) {
    uint32_t last = m->call->shape->rank - 1;
    int64_t n = (int64_t)m->row, width = m->call->shapes[0]->dims[last];
    int64_t before = m->call->instruction->attributes[last], after = width - before - n;
    /* Onto those between the edges nothing but themselves mirrors. */
    int64_t left = before + 1 < n ? before + 1 : n, right = n - 1 - after > left ? n - 1 - after : left;
    add_edge(padded, 0, left, before, n, width, to);
    for (int64_t i = left; i < right; i++) to[i] += padded[before + i];
    add_edge(padded, right, n, before, n, width, to);
}

/* Adds all rows that mirror onto one. */
static void add_rows(const move *m, const uint64_t *index, uint32_t axis, int64_t from, float *to) {
    const mf_shape *out = m->call->shape;
    if (axis + 1 == out->rank) {
        add_row(m, m->call->inputs[0] + from, to);
        return;
    }
    int64_t sources[3];
    int count = mirrored((int64_t)index[axis], m->call->instruction->attributes[axis], out->dims[axis],
                         m->call->shapes[0]->dims[axis], sources);
    for (int i = 0; i < count; i++) add_rows(m, index, axis + 1, from + sources[i] * m->strides[axis], to);
}

static void unpad_rows(void *context, size_t task, int worker) {
    (void)worker;
    const move *m = context;
    uint64_t end = mf_share(m->rows, m->tasks, task + 1);
    for (uint64_t row = mf_share(m->rows, m->tasks, task); row < end; row++) {
        uint64_t index[MF_MAX_RANK];
        row_index(m->call->shape, row, index);
        float *to = m->call->output + row * m->row;
        memset(to, 0, m->row * sizeof(float));
        add_rows(m, index, 0, 0, to);
    }
}

static void run_reflect_pad_adjoint(const mf_call *call, const mf_pool *pool, void *scratch) {
    (void)scratch;
    move m = make_move(call);
    strides_of(call->shapes[0], m.strides);
    if (call->shape->rank == 0)
        *call->output = *call->inputs[0];
    else
        mf_parallel_for(pool, m.tasks, unpad_rows, &m);
}

const mf_kernel mf_reference_transpose = {.run = run_transpose};
const mf_kernel mf_reference_slice = {.run = run_slice};
const mf_kernel mf_reference_concatenate = {.run = run_concatenate};
const mf_kernel mf_reference_pad = {.run = run_pad};
const mf_kernel mf_reference_reflect_pad_adjoint = {.run = run_reflect_pad_adjoint};
