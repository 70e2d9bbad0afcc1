/* What the settings of a model and the options of a call can be: the tables settings.def and options.def. */
#ifndef MF_API_SETTINGS_H
#define MF_API_SETTINGS_H

#include <metaformer.h>

/* A setting by its number: MF_KEY_<id> of settings.def. */
typedef enum mf_key {
#define MF_NUMBER(id, ...) MF_KEY_##id,
#define MF_CHOICE(id, ...) MF_KEY_##id,
#define MF_TEXT(id, ...) MF_KEY_##id,
#include "api/settings.def"
#undef MF_NUMBER
#undef MF_CHOICE
#undef MF_TEXT
    MF_KEY_COUNT
} mf_key;

/* A setting of a model that is a number: the model's own, or the default. MF_E_FORMAT where it is none, MF_E_LIMIT out
   of bounds. */
mf_status mf_model_number(const mf_model *model, mf_key key, double *out_value, mf_error *error);

/* A setting of a model that is a choice: which one, in the order of the table. MF_E_FORMAT where it is none of them. */
mf_status mf_model_choice(const mf_model *model, mf_key key, int *out_choice, mf_error *error);

/* A choice in words. */
const char *mf_key_choice(mf_key key, int choice);

/* Checks the numbers in the library's own copy of a struct of options, and puts defaults in the place of zeros; type is
   the name of the struct. MF_E_INVALID out of bounds. */
mf_status mf_options_resolve(const char *type, void *options, mf_error *error);

#endif
