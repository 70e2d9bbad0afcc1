/* The JSON header of a .safetensors file (github.com/huggingface/safetensors, "Format"), read and written. */
#ifndef MF_FILE_HEADER_H
#define MF_FILE_HEADER_H

#include <metaformer/engine.h>

#define MF_HEADER_AT 8 /* before it: its size, little-endian */
#define MF_MAX_HEADER_BYTES ((uint64_t)16 << 20)
#define MF_MAX_TENSORS 4096
#define MF_MAX_ENTRIES 4096

/* Bytes of an element in a file. */
size_t mf_dtype_bytes(mf_dtype dtype);

/* A tensor as the header declares it; names and texts lie in the header's own memory, unescaped where they stood. */
typedef struct mf_declaration {
    const char *name;
    mf_dtype dtype;
    uint32_t rank;
    uint64_t dims[MF_TENSOR_MAX_RANK];
    uint64_t begin, end; /* bytes of the data section */
} mf_declaration;

typedef struct mf_header {
    mf_declaration *tensors; /* room for MF_MAX_TENSORS declarations is the caller's concern: see mf_header_count */
    size_t tensor_count;
    mf_entry *entries;
    size_t entry_count;
} mf_header;

/* At most how many objects and strings a text can hold: what has to be allocated to read it. */
size_t mf_header_count(const char *text, size_t size);

/* Reads a header, in place: text is changed, and must have room for one more byte. Refuses all that the format does
   not have. */
mf_status mf_header_read(char *text, size_t size, mf_header *header, mf_error *error);

/* Writes the start of a file, which is all but the tensors' data: the header's size and the header, padded with spaces to
   a multiple of 64 bytes. It is new memory of the allocator's. */
mf_status mf_header_write(const mf_tensor *tensors, size_t tensor_count, const mf_entry *entries, size_t entry_count,
                          const mf_allocator *allocator, char **out_start, size_t *out_size, mf_error *error);

#endif
