#include "api/settings.h"

#include "support/abi.h"
#include "support/error.h"
#include "support/number.h"
#include "support/thread_pool.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* No default. */
#define NONE ((double)NAN)

/* ---- The tables -------------------------------------------------------------------------------------------------- */

static const mf_setting_description settings[MF_KEY_COUNT] = {
#define MF_NUMBER(id, name, least, most, fallback, text)                                                               \
    [MF_KEY_##id] = {.key = name,                                                                                      \
                     .type = MF_SETTING_NUMBER,                                                                        \
                     .low = (double)(least),                                                                           \
                     .high = (double)(most),                                                                           \
                     .default_number = (double)(fallback),                                                             \
                     .help = text},
#define MF_CHOICE(id, name, fallback, text, ...)                                                                       \
    [MF_KEY_##id] = {.key = name,                                                                                      \
                     .type = MF_SETTING_CHOICE,                                                                        \
                     .default_number = NONE,                                                                           \
                     .default_choice = fallback,                                                                       \
                     .choices = (const char *const[]){__VA_ARGS__, NULL},                                              \
                     .help = text},
#define MF_TEXT(id, name, text)                                                                                        \
    [MF_KEY_##id] = {.key = name, .type = MF_SETTING_TEXT, .default_number = NONE, .help = text},
#include "api/settings.def"
};

typedef enum kind { INT32, UINT32, UINT64, FLOAT } kind;

/* An option, and where it lies. */
typedef struct option {
    const char *type;
    size_t offset;
    kind kind;
    mf_setting_description description;
} option;

#define KIND_OF(type, field)                                                                                           \
    _Generic(((type *)0)->field, int32_t : INT32, uint32_t : UINT32, uint64_t : UINT64, float : FLOAT)

static const option options[] = {
#define MF_OPTION(structure, field, least, most, fallback, text)                                                       \
    {#structure,                                                                                                       \
     offsetof(structure, field),                                                                                       \
     KIND_OF(structure, field),                                                                                        \
     {.key = #structure "." #field,                                                                                    \
      .type = MF_SETTING_NUMBER,                                                                                       \
      .low = (double)(least),                                                                                          \
      .high = (double)(most),                                                                                          \
      .default_number = (double)(fallback),                                                                            \
      .help = text}},
#include "api/options.def"
};

enum { OPTION_COUNT = sizeof options / sizeof *options };

/* ---- Listing ----------------------------------------------------------------------------------------------------- */

size_t mf_setting_count(void) {
    return MF_KEY_COUNT;
}

size_t mf_option_count(void) {
    return OPTION_COUNT;
}

mf_status mf_setting_info(size_t index, mf_setting_description *out_description) {
    if (index >= MF_KEY_COUNT || mf_setting_description_writable(out_description, 0, NULL) != MF_OK)
        return MF_E_INVALID;
    mf_setting_description_write(out_description, &settings[index]);
    return MF_OK;
}

mf_status mf_option_info(size_t index, mf_setting_description *out_description) {
    if (index >= OPTION_COUNT || mf_setting_description_writable(out_description, 0, NULL) != MF_OK)
        return MF_E_INVALID;
    mf_setting_description_write(out_description, &options[index].description);
    return MF_OK;
}

/* ---- Settings of a model ----------------------------------------------------------------------------------------- */

static int parse_number(const char *text, double *out_value) {
    return mf_number_read(&text, out_value) && !*text;
}

mf_status mf_model_number(const mf_model *model, mf_key key, double *out_value, mf_error *error) {
    const mf_setting_description *s = &settings[key];
    const char *text = mf_model_setting(model, s->key);
    double value = s->default_number;
    if (text && !parse_number(text, &value))
        return mf_fail(error, MF_E_FORMAT, "setting '%s' is '%.40s', not a number", s->key, text);
    if (isnan(value)) return mf_fail(error, MF_E_FORMAT, "the model has no setting '%s'", s->key);
    if (!(value >= s->low && value <= s->high))
        return mf_fail(error, MF_E_LIMIT, "setting '%s' is %g; %g to %g are possible", s->key, value, s->low, s->high);
    *out_value = value;
    return MF_OK;
}

/* "mean and sum", "stretch, letterbox and tile". */
static void list_choices(const char *const *choices, char *text, size_t size) {
    size_t used = 0;
    for (; *choices && used < size; choices++) {
        const char *before = !used ? "" : choices[1] ? ", " : " and ";
        used += (size_t)snprintf(text + used, size - used, "%s%s", before, *choices);
    }
}

mf_status mf_model_choice(const mf_model *model, mf_key key, int *out_choice, mf_error *error) {
    const mf_setting_description *s = &settings[key];
    const char *text = mf_model_setting(model, s->key);
    if (!text) text = s->default_choice;
    if (!text) return mf_fail(error, MF_E_FORMAT, "the model has no setting '%s'", s->key);
    for (int i = 0; s->choices[i]; i++)
        if (strcmp(text, s->choices[i]) == 0) {
            *out_choice = i;
            return MF_OK;
        }
    char choices[120];
    list_choices(s->choices, choices, sizeof choices);
    return mf_fail(error, MF_E_FORMAT, "setting '%s' is '%.40s'; %s are possible", s->key, text, choices);
}

const char *mf_key_choice(mf_key key, int choice) {
    return settings[key].choices[choice];
}

/* ---- Options of a call ------------------------------------------------------------------------------------------- */

/* A number of the kind that the field is. */
typedef union number {
    int32_t int32;
    uint32_t uint32;
    uint64_t uint64;
    float single;
} number;

static double read_number(const option *o, const void *field) {
    number n = {0};
    memcpy(&n, field, o->kind == UINT64 ? sizeof n.uint64 : sizeof n.uint32);
    return o->kind == INT32    ? (double)n.int32
           : o->kind == UINT32 ? (double)n.uint32
           : o->kind == UINT64 ? (double)n.uint64
                               : (double)n.single;
}

static void write_number(const option *o, double value, void *field) {
    number n = {0};
    const double beyond = 0x1p64; /* UINT64_MAX as a double */
    if (o->kind == INT32) n.int32 = (int32_t)value;
    if (o->kind == UINT32) n.uint32 = (uint32_t)value;
    if (o->kind == UINT64) n.uint64 = value < beyond ? (uint64_t)value : UINT64_MAX;
    if (o->kind == FLOAT) n.single = (float)value;
    memcpy(field, &n, o->kind == UINT64 ? sizeof n.uint64 : sizeof n.uint32);
}

static mf_status check_bounds(const option *o, double value, mf_error *error) {
    const mf_setting_description *d = &o->description;
    if (value >= d->low && value <= d->high) return MF_OK;
    return mf_fail(error, MF_E_INVALID, "%s is %.10g; %.10g to %.10g are possible", d->key, value, d->low, d->high);
}

mf_status mf_options_resolve(const char *type, void *given, mf_error *error) {
    for (const option *o = options; o < options + OPTION_COUNT; o++) {
        if (strcmp(o->type, type) != 0) continue;
        const mf_setting_description *d = &o->description;
        char *field = (char *)given + o->offset;
        double value = read_number(o, field);
        MF_TRY(check_bounds(o, value, error));
        if (value == 0 && !isnan(d->default_number)) write_number(o, d->default_number, field);
    }
    return MF_OK;
}

/* What the key names. NULL, with a text that says what there is in its struct, where it names nothing. */
static const option *find_option(const char *key, mf_error *error) {
    size_t type = strcspn(key, "."), used = 0;
    char names[200] = "";
    for (const option *o = options; o < options + OPTION_COUNT; o++) {
        if (strcmp(o->description.key, key) == 0) return o;
        if (strlen(o->type) == type && strncmp(o->type, key, type) == 0 && used < sizeof names)
            used += (size_t)snprintf(names + used, sizeof names - used, "%s%s", used ? ", " : "",
                                     o->description.key + type + 1);
    }
    if (used)
        mf_fail(error, MF_E_INVALID, "there is no option '%.40s'; there are %s", key + type + (key[type] != 0), names);
    else
        mf_fail(error, MF_E_INVALID, "mf_option_set: no struct of options is called '%.40s'", key);
    return NULL;
}

mf_status mf_option_set(const char *key, double value, void *given, mf_error *error) {
    if (!key || !given) return mf_fail(error, MF_E_INVALID, "mf_option_set: NULL argument");
    const option *o = find_option(key, error);
    if (!o) return MF_E_INVALID;
    MF_TRY(check_bounds(o, value, error));
    if (o->kind != FLOAT && value != floor(value))
        return mf_fail(error, MF_E_INVALID, "%s is %.10g; whole numbers are possible", key, value);
    size_t size, field = o->kind == UINT64 ? sizeof(uint64_t) : sizeof(uint32_t);
    memcpy(&size, given, sizeof size);
    if (size < o->offset + field)
        return mf_fail(error, MF_E_UNSUPPORTED, "%s: the host's struct of %zu bytes does not hold it", key, size);
    write_number(o, value, (char *)given + o->offset);
    return MF_OK;
}
