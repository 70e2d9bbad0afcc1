#include "file/header.h"

#include "support/error.h"
#include "support/memory.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    size_t bytes;
} dtypes[] = {[MF_F32] = {"F32", 4}, [MF_F16] = {"F16", 2}, [MF_U8] = {"U8", 1}};

size_t mf_dtype_bytes(mf_dtype dtype) {
    return dtypes[dtype].bytes;
}

/* ---- Reading ----------------------------------------------------------------------------------------------------- */

typedef struct reader {
    char *at, *end;
    mf_error *error;
} reader;

#define READ_FAIL(...) mf_fail(r->error, MF_E_FORMAT, "header: " __VA_ARGS__)

static void skip_space(reader *r) {
    while (r->at < r->end && (*r->at == ' ' || *r->at == '\n' || *r->at == '\t' || *r->at == '\r')) r->at++;
}

/* Takes a character if it is next. */
static int take(reader *r, char c) {
    skip_space(r);
    if (r->at == r->end || *r->at != c) return 0;
    r->at++;
    return 1;
}

static mf_status expect(reader *r, char c) {
    if (take(r, c)) return MF_OK;
    return READ_FAIL("'%c' expected", c);
}

static int hex_digits(const char *text, unsigned *value) {
    *value = 0;
    for (int i = 0; i < 4; i++) {
        char c = text[i];
        unsigned digit = c >= '0' && c <= '9'   ? (unsigned)(c - '0')
                         : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a' + 10)
                         : c >= 'A' && c <= 'F' ? (unsigned)(c - 'A' + 10)
                                                : 16;
        if (digit == 16) return 0;
        *value = *value * 16 + digit;
    }
    return 1;
}

/* \u escapes below the surrogates, as UTF-8; three bytes at most, where the escape had six. */
static char *put_code(char *to, unsigned code) {
    if (code < 0x80)
        *to++ = (char)code;
    else if (code < 0x800)
        *to++ = (char)(0xc0 | code >> 6), *to++ = (char)(0x80 | (code & 0x3f));
    else
        *to++ = (char)(0xe0 | code >> 12), *to++ = (char)(0x80 | (code >> 6 & 0x3f)),
        *to++ = (char)(0x80 | (code & 0x3f));
    return to;
}

/* A string, unescaped where it stands and terminated there. */
static mf_status read_string(reader *r, const char **out_text) {
    MF_TRY(expect(r, '"'));
    char *to = r->at;
    *out_text = to;
    while (r->at < r->end && *r->at != '"') {
        char c = *r->at++;
        if ((unsigned char)c < 0x20) return READ_FAIL("control character in a string");
        if (c == '\\') {
            if (r->at == r->end) break;
            static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
            const char *found = strchr(names, c = *r->at++);
            unsigned code;
            if (found && *found)
                c = values[found - names];
            else if (c == 'u' && r->end - r->at >= 4 && hex_digits(r->at, &code) && code &&
                     (code < 0xd800 || code > 0xdfff)) {
                r->at += 4;
                to = put_code(to, code);
                continue;
            } else
                return READ_FAIL("unknown escape in a string");
        }
        *to++ = c;
    }
    if (r->at == r->end) return READ_FAIL("unfinished string");
    r->at++;
    *to = 0;
    return MF_OK;
}

static mf_status read_integer(reader *r, uint64_t *out_value) {
    skip_space(r);
    char *start = r->at;
    uint64_t value = 0;
    while (r->at < r->end && *r->at >= '0' && *r->at <= '9') {
        if (value > (UINT64_MAX - 9) / 10) return READ_FAIL("number too large");
        value = value * 10 + (uint64_t)(*r->at++ - '0');
    }
    if (r->at == start) return READ_FAIL("number expected");
    *out_value = value;
    return MF_OK;
}

static mf_status read_integers(reader *r, uint64_t *values, size_t room, size_t *out_count) {
    MF_TRY(expect(r, '['));
    *out_count = 0;
    if (take(r, ']')) return MF_OK;
    do {
        if (*out_count == room) return READ_FAIL("over %zu numbers in a list", room);
        MF_TRY(read_integer(r, &values[(*out_count)++]));
    } while (take(r, ','));
    return expect(r, ']');
}

static mf_status read_tensor(reader *r, mf_declaration *d) {
    unsigned seen = 0;
    MF_TRY(expect(r, '{'));
    do {
        const char *key, *text;
        MF_TRY(read_string(r, &key));
        MF_TRY(expect(r, ':'));
        unsigned field = strcmp(key, "dtype") == 0          ? 1
                         : strcmp(key, "shape") == 0        ? 2
                         : strcmp(key, "data_offsets") == 0 ? 4
                                                            : 0;
        if (!field || seen & field) return READ_FAIL("'%.60s' has an unexpected '%.40s'", d->name, key);
        seen |= field;
        size_t count;
        uint64_t offsets[2];
        if (field == 1) {
            MF_TRY(read_string(r, &text));
            d->dtype = 0;
            for (mf_dtype t = MF_F32; t <= MF_F16; t++)
                if (strcmp(text, dtypes[t].name) == 0) d->dtype = t;
            if (!d->dtype)
                return mf_fail(r->error, MF_E_UNSUPPORTED, "'%.60s' is of type %.20s; F32, F16 and U8 are read",
                               d->name, text);
        } else if (field == 2) {
            MF_TRY(read_integers(r, d->dims, MF_TENSOR_MAX_RANK, &count));
            d->rank = (uint32_t)count;
        } else {
            MF_TRY(read_integers(r, offsets, 2, &count));
            if (count != 2) return READ_FAIL("'%.60s' has %zu data offsets", d->name, count);
            d->begin = offsets[0], d->end = offsets[1];
        }
    } while (take(r, ','));
    MF_TRY(expect(r, '}'));
    if (seen != 7) return READ_FAIL("'%.60s' lacks its type, shape or offsets", d->name);
    return MF_OK;
}

static mf_status read_metadata(reader *r, mf_header *header) {
    MF_TRY(expect(r, '{'));
    if (take(r, '}')) return MF_OK;
    do {
        if (header->entry_count == MF_MAX_ENTRIES)
            return mf_fail(r->error, MF_E_LIMIT, "over %d entries of metadata", MF_MAX_ENTRIES);
        mf_entry *entry = &header->entries[header->entry_count++];
        MF_TRY(read_string(r, &entry->key));
        MF_TRY(expect(r, ':'));
        MF_TRY(read_string(r, &entry->value));
    } while (take(r, ','));
    return expect(r, '}');
}

size_t mf_header_count(const char *text, size_t size) {
    size_t count = 1;
    for (size_t i = 0; i < size; i++) count += text[i] == ':';
    return count;
}

mf_status mf_header_read(char *text, size_t size, mf_header *header, mf_error *error) {
    reader reader = {text, text + size, error}, *r = &reader;
    header->tensor_count = header->entry_count = 0;
    int metadata = 0;
    MF_TRY(expect(r, '{'));
    if (!take(r, '}')) {
        do {
            const char *name;
            MF_TRY(read_string(r, &name));
            MF_TRY(expect(r, ':'));
            if (strcmp(name, "__metadata__") == 0) {
                if (metadata++) return READ_FAIL("metadata twice");
                MF_TRY(read_metadata(r, header));
                continue;
            }
            if (header->tensor_count == MF_MAX_TENSORS)
                return mf_fail(error, MF_E_LIMIT, "over %d tensors", MF_MAX_TENSORS);
            mf_declaration *d = &header->tensors[header->tensor_count];
            memset(d, 0, sizeof *d);
            d->name = name;
            MF_TRY(read_tensor(r, d));
            header->tensor_count++;
        } while (take(r, ','));
        MF_TRY(expect(r, '}'));
    }
    skip_space(r);
    return r->at == r->end ? MF_OK : READ_FAIL("text after its end");
}

/* ---- Writing ----------------------------------------------------------------------------------------------------- */

typedef struct writer {
    const mf_allocator *allocator;
    char *text;
    size_t size, room;
    int failed;
} writer;

static void put(writer *w, const char *text, size_t size) {
    if (w->failed) return;
    if (w->room - w->size < size) {
        size_t room = (w->room + size) * 2;
        char *grown = mf_allocate_unset(w->allocator, room);
        if (!grown) {
            w->failed = 1;
            return;
        }
        if (w->size) memcpy(grown, w->text, w->size);
        mf_free(w->allocator, w->text);
        w->text = grown, w->room = room;
    }
    memcpy(w->text + w->size, text, size);
    w->size += size;
}

static void put_text(writer *w, const char *text) {
    put(w, text, strlen(text));
}

static void put_number(writer *w, uint64_t value) {
    char digits[24];
    snprintf(digits, sizeof digits, "%" PRIu64, value);
    put_text(w, digits);
}

static void put_string(writer *w, const char *text) {
    put_text(w, "\"");
    for (; *text; text++) {
        char escaped[8];
        if (*text == '"' || *text == '\\')
            snprintf(escaped, sizeof escaped, "\\%c", *text);
        else if ((unsigned char)*text < 0x20)
            snprintf(escaped, sizeof escaped, "\\u%04x", (unsigned char)*text);
        else
            snprintf(escaped, sizeof escaped, "%c", *text);
        put_text(w, escaped);
    }
    put_text(w, "\"");
}

mf_status mf_header_write(const mf_tensor *tensors, size_t tensor_count, const mf_entry *entries, size_t entry_count,
                          const mf_allocator *allocator, char **out_start, size_t *out_size, mf_error *error) {
    writer w = {.allocator = allocator};
    put(&w, (char[MF_HEADER_AT]){0}, MF_HEADER_AT); /* room for the header's size */
    put_text(&w, "{\"__metadata__\":{");
    for (size_t i = 0; i < entry_count; i++) {
        if (i) put_text(&w, ",");
        put_string(&w, entries[i].key);
        put_text(&w, ":");
        put_string(&w, entries[i].value);
    }
    put_text(&w, "}");
    uint64_t offset = 0;
    for (size_t i = 0; i < tensor_count; i++) {
        put_text(&w, ",");
        put_string(&w, tensors[i].name);
        put_text(&w, ":{\"dtype\":");
        put_string(&w, dtypes[tensors[i].dtype].name);
        put_text(&w, ",\"shape\":[");
        for (uint32_t k = 0; k < tensors[i].rank; k++) {
            if (k) put_text(&w, ",");
            put_number(&w, tensors[i].dims[k]);
        }
        put_text(&w, "],\"data_offsets\":[");
        put_number(&w, offset);
        put_text(&w, ",");
        put_number(&w, offset += tensors[i].bytes);
        put_text(&w, "]}");
    }
    put_text(&w, "}");
    while (!w.failed && w.size % 64) put_text(&w, " ");
    if (w.failed) {
        mf_free(allocator, w.text);
        return mf_fail(error, MF_E_NOMEM, "no memory for a header");
    }
    for (size_t i = 0; i < MF_HEADER_AT; i++) w.text[i] = (char)((w.size - MF_HEADER_AT) >> (8 * i) & 0xff);
    *out_start = w.text;
    *out_size = w.size;
    return MF_OK;
}
