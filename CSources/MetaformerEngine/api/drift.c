/*
 * The first inspections (BASELINE) say what is usual: the few scores held out in adaptation know the mean to a quarter of the
 * deviation at best, while a shift of half a deviation triples the false alarms. That they agree with adaptation's is
 * tested by the difference of the means, over its own uncertainty; one-sided, as models of fewer frames, of which the
 * held-out scores are, score higher. From then on, cumulative sums (Page's CUSUM), one for each direction, gather what the
 * scores are beyond a quarter of a deviation; at LIMIT deviations it is drift. With a mean that is known to 0.06
 * deviations, chance does that once in hundreds of thousands of frames, and a shift of half a deviation in 160.
 */
#include "api/drift.h"

#include "image/score.h"
#include "support/number.h"

#include <math.h>
#include <string.h>

#define BASELINE 300.0 /* inspections */
#define ALLOWANCE 0.25
#define LIMIT 40.0
#define HIGHEST 3.0   /* deviations that one score counts for at most: a defect is no drift */
#define CERTAINTY 5.0 /* deviations of the difference of two means */

static double logarithm(double score) {
    return log(fmax(score, 1e-12));
}

void mf_drift_start(mf_drift *d, const mf_model *model) {
    memset(d, 0, sizeof *d);
    const char *text = mf_model_setting(model, "adapted.scores");
    double score, squares = 0;
    while (text && mf_number_next(&text, &score)) {
        double value = logarithm(score), away = value - d->reference;
        d->reference += away / (double)++d->reference_count;
        squares += away * (value - d->reference);
    }
    if (d->reference_count) d->reference_spread = fmax(sqrt(squares / (double)d->reference_count), MF_SCORE_SPREAD);
}

/* The first ones are there: are they adaptation's? */
static void compare_means(mf_drift *d) {
    if (!d->reference_count) return;
    double uncertainty = d->reference_spread * sqrt(1 / (double)d->reference_count + 1 / BASELINE);
    d->evidence = fmax(d->evidence, (d->mean - d->reference) / (CERTAINTY * uncertainty));
}

void mf_drift_add(mf_drift *d, float score) {
    double value = logarithm((double)score);
    d->count++;
    if ((double)d->count <= BASELINE) {
        double spread = d->count > 20 ? sqrt(d->squares / (double)(d->count - 2)) : INFINITY;
        double away = fmin(fmax(value - d->mean, -HIGHEST * spread), HIGHEST * spread);
        double before = d->mean;
        d->mean += away / (double)d->count;
        d->squares += away * (before + away - d->mean);
        if ((double)d->count == BASELINE) compare_means(d);
        return;
    }
    double spread = fmax(sqrt(d->squares / (BASELINE - 1)), 1e-6);
    double away = fmin(fmax((value - d->mean) / spread, -HIGHEST), HIGHEST);
    d->above = fmax(0, d->above + away - ALLOWANCE);
    d->below = fmax(0, d->below - away - ALLOWANCE);
    d->evidence = fmax(d->evidence, fmax(d->above, d->below) / LIMIT);
}
