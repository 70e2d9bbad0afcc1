/*
 * The part of metaformer.h that lists what can be set, for hosts that offer it to a person: the settings that the library
 * reads in a model, or that adaptation writes into it, and the options of its calls that are numbers. A model may hold other
 * settings, which the library leaves alone. Included by metaformer.h.
 */
#ifndef METAFORMER_SETTINGS_H
#define METAFORMER_SETTINGS_H

#include <metaformer.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum mf_setting_type { MF_SETTING_NUMBER = 1, MF_SETTING_CHOICE = 2, MF_SETTING_TEXT = 3 } mf_setting_type;

/** A setting of models, or an option. All that it points to lives for ever. */
typedef struct mf_setting_description {
    size_t struct_size;
    const char *key;       /**< as in mf_model_setting; of an option, struct and field: "mf_adapt_options.epochs" */
    mf_setting_type type;  /**< of an option: a number */
    double low, high;      /**< of a number, which may be either of them; 0 of others */
    double default_number; /**< of a missing setting, or an option of 0; NaN where no one number stands for it */
    const char *const *choices; /**< of a choice: all that it can be, and NULL after the last; NULL of others */
    const char *default_choice; /**< of a missing setting; NULL where nothing stands for it */
    const char *help;           /**< what it is, in a line */
} mf_setting_description;

/** The number of settings, and a description of each: index is below it. MF_E_INVALID past it. Any thread, at any time. */
MF_API size_t mf_setting_count(void);
MF_API MF_MUST_USE mf_status mf_setting_info(size_t index, mf_setting_description *out_description);

/** The same of the options that are numbers. A value out of these bounds is refused with MF_E_INVALID. */
MF_API size_t mf_option_count(void);
MF_API MF_MUST_USE mf_status mf_option_info(size_t index, mf_setting_description *out_description);

/**
 * Sets an option that is a number by its name, for hosts that read theirs from a file of their own.
 * @param key      as mf_option_info says: "mf_adapt_options.shift"
 * @param value    within the option's bounds, and whole where its field is an integer
 * @param options  the struct that the key names, initialised by MF_INIT; all else in it stays as it is
 * @return MF_OK; MF_E_INVALID (no such option, which the text answers with those that there are; or a value that is not
 *         possible), MF_E_UNSUPPORTED (the host's header is older than the option). Any thread, at any time.
 */
MF_API MF_MUST_USE mf_status mf_option_set(const char *key, double value, void *options, mf_error *error);

#ifdef __cplusplus
}
#endif

#endif
