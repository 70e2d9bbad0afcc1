/* Arrays of the host's structs, whose elements are as large as the host's own header says. */
#ifndef MF_SUPPORT_ARRAY_H
#define MF_SUPPORT_ARRAY_H

#include <stddef.h>

/* The element of an index; all have the struct_size of the first, which is its first field. */
static inline const void *mf_element(const void *array, size_t index) {
    return (const char *)array + index * *(const size_t *)array;
}

/* As mf_element, of an array that the library writes. */
static inline void *mf_element_to_write(void *array, size_t index) {
    return (char *)array + index * *(const size_t *)array;
}

#endif
