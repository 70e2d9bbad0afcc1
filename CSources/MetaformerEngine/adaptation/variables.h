/* What the programs of a model change while it is adapted: parameters, sums, and the state of an optimiser. */
#ifndef MF_ADAPTATION_VARIABLES_H
#define MF_ADAPTATION_VARIABLES_H

#include "adaptation/adaptation.h"

typedef struct mf_variable {
    const char *name;
    float *values;
    const float *start; /* the model's own values; NULL where it starts at zero */
    uint64_t count;
} mf_variable;

typedef struct mf_variables {
    const mf_allocator *allocator;
    mf_variable *items;
    size_t count;
} mf_variables;

/* One buffer for each variable that a program of the model writes. Release them whatever comes of it. */
mf_status mf_variables_gather(mf_variables *variables, const mf_adaptation *adaptation);
void mf_variables_release(mf_variables *variables);

/* Adds one that no program writes, with the model's values, where it is a variable of one. */
mf_status mf_variables_add(mf_variables *variables, const mf_adaptation *adaptation, const char *name);

/* The variable of a name, or NULL. */
mf_variable *mf_variables_find(const mf_variables *variables, const char *name);

/* Puts all of them back to where they start. */
void mf_variables_reset(mf_variables *variables);

/* A runner of a program over these variables, and the model's own where they are none of these. */
mf_status mf_variables_run(const mf_variables *variables, mf_adaptation *adaptation, mf_program_kind kind,
                           mf_runner **out_runner);

#endif
