/* The rows of metrics/similarity.h in plain C, compiled anew for each set of instructions: MF_ROWS(name) is what one of
   them is called there, and MF_TARGET says which set that is. */

MF_TARGET static void MF_ROWS(signals)(const float *a, const float *b, size_t n, double *restrict signals) {
    double *restrict first = signals, *restrict second = signals + n;
    double *restrict squares = signals + 2 * n, *restrict product = signals + 3 * n;
    for (size_t x = 0; x < n; x++) {
        double u = (double)a[x], v = (double)b[x];
        first[x] = u, second[x] = v, squares[x] = u * u + v * v, product[x] = u * v;
    }
}

MF_TARGET static void MF_ROWS(average_row)(const double *restrict row, const double *weights, size_t n,
                                           double *restrict to) {
    double w0 = weights[0], w1 = weights[1], w2 = weights[2], w3 = weights[3], w4 = weights[4], w5 = weights[5];
    for (size_t x = 0; x < n; x++)
        to[x] = w0 * row[x + 5] + w1 * (row[x + 4] + row[x + 6]) + w2 * (row[x + 3] + row[x + 7]) +
                w3 * (row[x + 2] + row[x + 8]) + w4 * (row[x + 1] + row[x + 9]) + w5 * (row[x] + row[x + 10]);
}

MF_TARGET static void MF_ROWS(average_column)(const double *const *rows, const double *weights, size_t n,
                                              double *restrict to) {
    double w0 = weights[0], w1 = weights[1], w2 = weights[2], w3 = weights[3], w4 = weights[4], w5 = weights[5];
    const double *r0 = rows[0], *r1 = rows[1], *r2 = rows[2], *r3 = rows[3], *r4 = rows[4], *r5 = rows[5];
    const double *r6 = rows[6], *r7 = rows[7], *r8 = rows[8], *r9 = rows[9], *r10 = rows[10];
    for (size_t x = 0; x < n; x++)
        to[x] = w0 * r5[x] + w1 * (r4[x] + r6[x]) + w2 * (r3[x] + r7[x]) + w3 * (r2[x] + r8[x]) + w4 * (r1[x] + r9[x]) +
                w5 * (r0[x] + r10[x]);
}

MF_TARGET static double MF_ROWS(compare_row)(double *signals, size_t n) {
    const double c1 = 0.01 * 0.01, c2 = 0.03 * 0.03;
    for (size_t x = 0; x < n; x++) {
        double ma = signals[x], mb = signals[n + x], product = ma * mb, squares = ma * ma + mb * mb;
        double covariance = signals[3 * n + x] - product, variances = signals[2 * n + x] - squares;
        signals[x] = (2 * product + c1) * (2 * covariance + c2) / ((squares + c1) * (variances + c2));
    }
    double sum = 0;
    for (size_t x = 0; x < n; x++) sum += signals[x];
    return sum;
}

static const mf_similarity MF_ROWS(rows) = {MF_ROWS(signals), MF_ROWS(average_row), MF_ROWS(average_column),
                                            MF_ROWS(compare_row)};

#undef MF_TARGET
#undef MF_ROWS
