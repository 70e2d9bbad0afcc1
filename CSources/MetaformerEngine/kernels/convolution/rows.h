/* Pieces of an image row, with zeros around it. */

/* n values of an image row, step apart, from column x; 0 outside. */
static inline void gather_columns(const float *row, int64_t width, int64_t x, int64_t step, int64_t n, float *to) {
    int64_t i = x < 0 ? (-x + step - 1) / step : 0;
    if (i > n) i = n;
    v_clear(to, i);
    x += i * step;
    int64_t inside = x < width ? (width - x + step - 1) / step : 0, end = i + (inside < n - i ? inside : n - i);
    const float *from = row + x;
    if (step == 1) {
        v_copy(to + i, from, end - i);
        i = end;
    } else if (step == 2) {
        /* The last of a vector's 2 MF_WIDTH values may lie past the row. */
        for (; i + MF_WIDTH < end; i += MF_WIDTH, from += 2 * MF_WIDTH)
            v_store(to + i, v_even(v_load(from), v_load(from + MF_WIDTH)));
        for (; i < end; i++, from += 2) to[i] = *from;
    } else {
        for (; i < end; i++, from += step) to[i] = *from;
    }
    v_clear(to + i, n - i);
}

/* n pairs of values of an image row, from column x on, the first ones to even and the second ones to odd; 0 outside. */
static inline void gather_pairs(const float *row, int64_t width, int64_t x, int64_t n, float *even, float *odd) {
    int64_t i = 0, inside = width > x ? (width - x) / 2 : 0;
    for (; i < n && x + 2 * i < 0; i++)
        even[i] = 0, odd[i] = x + 2 * i + 1 >= 0 && x + 2 * i + 1 < width ? row[x + 2 * i + 1] : 0;
    if (inside > n) inside = n;
    const float *from = row + x;
    for (; i + MF_WIDTH <= inside; i += MF_WIDTH) {
        vf a = v_load(from + 2 * i), b = v_load(from + 2 * i + MF_WIDTH);
        v_store(even + i, v_even(a, b)), v_store(odd + i, v_odd(a, b));
    }
    if (i < inside) {
        uint64_t rest = (uint64_t)(inside - i);
        vf a = 2 * rest < MF_WIDTH ? v_load_first(from + 2 * i, 2 * rest) : v_load(from + 2 * i),
           b = 2 * rest > MF_WIDTH ? v_load_first(from + 2 * i + MF_WIDTH, 2 * rest - MF_WIDTH) : v_splat(0);
        v_store_first(even + i, v_even(a, b), rest), v_store_first(odd + i, v_odd(a, b), rest);
        i = inside;
    }
    if (i < n) {
        even[i] = x + 2 * i < width ? row[x + 2 * i] : 0, odd[i] = 0;
        i++;
    }
    v_clear(even + i, n - i), v_clear(odd + i, n - i);
}
