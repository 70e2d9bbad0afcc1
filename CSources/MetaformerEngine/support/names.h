/* Names and their numbers: a hash table by open addressing, made once for as many as there will be. */
#ifndef MF_SUPPORT_NAMES_H
#define MF_SUPPORT_NAMES_H

#include <metaformer.h>

typedef struct mf_name {
    const char *text; /* whoever adds it keeps it; NULL in a free place */
    size_t number;
} mf_name;

typedef struct mf_names {
    mf_name *places;
    size_t mask; /* places - 1, a power of two less one */
} mf_names;

#define MF_NOT_NAMED SIZE_MAX

/* Makes room for most names: places are to be given back with mf_free. MF_E_NOMEM. */
mf_status mf_names_make(mf_names *names, size_t most, const mf_allocator *allocator, mf_error *error);

/* The number of a name, MF_NOT_NAMED where it is not there. */
size_t mf_names_find(const mf_names *names, const char *text);

/* Adds a name with a number, unless it is there. Returns the number that it now has. */
size_t mf_names_add(mf_names *names, const char *text, size_t number);

#endif
