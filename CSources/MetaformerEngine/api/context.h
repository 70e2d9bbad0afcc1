#ifndef MF_API_CONTEXT_H
#define MF_API_CONTEXT_H

#include "api/model.h"
#include "image/frame.h"

/* Binds each variable of a runner's program to the model's own values, which the program only reads. */
mf_status mf_bind_parameters(const mf_model *model, mf_part part, mf_runner *runner, mf_error *error);

#endif
