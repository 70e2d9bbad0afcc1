/* Fused multiplications and additions, in as many independent sums as registers hold. What it returns depends on all of
   them, so that none is left out. */
enum { PEAK_SUMS = MF_REGISTERS - 4 };

static float peak(uint64_t rounds, uint64_t *out_flops) {
    vf sum[PEAK_SUMS], factor = v_splat(0.5f), term = v_splat(1.0f);
    for (int i = 0; i < PEAK_SUMS; i++) sum[i] = v_splat((float)i);
    for (uint64_t r = 0; r < rounds; r++)
#pragma GCC unroll 32
        for (int i = 0; i < PEAK_SUMS; i++) sum[i] = v_fma(sum[i], factor, term);
    *out_flops = rounds * 2 * PEAK_SUMS * MF_WIDTH;
    for (int i = 1; i < PEAK_SUMS; i++) sum[0] += sum[i];
    return v_sum(sum[0]);
}
