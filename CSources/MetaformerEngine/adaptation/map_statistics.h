/* What the maps of good frames are at each position: the mean and one over the spread, by which a model may normalise its
   maps. */
#ifndef MF_ADAPTATION_MAP_STATISTICS_H
#define MF_ADAPTATION_MAP_STATISTICS_H

#include "adaptation/variables.h"

typedef struct mf_map_statistics {
    size_t positions;
    double *sum, *squares, *count; /* a position each */
} mf_map_statistics;

mf_status mf_map_statistics_prepare(mf_map_statistics *statistics, const mf_adaptation *adaptation, size_t positions);
void mf_map_statistics_release(mf_map_statistics *statistics, const mf_adaptation *adaptation);

void mf_map_statistics_start(mf_map_statistics *statistics);
/* Adds a map where inside, NULL for everywhere, is not 0. */
void mf_map_statistics_add(mf_map_statistics *statistics, const float *map, const float *inside);
/* Makes mean and gain of what was added: positions floats each. */
mf_status mf_map_statistics_finish(const mf_map_statistics *statistics, float *mean, float *gain, mf_error *error);

#endif
