/* The structs that hosts hand over by pointer: each is as large as the header says that the host was built with, be it
   older or newer than this library. They are read into, and written from, structs of the library's own. */
#ifndef MF_SUPPORT_ABI_H
#define MF_SUPPORT_ABI_H

#include <metaformer/engine.h>

/* Every struct with a struct_size, and the last field of the form in which it was first published: the smallest form
   that is taken. A field that is added later changes nothing here. */
#define MF_ABI_STRUCTS(X)                                                                                              \
    X(mf_error, text)                                                                                                  \
    X(mf_allocator, release)                                                                                           \
    X(mf_thread_pool, run)                                                                                             \
    X(mf_open_options, opaque)                                                                                         \
    X(mf_reader, read)                                                                                                 \
    X(mf_writer, write)                                                                                                \
    X(mf_setting_description, help)                                                                                    \
    X(mf_image, data)                                                                                                  \
    X(mf_mask, data)                                                                                                   \
    X(mf_map, data)                                                                                                    \
    X(mf_context_options, max_width)                                                                                   \
    X(mf_result, elapsed_ns)                                                                                           \
    X(mf_scores, highest)                                                                                              \
    X(mf_frame_source, opaque)                                                                                         \
    X(mf_adapt_options, cache_bytes)                                                                                   \
    X(mf_calibrate_options, time_limit_ns)                                                                             \
    X(mf_metric_options, high)                                                                                         \
    X(mf_classification, best_threshold)                                                                               \
    X(mf_localization, pro_error)                                                                                      \
    X(mf_op_description, columns)                                                                                      \
    X(mf_runner_options, pool)                                                                                         \
    X(mf_instruction_info, bytes)                                                                                      \
    X(mf_machine, bytes_per_second)                                                                                    \
    X(mf_convolution, groups)                                                                                          \
    X(mf_attention, scale)

/* A struct that crosses the interface. */
typedef struct mf_abi_type {
    const char *name;
    size_t first, size; /* bytes: of the first published form, and of the library's own */
} mf_abi_type;

/* As sizeof said of the first published form: up to the end of its last field, rounded up to the struct's alignment. */
#define MF_ABI_FIRST_SIZE(type, last)                                                                                  \
    ((offsetof(type, last) + sizeof(((type *)0)->last) + _Alignof(type) - 1) / _Alignof(type) * _Alignof(type))

/*
 * For each type, mf_image say:
 *
 * mf_image_read          copies the host's struct; what an older one lacks is zero. MF_E_INVALID for NULL and a size that
 *                        no header has had, MF_E_UNSUPPORTED where a field is set that this library does not know.
 * mf_image_read_element  the same, of an array, whose elements all have the struct_size of the first.
 * mf_image_at            copies an element that was read before, without a check.
 * mf_image_writable      whether an element can be written: MF_E_INVALID as above.
 * mf_image_write         fills in a struct that was checked: what the host's has of it, and not its struct_size.
 * mf_image_element       an element of an array, to be written.
 */
#define MF_ABI_FUNCTIONS(type, last)                                                                                   \
    static const mf_abi_type type##_abi = {#type, MF_ABI_FIRST_SIZE(type, last), sizeof(type)};                        \
    static inline mf_status type##_read_element(const type *array, size_t index, type *own, mf_error *error) {         \
        return mf_abi_read(&type##_abi, array, index, own, error);                                                     \
    }                                                                                                                  \
    static inline mf_status type##_read(const type *host, type *own, mf_error *error) {                                \
        return mf_abi_read(&type##_abi, host, 0, own, error);                                                          \
    }                                                                                                                  \
    static inline type type##_at(const type *array, size_t index) {                                                    \
        type own;                                                                                                      \
        mf_abi_copy(&type##_abi, mf_abi_element(array, index), &own);                                                  \
        return own;                                                                                                    \
    }                                                                                                                  \
    static inline mf_status type##_writable(const type *array, size_t index, mf_error *error) {                        \
        return mf_abi_check(&type##_abi, array, index, error);                                                         \
    }                                                                                                                  \
    static inline void type##_write(type *host, const type *own) {                                                     \
        mf_abi_write(&type##_abi, host, own);                                                                          \
    }                                                                                                                  \
    static inline type *type##_element(type *array, size_t index) {                                                    \
        return mf_abi_element(array, index);                                                                           \
    }

/* What these are made of. */
void *mf_abi_element(const void *array, size_t index);
mf_status mf_abi_check(const mf_abi_type *type, const void *array, size_t index, mf_error *error);
mf_status mf_abi_read(const mf_abi_type *type, const void *array, size_t index, void *own, mf_error *error);
void mf_abi_copy(const mf_abi_type *type, const void *host, void *own);
void mf_abi_write(const mf_abi_type *type, void *host, const void *own);

MF_ABI_STRUCTS(MF_ABI_FUNCTIONS)

#endif
