#include "support/abi.h"

#include "support/error.h"

#include <string.h>

/* No struct of a host's is larger: a greater size is memory that was never set. */
enum { MAX_SIZE = 1 << 16 };

/* The first field of every one. */
static size_t size_of(const void *host) {
    size_t size;
    memcpy(&size, host, sizeof size);
    return size;
}

static size_t least(size_t a, size_t b) {
    return a < b ? a : b;
}

void *mf_abi_element(const void *array, size_t index) {
    /* Whether it may be written is for the typed function to say. */
    union {
        const char *read;
        void *written;
    } place = {(const char *)array + index * size_of(array)};
    return place.written;
}

mf_status mf_abi_check(const mf_abi_type *type, const void *array, size_t index, mf_error *error) {
    if (!array) return mf_fail(error, MF_E_INVALID, "%s: NULL", type->name);
    size_t stride = size_of(array);
    if (stride < type->first || stride > MAX_SIZE)
        return mf_fail(error, MF_E_INVALID,
                       "%s: struct_size is %zu, which is none; initialise the struct by MF_INIT(%s)", type->name,
                       stride, type->name);
    size_t size = size_of(mf_abi_element(array, index));
    if (size != stride)
        return mf_fail(error, MF_E_INVALID, "%s: struct_size is %zu, but %zu in the first of the array", type->name,
                       size, stride);
    return MF_OK;
}

void mf_abi_copy(const mf_abi_type *type, const void *host, void *own) {
    size_t known = least(size_of(host), type->size);
    memcpy(own, host, known);
    memset((char *)own + known, 0, type->size - known);
    memcpy(own, &type->size, sizeof type->size);
}

mf_status mf_abi_read(const mf_abi_type *type, const void *array, size_t index, void *own, mf_error *error) {
    MF_TRY(mf_abi_check(type, array, index, error));
    const unsigned char *host = mf_abi_element(array, index);
    for (size_t i = type->size, size = size_of(host); i < size; i++)
        if (host[i])
            return mf_fail(error, MF_E_UNSUPPORTED,
                           "%s: a field is set that libmetaformer %s does not know; leave it zero, or install the "
                           "version that the host was built for",
                           type->name, mf_version());
    mf_abi_copy(type, host, own);
    return MF_OK;
}

void mf_abi_write(const mf_abi_type *type, void *host, const void *own) {
    size_t size = size_of(host);
    if (size < type->first) return;
    memcpy((char *)host + sizeof size, (const char *)own + sizeof size, least(size, type->size) - sizeof size);
}
