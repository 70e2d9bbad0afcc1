/*
 * A host that opens signed models only: Ed25519, by OpenSSL.
 *
 *     host MODEL SIGNATURE KEY OTHER_KEY
 *
 * The model is opened by its key, from a file, from memory and by a reader. Refused, before anything of it is looked at, is
 * every file of which a byte is not as it was signed, be it a model still or not; and everything by another key.
 */
#include "../host.h"

#include <openssl/evp.h>
#include <openssl/pem.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static unsigned char *read_file(const char *path, size_t *size) {
    FILE *file = fopen(path, "rb");
    unsigned char *bytes = malloc(1 << 20);
    if (!file || !bytes) fail(path);
    *size = fread(bytes, 1, 1 << 20, file);
    if (!feof(file)) fail("a file of over 1 MiB");
    fclose(file);
    return bytes;
}

/* What verify is handed. */
typedef struct signature {
    EVP_PKEY *key;
    unsigned char *bytes;
    size_t size;
    int calls;
} signature;

static int verify(void *opaque, const void *bytes, size_t size) {
    signature *s = opaque;
    s->calls++;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    int is_good = context && EVP_DigestVerifyInit(context, NULL, NULL, NULL, s->key) == 1 &&
                  EVP_DigestVerify(context, s->bytes, s->size, bytes, size) == 1;
    EVP_MD_CTX_free(context);
    return is_good ? 0 : 1;
}

static EVP_PKEY *read_key(const char *path) {
    FILE *file = fopen(path, "r");
    EVP_PKEY *key = file ? PEM_read_PUBKEY(file, NULL, NULL, NULL) : NULL;
    if (!key) fail(path);
    fclose(file);
    return key;
}

static int read_bytes(void *opaque, uint64_t offset, void *buffer, size_t count) {
    memcpy(buffer, (const char *)opaque + offset, count);
    return 0;
}

/* Memory is counted: parsing takes more pieces than the handle and the bytes. */
static int pieces;
static void *take(void *opaque, size_t size, size_t alignment) {
    (void)opaque;
    pieces++;
    return aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
}
static void release(void *opaque, void *block) {
    (void)opaque;
    free(block);
}

int main(int count, char **arguments) {
    if (count != 5) return 2;
    size_t size;
    signature s = {.key = read_key(arguments[3])};
    unsigned char *model = read_file(arguments[1], &size);
    s.bytes = read_file(arguments[2], &s.size);
    mf_allocator allocator = {sizeof allocator, NULL, take, release};
    mf_open_options options = MF_INIT(mf_open_options);
    options.allocator = &allocator, options.verify = verify, options.opaque = &s;
    mf_error error = MF_INIT(mf_error);
    mf_model *opened[3] = {NULL, NULL, NULL}, *none = NULL;
    mf_reader reader = {sizeof reader, model, size, read_bytes};
    if (mf_model_open_file(arguments[1], &options, &opened[0], &error)) fail(error.text);
    if (mf_model_open_memory(model, size, &options, &opened[1], &error)) fail(error.text);
    if (mf_model_open_reader(&reader, &options, &opened[2], &error)) fail(error.text);
    if (s.calls != 3) fail("verify is not called once a file");

    int refused = 0;
    for (size_t i = 0; i < size; i += i < 2048 ? 1 : 499, refused++) {
        model[i] ^= 1;
        pieces = 0;
        if (mf_model_open_memory(model, size, &options, &none, &error) != MF_E_SIGNATURE) fail(error.text);
        if (pieces > 2) fail("a refused file was looked at");
        model[i] ^= 1;
    }
    /* Neither the host's mistakes nor bytes that are no model reach what reads models. */
    if (mf_model_open_memory("no model at all", 15, &options, &none, &error) != MF_E_SIGNATURE) fail(error.text);
    if (mf_model_open_memory(model, size - 1, &options, &none, &error) != MF_E_SIGNATURE) fail(error.text);
    if (!strstr(error.text, "does not accept")) fail(error.text);
    EVP_PKEY_free(s.key);
    s.key = read_key(arguments[4]);
    if (mf_model_open_file(arguments[1], &options, &none, &error) != MF_E_SIGNATURE) fail(error.text);
    if (!strstr(error.text, arguments[1])) fail(error.text);
    if (none) fail("an out-parameter was touched");
    for (int i = 0; i < 3; i++) mf_model_release(opened[i]);
    EVP_PKEY_free(s.key);
    free(model), free(s.bytes);
    printf("signed: opened; %d changed: refused\n", refused);
    return 0;
}
