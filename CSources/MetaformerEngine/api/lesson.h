/* A lesson: the good frames as a model sees them, and all that teaching from them needs. */
#ifndef MF_API_LESSON_H
#define MF_API_LESSON_H

#include "api/inspection.h"
#include "support/stop.h"

/* A variable that the programs change. */
typedef struct mf_state {
    const char *name;
    float *values;
    const float *start; /* the model's own values; NULL where it starts at zero */
    uint64_t count;
} mf_state;

/* A view of a frame, as a number of its plan, and the share of its cells that is inspected. */
typedef struct mf_sight {
    uint32_t frame;
    int32_t row, column;
    float coverage;
} mf_sight;

/* What the model sees at a view: planes of its input's size. response is NULL where there is no prior, and inside, of
   zeros and ones, where all views are inspected whole. */
typedef struct mf_seen {
    float *image, *response, *inside;
} mf_seen;

typedef struct mf_lesson {
    const mf_model *model;
    const mf_allocator *allocator;
    mf_adapt_options options;
    const mf_image *frames;
    mf_error *error;
    mf_team team;
    mf_stop stop;
    mf_runner *prior, *gradient, *update;
    mf_inspection inspection;
    mf_state *states;
    size_t state_count;
    size_t count, plane, image; /* frames; floats of a plane and of an image */
    mf_sight *sights;           /* frame by frame */
    size_t *first_sight;        /* of each frame; one past the last at the end */
    int masked;                 /* whether a view is not inspected whole */
    int cached;                 /* whether all views are kept; else they are seen anew whenever they are needed */
    mf_seen seen;               /* of all views, or of the last one */
    int sums_loss;              /* over the views of a step; else it is their mean */
    size_t micro;               /* images that the gradient program takes at once */
    float *batch, *batch_response, *batch_inside, *weights, *loss, *rate;
    mf_state *mean, *gain;             /* of the good images' maps; NULL where the model does not ask for them */
    double *sum, *squares, *sights_at; /* of maps, a position each */
    size_t *order, *queue;             /* of frames; of views that are shown */
    size_t steps_done, steps_total;
    uint64_t random;
} mf_lesson;

/* Sets up a lesson whose model, allocator, error, frames and count are filled in. Whatever comes of it, end it. */
mf_status mf_lesson_prepare(mf_lesson *lesson, const mf_adapt_options *options);
void mf_lesson_end(mf_lesson *lesson);

/* The state of a name, or NULL. */
mf_state *mf_lesson_state(mf_lesson *lesson, const char *name);

/* What the model sees at a view: until the next call, where views are not cached. */
mf_status mf_lesson_see(mf_lesson *lesson, size_t sight, mf_seen *out_seen);

/* The mask of a frame, read into out_mask, or NULL. */
const mf_mask *mf_lesson_mask(const mf_lesson *lesson, size_t frame, mf_mask *out_mask);

/* Tells the host how far a stage is; not MF_OK where it or the time limit ends the lesson. */
mf_status mf_lesson_report(mf_lesson *lesson, const char *stage, size_t done, size_t total, float loss);

#endif
