#include "support/names.h"

#include "support/error.h"
#include "support/memory.h"

#include <metaformer/engine.h>
#include <string.h>

mf_status mf_names_make(mf_names *names, size_t most, const mf_allocator *allocator, mf_error *error) {
    size_t places = 2;
    while (places / 2 < most) places *= 2; /* half of them stay free, so that searches are short and end */
    mf_name *memory = mf_allocate(allocator, places * sizeof *memory);
    if (!memory) return mf_fail(error, MF_E_NOMEM, "no memory for %zu names", most);
    *names = (mf_names){memory, places - 1};
    return MF_OK;
}

static size_t hash(const char *text) {
    return (size_t)mf_digest(text, strlen(text));
}

/* Where a name is, or would be. */
static mf_name *place_of(const mf_names *names, const char *text) {
    size_t at = hash(text) & names->mask;
    while (names->places[at].text && strcmp(names->places[at].text, text) != 0) at = (at + 1) & names->mask;
    return &names->places[at];
}

size_t mf_names_find(const mf_names *names, const char *text) {
    const mf_name *place = place_of(names, text);
    return place->text ? place->number : MF_NOT_NAMED;
}

size_t mf_names_add(mf_names *names, const char *text, size_t number) {
    mf_name *place = place_of(names, text);
    if (!place->text) *place = (mf_name){text, number};
    return place->number;
}
