#ifndef MF_FILE_FILE_H
#define MF_FILE_FILE_H

#include <metaformer/engine.h>

/* How a file is opened. */
typedef struct mf_file_options {
    const mf_allocator *allocator; /* NULL for malloc */
    int required;                  /* refuse a file that has not our format and checksum */
    int (*verify)(void *opaque, const void *bytes, size_t size); /* as in mf_open_options */
    void *opaque;                                                /* of verify */
} mf_file_options;

/* As mf_file_open and mf_file_open_memory, with options. */
mf_status mf_file_open_with(const char *path, const mf_file_options *options, mf_file **out_file, mf_error *error);
mf_status mf_file_open_memory_with(const void *data, size_t size, const mf_file_options *options, mf_file **out_file,
                                   mf_error *error);
mf_status mf_file_open_reader(const mf_reader *reader, const mf_file_options *options, mf_file **out_file,
                              mf_error *error);

/* As mf_file_write and mf_file_write_to, with an allocator. */
mf_status mf_file_write_with(const char *path, const mf_tensor *tensors, size_t tensor_count, const mf_entry *entries,
                             size_t entry_count, const mf_allocator *allocator, mf_error *error);
mf_status mf_file_write_to_with(const mf_writer *writer, const mf_tensor *tensors, size_t tensor_count,
                                const mf_entry *entries, size_t entry_count, const mf_allocator *allocator,
                                mf_error *error);

/* Bytes of the whole file. */
size_t mf_file_size(const mf_file *file);

/* The metadata of a key, or NULL. */
const char *mf_file_setting(const mf_file *file, const char *key);

#endif
