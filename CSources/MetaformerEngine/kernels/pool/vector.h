/* Average pooling, a plane a task: the windows of a vector of outputs side by side, whose sums stay in registers. */
static inline vf pool_sum(const mf_pooling *p, const float *from, uint64_t n) {
    vf sum = v_splat(0);
    for (int64_t y = 0; y < p->kernel_h; y++, from += p->width)
        for (int64_t k = 0; k < p->kernel_w; k++)
            sum = sum + (n == MF_WIDTH ? v_load(from + k) : v_load_first(from + k, n));
    return sum;
}

static void pool_plane(void *context, size_t index, int worker) {
    (void)worker;
    const mf_pooling *p = context;
    const float *from = p->call->inputs[0] + (int64_t)index * p->height * p->width;
    float *out = p->call->output + (int64_t)index * p->out_height * p->out_width;
    uint64_t out_w = (uint64_t)p->out_width, whole = out_w / MF_WIDTH * MF_WIDTH;
    vf scale = v_splat(1.0f / (float)(p->kernel_h * p->kernel_w));
    for (int64_t i = 0; i < p->out_height; i++, from += p->stride_h * p->width, out += out_w) {
        for (uint64_t x = 0; x < whole; x += MF_WIDTH) v_store(out + x, pool_sum(p, from + x, MF_WIDTH) * scale);
        if (whole < out_w) v_store_first(out + whole, pool_sum(p, from + whole, out_w - whole) * scale, out_w - whole);
    }
}

static void pool_run(const mf_call *call, const mf_pool *pool, void *scratch) {
    mf_pooling p = mf_pooling_of(call, call->shapes[0], call->shape);
    if (p.stride_w == 1)
        mf_parallel_for(pool, (size_t)call->shape->dims[0] * call->shape->dims[1], pool_plane, &p);
    else
        mf_reference_average_pool.run(call, pool, scratch);
}

static const mf_kernel vector_average_pool = {.run = pool_run};
