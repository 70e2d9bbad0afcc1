/* The pass from the highest score down that all areas come from. */
#ifndef MF_METRICS_SWEEP_H
#define MF_METRICS_SWEEP_H

#include <math.h>
#include <stdint.h>

/*
 * A distinct score of defective samples. Between levels only good samples are passed: overlap and recall stay as they
 * are, so these scores alone shape the curves, and no metric needs the good samples in order.
 */
typedef struct mf_level {
    uint32_t key;       /* of the score */
    uint64_t ok_above;  /* good samples between the level before and this */
    uint64_t ok_equal;  /* good samples of this very score */
    uint64_t defective; /* defective samples of it, one at least */
    double overlap;     /* what they add to the sum of the regions' overlaps */
} mf_level;

typedef void (*mf_level_visitor)(void *context, const mf_level *level);

/* Sums over the samples passed so far. Areas are in units of samples: divide by the totals at the end. */
typedef struct mf_sweep {
    uint64_t total_defective;
    double limit; /* good samples up to which the overlap is integrated */
    uint64_t ok, defective;
    double overlap;
    double roc_area, roc_slack; /* slack: how far an area can be off where equal scores were not */
    double overlap_area, overlap_slack;
    double precision; /* times defective samples, summed */
    double best_f1;
    uint32_t best_key;
} mf_sweep;

/* Good samples between the sweep's place and its limit, at most count. */
static inline double mf_sweep_room(const mf_sweep *s, uint64_t count) {
    return fmin(fmax(s->limit - (double)s->ok, 0), (double)count);
}

/* Passes good samples between levels: the curves run level. */
static inline void mf_sweep_pass(mf_sweep *s, uint64_t ok) {
    s->overlap_area += mf_sweep_room(s, ok) * s->overlap;
    s->roc_area += (double)ok * (double)s->defective;
    s->ok += ok;
}

/* Passes a level: the curves run straight from where they were before all its samples to where they are after them. */
static inline void mf_sweep_level(void *context, const mf_level *level) {
    mf_sweep *s = context;
    mf_sweep_pass(s, level->ok_above);
    double ok = (double)level->ok_equal, defective = (double)level->defective;
    if (level->ok_equal) {
        double room = mf_sweep_room(s, level->ok_equal), part = room / ok;
        s->overlap_area += room * (s->overlap + level->overlap * part / 2);
        s->overlap_slack += room * level->overlap * (1 - part / 2);
        s->roc_area += ok * ((double)s->defective + defective / 2);
        s->roc_slack += ok * defective / 2;
    }
    s->ok += level->ok_equal;
    s->defective += level->defective;
    s->overlap += level->overlap;
    double found = (double)s->defective, called = found + (double)s->ok;
    s->precision += defective * found / called;
    double f1 = 2 * found / (called + (double)s->total_defective);
    if (f1 > s->best_f1) s->best_f1 = f1, s->best_key = level->key;
}

#endif
