/* Tensor files: read whole into memory and checked; written piece by piece, on disk beside their place and renamed into
   it. */
#include "file/file.h"

#include "file/half.h"
#include "file/header.h"
#include "support/abi.h"
#include "support/error.h"
#include "support/memory.h"
#include "support/names.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHECKSUM_DIGITS 32
#define WIDENED_MULTIPLE (MF_CACHE_LINE / sizeof(float)) /* a widened tensor starts at a cache line */

struct mf_file {
    mf_allocator allocator;
    unsigned char *bytes; /* the file; its header is unescaped in place */
    size_t size;
    float *widened; /* the values of all half-precision tensors */
    mf_tensor *tensors;
    mf_declaration *declarations;
    mf_header header;
    mf_names names; /* of the tensors */
};

/* ---- Checking ---------------------------------------------------------------------------------------------------- */

/* What stands for the checksum where it is summed itself. */
static const char no_checksum[CHECKSUM_DIGITS + 1] = "00000000000000000000000000000000";

static void checksum_start(XXH3_state_t *state) {
    XXH3_INITSTATE(state);
    XXH3_128bits_reset(state);
}

static void checksum_text(const XXH3_state_t *state, char out[CHECKSUM_DIGITS + 1]) {
    XXH128_hash_t hash = XXH3_128bits_digest(state);
    snprintf(out, CHECKSUM_DIGITS + 1, "%016llx%016llx", (unsigned long long)hash.high64,
             (unsigned long long)hash.low64);
}

/* The checksum that a file should have whose own digits stand at an offset. */
static void sum_bytes(const unsigned char *bytes, size_t size, size_t digits_at, char out[CHECKSUM_DIGITS + 1]) {
    XXH3_state_t state;
    checksum_start(&state);
    XXH3_128bits_update(&state, bytes, digits_at);
    XXH3_128bits_update(&state, no_checksum, CHECKSUM_DIGITS);
    XXH3_128bits_update(&state, bytes + digits_at + CHECKSUM_DIGITS, size - digits_at - CHECKSUM_DIGITS);
    checksum_text(&state, out);
}

static int order_by_offset(const void *a, const void *b) {
    const mf_declaration *x = a, *y = b;
    if (x->begin != y->begin) return x->begin < y->begin ? -1 : 1;
    return x->end < y->end ? -1 : x->end > y->end;
}

/* Puts the tensors into the order of their data, and takes down their names. */
static mf_status order_tensors(mf_file *file, mf_error *error) {
    mf_header *h = &file->header;
    qsort(h->tensors, h->tensor_count, sizeof *h->tensors, order_by_offset);
    MF_TRY(mf_names_make(&file->names, h->tensor_count, &file->allocator, error));
    for (size_t i = 0; i < h->tensor_count; i++)
        if (mf_names_add(&file->names, h->tensors[i].name, i) != i)
            return mf_fail(error, MF_E_FORMAT, "'%.60s' is there twice", h->tensors[i].name);
    return MF_OK;
}

/* Every tensor fills just its bytes, and together they fill the data, with no gap and no overlap. */
static mf_status check_layout(const mf_file *file, const unsigned char *data, size_t data_size, mf_error *error) {
    const mf_header *h = &file->header;
    uint64_t at = 0;
    for (size_t i = 0; i < h->tensor_count; i++) {
        const mf_declaration *d = &h->tensors[i];
        uint64_t count = 1, width = mf_dtype_bytes(d->dtype);
        for (uint32_t k = 0; k < d->rank; k++) {
            if (d->dims[k] && count > MF_MAX_FILE_BYTES / d->dims[k])
                return mf_fail(error, MF_E_LIMIT, "'%.60s' is too large", d->name);
            count *= d->dims[k];
        }
        if (d->begin != at || d->end < d->begin || d->end > data_size)
            return mf_fail(error, MF_E_FORMAT, "'%.60s' does not lie in the file's %zu bytes of data: is it cut off?",
                           d->name, data_size);
        if (d->end - d->begin != count * width)
            return mf_fail(error, MF_E_FORMAT, "'%.60s' has not the bytes of its shape", d->name);
        if ((uintptr_t)(data + at) % width)
            return mf_fail(error, MF_E_FORMAT, "'%.60s' lies at an odd address", d->name);
        at = d->end;
    }
    if (at != data_size)
        return mf_fail(error, MF_E_FORMAT, "%zu bytes of data, of which tensors take %llu", data_size,
                       (unsigned long long)at);
    return MF_OK;
}

const char *mf_file_setting(const mf_file *file, const char *key) {
    for (size_t i = 0; i < file->header.entry_count; i++)
        if (strcmp(file->header.entries[i].key, key) == 0) return file->header.entries[i].value;
    return NULL;
}

/* Finds the checksum's digits as they stand in the untouched header: the last thing that looks like the entry. */
static size_t find_checksum(const char *bytes, size_t header_end) {
    static const char key[] = "\"checksum\":\"";
    for (size_t i = header_end; i-- > MF_HEADER_AT;)
        if (header_end - i > sizeof key - 1 + CHECKSUM_DIGITS && memcmp(bytes + i, key, sizeof key - 1) == 0)
            return i + sizeof key - 1;
    return 0;
}

static mf_status check_format(const mf_file *file, const char *computed, int required, mf_error *error) {
    const char *format = mf_file_setting(file, "format"), *checksum = mf_file_setting(file, "checksum");
    if (!format || strncmp(format, "metaformer", 10) != 0) {
        if (required) return mf_fail(error, MF_E_FORMAT, "a .safetensors file, but not a Metaformer model");
        return MF_OK;
    }
    if (strcmp(format, MF_FILE_FORMAT) != 0)
        return mf_fail(error, MF_E_VERSION, "format '%.40s'; this version reads '%s'", format, MF_FILE_FORMAT);
    if (!checksum || strcmp(checksum, computed) != 0)
        return mf_fail(error, MF_E_CHECKSUM, "the checksum does not match: the file is damaged");
    return MF_OK;
}

/* ---- Opening ----------------------------------------------------------------------------------------------------- */

#define START_BYTES 10 /* of the smallest file: the header's size and {} */

static mf_status check_size(uint64_t size, mf_error *error) {
    if (size < START_BYTES)
        return mf_fail(error, MF_E_FORMAT, "%llu bytes: not a .safetensors file, or cut off", (unsigned long long)size);
    if (size > MF_MAX_FILE_BYTES)
        return mf_fail(error, MF_E_LIMIT, "%llu bytes; at most %llu are read", (unsigned long long)size,
                       (unsigned long long)MF_MAX_FILE_BYTES);
    return MF_OK;
}

static mf_status check_start(uint64_t size, const unsigned char *start, uint64_t *header_size, mf_error *error) {
    *header_size = 0;
    for (int i = MF_HEADER_AT - 1; i >= 0; i--) *header_size = *header_size << 8 | start[i];
    if (start[MF_HEADER_AT] != '{' || *header_size < 2) return mf_fail(error, MF_E_FORMAT, "not a .safetensors file");
    if (*header_size > size - MF_HEADER_AT)
        return mf_fail(error, MF_E_FORMAT,
                       "a header of %llu bytes in a file of %llu: it is cut off, or not a .safetensors file",
                       (unsigned long long)*header_size, (unsigned long long)size);
    if (*header_size > MF_MAX_HEADER_BYTES)
        return mf_fail(error, MF_E_LIMIT, "a header of %llu bytes; at most %llu are read",
                       (unsigned long long)*header_size, (unsigned long long)MF_MAX_HEADER_BYTES);
    return MF_OK;
}

/* Sets up the tensors; those of half precision are widened, in memory of their own. */
static mf_status make_tensors(mf_file *file, const unsigned char *data, mf_error *error) {
    size_t halves = 0;
    for (size_t i = 0; i < file->header.tensor_count; i++) {
        const mf_declaration *d = &file->header.tensors[i];
        if (d->dtype == MF_F16) halves += mf_round_up((d->end - d->begin) / sizeof(uint16_t), WIDENED_MULTIPLE);
    }
    if (halves && !(file->widened = mf_allocate_unset(&file->allocator, halves * sizeof(float))))
        return mf_fail(error, MF_E_NOMEM, "no memory for %zu numbers of half precision", halves);
    float *to = file->widened;
    for (size_t i = 0; i < file->header.tensor_count; i++) {
        const mf_declaration *d = &file->header.tensors[i];
        mf_tensor *tensor = &file->tensors[i];
        *tensor = (mf_tensor){d->name, d->dtype, d->rank, {0}, data + d->begin, d->end - d->begin};
        memcpy(tensor->dims, d->dims, sizeof tensor->dims);
        if (d->dtype != MF_F16) continue;
        size_t count = tensor->bytes / sizeof(uint16_t);
        mf_half_widen(tensor->data, count, to);
        tensor->dtype = MF_F32, tensor->data = to, tensor->bytes = count * sizeof(float);
        to += mf_round_up(count, WIDENED_MULTIPLE);
    }
    return MF_OK;
}

/* Reads the header of file->bytes, and sets up the tensors. */
static mf_status index_file(mf_file *file, int required, mf_error *error) {
    uint64_t header_size;
    MF_TRY(check_start(file->size, file->bytes, &header_size, error));
    char *text = (char *)file->bytes + MF_HEADER_AT, computed[CHECKSUM_DIGITS + 1] = "";
    size_t digits = find_checksum((char *)file->bytes, MF_HEADER_AT + header_size);
    if (digits) sum_bytes(file->bytes, file->size, digits, computed);
    size_t most = mf_header_count(text, header_size), tensors = most < MF_MAX_TENSORS ? most : MF_MAX_TENSORS,
           entries = most < MF_MAX_ENTRIES ? most : MF_MAX_ENTRIES;
    file->declarations = mf_allocate(&file->allocator, tensors * sizeof *file->declarations);
    file->header.entries = mf_allocate(&file->allocator, entries * sizeof *file->header.entries);
    file->tensors = mf_allocate(&file->allocator, tensors * sizeof *file->tensors);
    file->header.tensors = file->declarations;
    if (!file->declarations || !file->header.entries || !file->tensors)
        return mf_fail(error, MF_E_NOMEM, "no memory for a header");
    MF_TRY(mf_header_read(text, header_size, &file->header, error));
    const unsigned char *data = file->bytes + MF_HEADER_AT + header_size;
    MF_TRY(order_tensors(file, error));
    MF_TRY(check_layout(file, data, file->size - MF_HEADER_AT - header_size, error));
    MF_TRY(check_format(file, computed, required, error));
    return make_tensors(file, data, error);
}

static mf_status make_file(const mf_allocator *allocator, size_t size, mf_file **out_file, mf_error *error) {
    mf_allocator resolved;
    MF_TRY(mf_allocator_resolve(allocator, &resolved, error));
    mf_file *file = mf_allocate(&resolved, sizeof *file);
    if (!file) return mf_fail(error, MF_E_NOMEM, "no memory for a file");
    file->allocator = resolved;
    file->size = size;
    file->bytes = mf_allocate_unset(&resolved, size); /* filled whole, or thrown away */
    if (!file->bytes) {
        mf_file_release(file);
        return mf_fail(error, MF_E_NOMEM, "no memory for a file of %zu bytes", size);
    }
    *out_file = file;
    return MF_OK;
}

/* Nothing is allocated for what cannot be a file. */
static mf_status read_start(const mf_reader *reader, mf_error *error) {
    unsigned char start[START_BYTES];
    uint64_t header_size;
    if (reader->read(reader->opaque, 0, start, sizeof start) != 0)
        return mf_fail(error, MF_E_IO, "the start cannot be read");
    return check_start(reader->size, start, &header_size, error);
}

/* Reads the bytes, has them verified, and only then looks at them. */
static mf_status read_bytes(mf_file *file, const mf_reader *reader, const mf_file_options *options, mf_error *error) {
    if (reader->read(reader->opaque, 0, file->bytes, file->size) != 0)
        return mf_fail(error, MF_E_IO, "%zu bytes cannot be read", file->size);
    if (options->verify && options->verify(options->opaque, file->bytes, file->size) != 0)
        return mf_fail(error, MF_E_SIGNATURE, "the host does not accept the file's %zu bytes", file->size);
    return index_file(file, options->required, error);
}

mf_status mf_file_open_reader(const mf_reader *reader, const mf_file_options *options, mf_file **out_file,
                              mf_error *error) {
    MF_TRY(check_size(reader->size, error));
    if (!options->verify) MF_TRY(read_start(reader, error));
    mf_file *file = NULL;
    MF_TRY(make_file(options->allocator, (size_t)reader->size, &file, error));
    mf_status status = read_bytes(file, reader, options, error);
    if (status != MF_OK) {
        mf_file_release(file);
        return status;
    }
    *out_file = file;
    return MF_OK;
}

static int read_memory(void *opaque, uint64_t offset, void *buffer, size_t bytes) {
    memcpy(buffer, (const unsigned char *)opaque + offset, bytes);
    return 0;
}

mf_status mf_file_open_memory_with(const void *data, size_t size, const mf_file_options *options, mf_file **out_file,
                                   mf_error *error) {
    if (!data || !out_file) return mf_fail(error, MF_E_INVALID, "mf_file_open_memory: NULL argument");
    union {
        const void *read;
        void *opaque;
    } bytes = {data};
    mf_reader reader = {sizeof reader, bytes.opaque, size, read_memory};
    return mf_file_open_reader(&reader, options, out_file, error);
}

/* Fills bytes from a descriptor, however few a read gives. */
static int read_descriptor(void *opaque, uint64_t offset, void *buffer, size_t bytes) {
    const int *descriptor = opaque;
    for (size_t at = 0; at < bytes;) {
        ssize_t n = pread(*descriptor, (char *)buffer + at, bytes - at, (off_t)(offset + at));
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) {
            if (n == 0) errno = EIO; /* shorter than fstat said */
            return -1;
        }
        at += (size_t)n;
    }
    return 0;
}

static mf_status read_file(int descriptor, const mf_file_options *options, mf_file **out_file, mf_error *error) {
    struct stat info;
    if (fstat(descriptor, &info) != 0) return mf_fail(error, MF_E_IO, "%s", strerror(errno));
    if (!S_ISREG(info.st_mode)) return mf_fail(error, MF_E_IO, "not a regular file");
    mf_reader reader = {sizeof reader, &descriptor, (uint64_t)info.st_size, read_descriptor};
    errno = 0;
    mf_status status = mf_file_open_reader(&reader, options, out_file, error);
    return status == MF_E_IO && errno ? mf_fail(error, status, "%s", strerror(errno)) : status;
}

mf_status mf_file_open_with(const char *path, const mf_file_options *options, mf_file **out_file, mf_error *error) {
    if (!path || !out_file) return mf_fail(error, MF_E_INVALID, "mf_file_open: NULL argument");
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) return mf_fail(error, MF_E_IO, "%.120s: %s", path, strerror(errno));
    mf_error cause = {.struct_size = sizeof cause};
    mf_status status = read_file(descriptor, options, out_file, &cause);
    close(descriptor);
    return status == MF_OK ? MF_OK : mf_fail(error, status, "%.120s: %s", path, cause.text);
}

mf_status mf_file_open(const char *path, mf_file **out_file, mf_error *error) {
    return mf_file_open_with(path, &(mf_file_options){.allocator = NULL}, out_file, error);
}

mf_status mf_file_open_memory(const void *data, size_t size, mf_file **out_file, mf_error *error) {
    return mf_file_open_memory_with(data, size, &(mf_file_options){.allocator = NULL}, out_file, error);
}

void mf_file_release(mf_file *file) {
    if (!file) return;
    mf_allocator allocator = file->allocator;
    void *parts[] = {file->bytes,          file->widened,      file->tensors, file->declarations,
                     file->header.entries, file->names.places, file};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) mf_free(&allocator, parts[i]);
}

size_t mf_file_tensor_count(const mf_file *file) {
    return file->header.tensor_count;
}
size_t mf_file_size(const mf_file *file) {
    return file->size;
}
const mf_tensor *mf_file_tensor(const mf_file *file, size_t index) {
    return index < file->header.tensor_count ? &file->tensors[index] : NULL;
}
mf_dtype mf_file_dtype(const mf_file *file, size_t index) {
    return index < file->header.tensor_count ? file->header.tensors[index].dtype : 0;
}
size_t mf_file_entry_count(const mf_file *file) {
    return file->header.entry_count;
}
const mf_entry *mf_file_entry(const mf_file *file, size_t index) {
    return index < file->header.entry_count ? &file->header.entries[index] : NULL;
}

const mf_tensor *mf_file_find(const mf_file *file, const char *name) {
    return mf_file_tensor(file, mf_names_find(&file->names, name));
}

/* ---- Writing ----------------------------------------------------------------------------------------------------- */

/* A file to be written. */
typedef struct plan {
    mf_tensor *tensors; /* in the file's order and with the bytes that they take there; data of halves are floats yet */
    size_t tensor_count;
    char *start; /* all before their data */
    size_t start_size;
} plan;

/* The wide elements first: narrow ones of any number may then follow without moving them to odd addresses. */
static mf_status order_by_width(const mf_tensor *tensors, size_t count, mf_tensor *ordered, mf_error *error) {
    static const mf_dtype order[] = {MF_F32, MF_F16, MF_U8};
    size_t placed = 0;
    for (size_t k = 0; k < sizeof order / sizeof *order; k++)
        for (size_t i = 0; i < count; i++) {
            if (tensors[i].dtype != order[k]) continue;
            mf_tensor *tensor = &ordered[placed++];
            *tensor = tensors[i];
            if (tensor->dtype == MF_F16) tensor->bytes = tensor->bytes / sizeof(float) * sizeof(uint16_t);
        }
    return placed == count ? MF_OK : mf_fail(error, MF_E_INVALID, "mf_file_write: a tensor is of no known type");
}

/* Writes the header, with zeros for the checksum. */
static mf_status plan_file(const mf_tensor *tensors, const mf_entry *entries, size_t entry_count,
                           const mf_allocator *allocator, plan *p, mf_error *error) {
    size_t all_count = 0;
    mf_entry *all = mf_allocate(allocator, (entry_count + 2) * sizeof *all);
    p->tensors = mf_allocate(allocator, p->tensor_count * sizeof *p->tensors);
    mf_status status = all && p->tensors ? order_by_width(tensors, p->tensor_count, p->tensors, error)
                                         : mf_fail(error, MF_E_NOMEM, "no memory to write a file");
    if (status == MF_OK) {
        all[all_count++] = (mf_entry){"format", MF_FILE_FORMAT};
        for (size_t i = 0; i < entry_count; i++)
            if (strcmp(entries[i].key, "format") != 0 && strcmp(entries[i].key, "checksum") != 0)
                all[all_count++] = entries[i];
        all[all_count++] = (mf_entry){"checksum", no_checksum};
        status =
            mf_header_write(p->tensors, p->tensor_count, all, all_count, allocator, &p->start, &p->start_size, error);
    }
    mf_free(allocator, all);
    MF_TRY(status);
    size_t size = p->start_size;
    for (size_t i = 0; i < p->tensor_count; i++) size += p->tensors[i].bytes;
    if (size > MF_MAX_FILE_BYTES || p->start_size - MF_HEADER_AT > MF_MAX_HEADER_BYTES)
        return mf_fail(error, MF_E_LIMIT, "a file of %zu bytes, %zu of them before the data, is too large", size,
                       p->start_size);
    return MF_OK;
}

/* Rounds a few numbers at a time: a tensor is never whole in half precision. */
static mf_status send_halves(const mf_tensor *tensor, const mf_writer *writer, mf_error *error) {
    uint16_t halves[4096];
    const float *values = tensor->data;
    for (size_t left = tensor->bytes / sizeof *halves, n; left; left -= n, values += n) {
        n = left < sizeof halves / sizeof *halves ? left : sizeof halves / sizeof *halves;
        size_t taken = mf_half_narrow(values, n, halves);
        if (taken < n)
            return mf_fail(error, MF_E_LIMIT, "'%.60s' holds %g, which half precision does not: 65504 is its largest",
                           tensor->name, (double)values[taken]);
        if (writer->write(writer->opaque, halves, n * sizeof *halves) != 0)
            return mf_fail(error, MF_E_IO, "'%.60s' cannot be written", tensor->name);
    }
    return MF_OK;
}

/* Hands the whole file to a writer. */
static mf_status send_file(const plan *p, const mf_writer *writer, mf_error *error) {
    if (writer->write(writer->opaque, p->start, p->start_size) != 0)
        return mf_fail(error, MF_E_IO, "the header cannot be written");
    for (size_t i = 0; i < p->tensor_count; i++) {
        const mf_tensor *tensor = &p->tensors[i];
        if (tensor->dtype == MF_F16)
            MF_TRY(send_halves(tensor, writer, error));
        else if (tensor->bytes && writer->write(writer->opaque, tensor->data, tensor->bytes) != 0)
            return mf_fail(error, MF_E_IO, "'%.60s' cannot be written", tensor->name);
    }
    return MF_OK;
}

static int add_to_checksum(void *state, const void *bytes, size_t count) {
    return XXH3_128bits_update(state, bytes, count) != XXH_OK;
}

/* Puts the checksum into the header. */
static mf_status sum_file(const plan *p, mf_error *error) {
    XXH3_state_t state;
    checksum_start(&state);
    MF_TRY(send_file(p, &(mf_writer){sizeof(mf_writer), &state, add_to_checksum}, error));
    char checksum[CHECKSUM_DIGITS + 1];
    checksum_text(&state, checksum);
    memcpy(p->start + find_checksum(p->start, p->start_size), checksum, CHECKSUM_DIGITS);
    return MF_OK;
}

/* The checksum stands before what it sums: all goes by twice, first to be summed, then to be written. */
mf_status mf_file_write_to_with(const mf_writer *writer, const mf_tensor *tensors, size_t tensor_count,
                                const mf_entry *entries, size_t entry_count, const mf_allocator *allocator,
                                mf_error *error) {
    if ((!tensors && tensor_count) || (!entries && entry_count))
        return mf_fail(error, MF_E_INVALID, "mf_file_write: NULL argument");
    if (tensor_count > MF_MAX_TENSORS || entry_count + 2 > MF_MAX_ENTRIES)
        return mf_fail(error, MF_E_LIMIT, "over %d tensors or entries", MF_MAX_TENSORS);
    mf_writer own;
    MF_TRY(mf_writer_read(writer, &own, error));
    if (!own.write) return mf_fail(error, MF_E_INVALID, "mf_writer: needs its function");
    mf_allocator resolved;
    MF_TRY(mf_allocator_resolve(allocator, &resolved, error));
    plan plan = {.tensor_count = tensor_count};
    mf_status status = plan_file(tensors, entries, entry_count, &resolved, &plan, error);
    if (status == MF_OK) status = sum_file(&plan, error);
    if (status == MF_OK) status = send_file(&plan, &own, error);
    mf_free(&resolved, plan.tensors);
    mf_free(&resolved, plan.start);
    return status;
}

mf_status mf_file_write_to(const mf_writer *writer, const mf_tensor *tensors, size_t tensor_count,
                           const mf_entry *entries, size_t entry_count, mf_error *error) {
    return mf_file_write_to_with(writer, tensors, tensor_count, entries, entry_count, NULL, error);
}

/* ---- Writing to disk --------------------------------------------------------------------------------------------- */

typedef struct target {
    int descriptor, cause; /* cause: why it could not be written to, an errno */
} target;

static int write_target(void *opaque, const void *bytes, size_t count) {
    target *target = opaque;
    for (size_t at = 0; at < count;) {
        ssize_t n = write(target->descriptor, (const char *)bytes + at, count - at);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) {
            target->cause = errno;
            return -1;
        }
        at += (size_t)n;
    }
    return 0;
}

/* A signal is no failure. */
static int sync_descriptor(int descriptor) {
    int result;
    while ((result = fsync(descriptor)) != 0 && errno == EINTR) continue;
    return result;
}

/* Makes a rename last: the folder's own entry has to reach the disk too. */
static int sync_folder(const char *path) {
    char copy[4096];
    snprintf(copy, sizeof copy, "%s", path);
    int folder = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0) return -1;
    int result = sync_descriptor(folder), cause = errno;
    close(folder);
    errno = cause;
    return result;
}

mf_status mf_file_write_with(const char *path, const mf_tensor *tensors, size_t tensor_count, const mf_entry *entries,
                             size_t entry_count, const mf_allocator *allocator, mf_error *error) {
    if (!path) return mf_fail(error, MF_E_INVALID, "mf_file_write: NULL argument");
    char temporary[4096];
    mf_temporary_sweep(path);
    target target = {mf_temporary_make(path, temporary, sizeof temporary), 0};
    if (target.descriptor < 0) return mf_fail(error, MF_E_IO, "%.120s: %s", path, strerror(errno));
    mf_error e = {.struct_size = sizeof e};
    mf_writer writer = {sizeof writer, &target, write_target};
    mf_status status = mf_file_write_to_with(&writer, tensors, tensor_count, entries, entry_count, allocator, &e);
    if (status == MF_E_IO) status = mf_fail(&e, MF_E_IO, "%s", strerror(target.cause));
    if (status == MF_OK && (fchmod(target.descriptor, 0644) != 0 || sync_descriptor(target.descriptor) != 0))
        status = mf_fail(&e, MF_E_IO, "%s", strerror(errno));
    if (close(target.descriptor) != 0 && errno != EINTR && status == MF_OK)
        status = mf_fail(&e, MF_E_IO, "%s", strerror(errno));
    if (status == MF_OK && rename(temporary, path) != 0) status = mf_fail(&e, MF_E_IO, "%s", strerror(errno));
    if (status != MF_OK)
        unlink(temporary);
    else if (sync_folder(path) != 0)
        status = mf_fail(&e, MF_E_IO, "written, but a power cut may undo it: %s", strerror(errno));
    return status == MF_OK ? MF_OK : mf_fail(error, status, "%.120s: %s", path, e.text);
}

mf_status mf_file_write(const char *path, const mf_tensor *tensors, size_t tensor_count, const mf_entry *entries,
                        size_t entry_count, mf_error *error) {
    return mf_file_write_with(path, tensors, tensor_count, entries, entry_count, NULL, error);
}
