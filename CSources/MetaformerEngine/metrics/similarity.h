/* Structural similarity a row at a time, in doubles: loops that gain from a processor's widest vectors. None fuses sums and
   products: the bits are the same in every variant. */
#ifndef MF_METRICS_SIMILARITY_H
#define MF_METRICS_SIMILARITY_H

#include <metaformer/engine.h>
#include <stddef.h>

/* The window's taps; signals that are averaged: a, b, a² + b², a·b (the variances are only needed in sum). */
enum { MF_SIMILARITY_TAPS = 11, MF_SIMILARITY_SIGNALS = 4 };

/* weights: of the window, from its middle outwards, TAPS / 2 + 1 of them. */
typedef struct mf_similarity {
    /* The signals [SIGNALS, n] of n pixels. */
    void (*make_signals)(const float *a, const float *b, size_t n, double *signals);
    /* to[x] = the window's average of row[x … x + TAPS - 1]. */
    void (*average_row)(const double *row, const double *weights, size_t n, double *to);
    /* to[x] = the window's average of rows[0 … TAPS - 1][x]. */
    void (*average_column)(const double *const *rows, const double *weights, size_t n, double *to);
    /* Similarities from averaged signals [SIGNALS, n], in place of the first; returns their sum. */
    double (*compare_row)(double *signals, size_t n);
} mf_similarity;

const mf_similarity *mf_similarity_find(mf_isa isa);

#endif
