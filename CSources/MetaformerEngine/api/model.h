/* A model as its contexts and adaptation use it. */
#ifndef MF_API_MODEL_H
#define MF_API_MODEL_H

#include "file/file.h"
#include "image/appearance.h"
#include "program/program.h"
#include "support/log.h"

/* The programs that a model may hold, as tensors "program/<name>". It is adapted by gradient with gradient and update, and in
   closed form with features, observe, fit and map. */
typedef enum mf_program_kind {
    MF_PROGRAM_INSPECT,
    MF_PROGRAM_PRIOR,
    MF_PROGRAM_GRADIENT,
    MF_PROGRAM_UPDATE,
    MF_PROGRAM_FEATURES,
    MF_PROGRAM_OBSERVE,
    MF_PROGRAM_FIT,
    MF_PROGRAM_MAP,
    MF_PROGRAM_KINDS
} mf_program_kind;

typedef struct mf_setting {
    char *key, *value;
} mf_setting;

struct mf_model {
    mf_allocator allocator;
    mf_logger logger;
    long references;
    int released; /* by the host, who holds one of the references */
    mf_file *file;
    long *file_references; /* shared by the models that adaptation made from this one */
    float **parameters;    /* by tensor: its own values where adaptation changed them, NULL where the file's stand */
    mf_setting *settings;
    size_t setting_count;
    mf_program *programs[MF_PROGRAM_KINDS];
    int32_t channels, height, width; /* of the input */
    mf_framing framing;
    mf_precision precision; /* of inspections, and of what is observed of good frames */
    int is_adapted;         /* whether it knows a product: it has the setting threshold */
    float threshold;        /* infinite where it does not */
    mf_appearance_limits limits;
    double score_share; /* of the map's values, the highest, whose mean is the score; 0: the highest alone */
};

/* A share of a model for the library itself, which mf_model_drop gives back. */
mf_model *mf_model_retain(const mf_model *model);
void mf_model_drop(mf_model *model);

/* Opens the programs that the model's file holds, and checks them and the settings that go with them (programs.c). */
mf_status mf_model_open_programs(mf_model *model, mf_error *error);

/* A new model over the same file, with room for settings of its own; nothing of it is changed yet. */
mf_status mf_model_derive(const mf_model *model, mf_model **out_model, mf_error *error);
mf_status mf_model_set(mf_model *model, const char *key, const char *value, mf_error *error);
mf_status mf_model_set_number(mf_model *model, const char *key, float value, mf_error *error);
void mf_model_unset(mf_model *model, const char *key);

/* MF_E_STATE where a model knows no product. */
mf_status mf_model_check_adapted(const mf_model *model, mf_error *error);

/* The values of a tensor, or NULL where the model has none of that name and count. */
const float *mf_model_values(const mf_model *model, const char *name, uint64_t count);

/* Binds each variable of a runner's program that the model has values of to these, which it only reads. */
mf_status mf_model_bind(const mf_model *model, mf_program_kind kind, mf_runner *runner, mf_error *error);
#endif
