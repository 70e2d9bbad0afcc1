/* Results of an evaluation. */
#include "metrics/evaluation.h"
#include "support/abi.h"
#include "support/error.h"
#include "support/memory.h"

/* A bin's key is the bin's lower edge, so that a threshold finds all that fell into it. */
static uint32_t bin_key(const mf_evaluation *e, size_t bin) {
    double width = ((double)e->high - (double)e->low) / (double)e->bin_count;
    return mf_score_key((float)((double)e->low + (double)bin * width));
}

static mf_status visit_levels(const mf_evaluation *e, mf_level_visitor visit, void *context, uint64_t *out_rest,
                              mf_error *error) {
    if (!e->bins) return mf_exact_visit(e, visit, context, out_rest, error);
    uint64_t passed = 0;
    for (size_t bin = e->bin_count; bin-- > 0;) {
        const mf_bin *b = &e->bins[bin];
        if (b->defective) {
            mf_level level = {bin_key(e, bin), passed, b->ok, b->defective, b->overlap};
            visit(context, &level);
            passed = 0;
        } else {
            passed += b->ok;
        }
    }
    *out_rest = passed;
    return MF_OK;
}

static mf_status check_state(const mf_evaluation *e, mf_error *error) {
    if (!e->ok || !e->defective)
        return mf_fail(error, MF_E_STATE, "no %s pixel has been added; both kinds are needed",
                       e->ok ? "defective" : "good");
    return MF_OK;
}

mf_status mf_evaluation_measure(const mf_evaluation *e, double pro_limit, mf_localization *out_result,
                                mf_error *error) {
    if (!e) return mf_fail(error, MF_E_INVALID, "an evaluation is needed");
    MF_TRY(mf_localization_writable(out_result, 0, error));
    if (!(pro_limit > 0 && pro_limit <= 1))
        return mf_fail(error, MF_E_INVALID, "the limit of PRO is %g; it lies in (0, 1]", pro_limit);
    MF_TRY(check_state(e, error));
    double ok = (double)e->ok, defective = (double)e->defective;
    mf_sweep s = {.total_defective = e->defective, .limit = pro_limit * ok};
    if (e->bins) {
        uint64_t rest;
        MF_TRY(visit_levels(e, mf_sweep_level, &s, &rest, error));
        mf_sweep_pass(&s, rest);
    } else {
        MF_TRY(mf_exact_sweep(e, &s, error));
    }
    double overlap_unit = (double)e->regions * s.limit;
    mf_localization result = {
        .images = e->images,
        .pixels = e->ok + e->defective,
        .defective_pixels = e->defective,
        .regions = e->regions,
        .auroc = s.roc_area / (ok * defective),
        .average_precision = s.precision / defective,
        .best_f1 = s.best_f1,
        .best_threshold = mf_key_score(s.best_key),
        .pro = s.overlap_area / overlap_unit,
        .auroc_error = e->bins ? s.roc_slack / (ok * defective) : 0,
        .pro_error = e->bins ? s.overlap_slack / overlap_unit : 0,
    };
    mf_localization_write(out_result, &result);
    return MF_OK;
}

/* ---- Curve --------------------------------------------------------------------------------------------------------
 */

typedef struct curve {
    const mf_evaluation *e;
    mf_curve_point *points; /* NULL to count */
    size_t room, count;
    uint64_t ok, defective;
    double overlap;
} curve;

static void put_point(curve *c, float threshold) {
    if (c->points && c->count < c->room)
        c->points[c->count] = (mf_curve_point){threshold, (double)c->ok / (double)c->e->ok,
                                               (double)c->defective / (double)c->e->defective,
                                               fmin(c->overlap / (double)c->e->regions, 1)};
    c->count++;
}

/* Two corners: where the level run before a score ends, and where the score's own slope does. */
static void put_level(void *context, const mf_level *level) {
    curve *c = context;
    float score = mf_key_score(level->key);
    if (!c->count) put_point(c, INFINITY);
    c->ok += level->ok_above;
    if (level->ok_above) put_point(c, nextafterf(score, INFINITY));
    c->ok += level->ok_equal;
    c->defective += level->defective;
    c->overlap += level->overlap;
    put_point(c, score);
}

mf_status mf_evaluation_curve(const mf_evaluation *e, mf_curve_point *points, size_t *count, mf_error *error) {
    if (!e || !count) return mf_fail(error, MF_E_INVALID, "an evaluation and a place for the count are needed");
    MF_TRY(check_state(e, error));
    /* Counted first, so that points stay untouched where they have too little room. */
    for (int putting = 0; putting <= (points != NULL); putting++) {
        curve c = {.e = e, .points = putting ? points : NULL, .room = *count};
        uint64_t rest;
        MF_TRY(visit_levels(e, put_level, &c, &rest, error));
        c.ok += rest;
        if (rest) put_point(&c, -INFINITY);
        if (points && !putting && c.count > *count)
            return mf_fail(error, MF_E_LIMIT, "the curve has %zu points, room is for %zu", c.count, *count);
        if (putting || !points) *count = c.count;
    }
    return MF_OK;
}

mf_status mf_evaluation_overlaps(const mf_evaluation *e, float threshold, double *overlaps, size_t *count,
                                 mf_error *error) {
    if (!e || !count) return mf_fail(error, MF_E_INVALID, "an evaluation and a place for the count are needed");
    if (mf_score_is_invalid(threshold)) return mf_fail(error, MF_E_INVALID, "the threshold must be finite");
    if (e->bins) return mf_fail(error, MF_E_STATE, "an evaluation by histogram keeps no regions");
    size_t regions = (size_t)e->regions;
    if (overlaps && *count < regions)
        return mf_fail(error, MF_E_LIMIT, "there are %zu regions, room is for %zu", regions, *count);
    *count = regions;
    if (!overlaps) return MF_OK;
    uint32_t key = mf_score_key(threshold);
    memset(overlaps, 0, regions * sizeof *overlaps);
    for (size_t i = 0; i < e->images; i++) {
        const mf_pixels *p = &e->pixels[i];
        for (size_t k = 0; k < p->defective_count; k++) overlaps[p->regions[k]] += p->defective[k] >= key;
    }
    for (size_t i = 0; i < regions; i++) overlaps[i] /= (double)e->areas[i];
    return MF_OK;
}
