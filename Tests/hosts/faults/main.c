/*
 * What fails in the middle: memory, and files.
 *
 *     host memory MODEL FOLDER STEP   the n-th allocation gives nothing, once and from then on, in opening, creating a context,
 *                                     adapting, calibrating and saving, for every STEP-th n
 *     host files MODEL FOLDER         the n-th call of read, write, fsync, close, rename and others fails, is interrupted, or
 *                                     does a part, in opening and saving
 *
 * Each must end with the status that says so, leave no memory and no file behind, and leave the objects that it was given as they
 * were: what they do next gives the same bits. A file that was there is there still. Prints how many faults there were.
 */
#define _GNU_SOURCE
#include "../host.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SIDE = 64, FRAMES = 3 };

#define CHECK(condition, ...)                                                                                          \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            fprintf(stderr, "host: " __VA_ARGS__);                                                                     \
            fprintf(stderr, "\n");                                                                                     \
            exit(1);                                                                                                   \
        }                                                                                                              \
    } while (0)

/* ---- Memory that runs out ---------------------------------------------------------------------------------------- */

static struct {
    size_t live, calls, refused; /* refused: the number of the call that gets nothing, or 0 */
    int for_ever;
} memory;

static int memory_ran_out;

static void *take(void *opaque, size_t size, size_t alignment) {
    (void)opaque;
    size_t call = ++memory.calls;
    if (memory.refused && (call == memory.refused || (memory.for_ever && call > memory.refused))) {
        memory_ran_out = 1;
        return NULL;
    }
    size_t *block = aligned_alloc(alignment, size + alignment);
    CHECK(block, "the machine has no memory");
    *block = size;
    memory.live += size;
    return (char *)block + alignment;
}

static void give_back(void *opaque, void *pointer) {
    (void)opaque;
    if (!pointer) return;
    size_t *block = (size_t *)(void *)((char *)pointer - 64); /* the library asks for cache lines */
    memory.live -= *block;
    free(block);
}

static void arm(size_t call, int for_ever) {
    memory_ran_out = 0, memory.calls = 0, memory.refused = call, memory.for_ever = for_ever;
}

/* ---- Files that fail --------------------------------------------------------------------------------------------- */

/* These stand in front of the C library's, for the library too. */
static struct {
    const char *call; /* which one fails; NULL for none */
    size_t at, count;
    int error; /* 0: a part is done, where it is a read or a write */
    int hit;
} fault;

static int fails(const char *call) {
    if (!fault.call || strcmp(fault.call, call) != 0 || ++fault.count != fault.at) return 0;
    fault.hit = 1;
    errno = fault.error;
    return 1;
}

#define REAL(type, name, ...) (((type(*)(__VA_ARGS__))dlsym(RTLD_NEXT, #name)))

ssize_t write(int descriptor, const void *bytes, size_t count) {
    if (fails("write")) {
        if (fault.error) return -1;
        count = count > 1 ? count / 2 : count;
    }
    return REAL(ssize_t, write, int, const void *, size_t)(descriptor, bytes, count);
}
ssize_t pread(int descriptor, void *bytes, size_t count, off_t at) {
    if (fails("pread")) {
        if (fault.error) return -1;
        count = count > 1 ? count / 2 : count;
    }
    return REAL(ssize_t, pread, int, void *, size_t, off_t)(descriptor, bytes, count, at);
}
int fsync(int descriptor) {
    return fails("fsync") ? -1 : REAL(int, fsync, int)(descriptor);
}
int fchmod(int descriptor, mode_t mode) {
    return fails("fchmod") ? -1 : REAL(int, fchmod, int, mode_t)(descriptor, mode);
}
int rename(const char *from, const char *to) {
    return fails("rename") ? -1 : REAL(int, rename, const char *, const char *)(from, to);
}
int mkstemp(char *name) {
    return fails("mkstemp") ? -1 : REAL(int, mkstemp, char *)(name);
}
int close(int descriptor) {
    int result = REAL(int, close, int)(descriptor); /* Linux closes it in any case */
    return fails("close") ? -1 : result;
}

/* ---- What is done ------------------------------------------------------------------------------------------------ */

static const mf_allocator allocator = {sizeof allocator, NULL, take, give_back};
static mf_open_options opening = {.struct_size = sizeof opening, .allocator = &allocator};
static unsigned char pixels[FRAMES][SIDE * SIDE];
static mf_image frames[FRAMES];
static const char *model_path;
static char saved_path[4096];
static int gradient;

static mf_status open_model(mf_model **out) {
    return mf_model_open_file(model_path, &opening, out, NULL);
}

static mf_status create(const mf_model *model, mf_context **out) {
    mf_context_options options = MF_INIT(mf_context_options);
    options.threads = 1;
    return mf_context_create(model, &options, out, NULL);
}

static mf_status adapt(const mf_model *model, mf_model **out) {
    mf_adapt_options options = MF_INIT(mf_adapt_options);
    options.threads = 1;
    if (gradient) options.epochs = 1, options.batch = 2;
    return mf_adapt(model, frames, FRAMES, &options, out, NULL);
}

static mf_status calibrate(const mf_model *model, mf_model **out) {
    mf_calibrate_options options = MF_INIT(mf_calibrate_options);
    options.threads = 1, options.false_alarm_rate = 0.3f;
    return mf_calibrate(model, frames, FRAMES, &options, out, NULL);
}

/* A score's bits; nothing is allocated for it. */
static uint32_t inspect(mf_context *context) {
    mf_result result = MF_INIT(mf_result);
    uint32_t bits;
    size_t before = memory.calls;
    CHECK(mf_inspect(context, &frames[1], NULL, NULL, &result) == MF_OK, "%s", mf_context_error(context));
    CHECK(memory.calls == before, "an inspection allocates");
    memcpy(&bits, &result.score, sizeof bits);
    return bits;
}

static uint64_t inspect_by(const mf_model *model) {
    mf_context *context = NULL;
    CHECK(create(model, &context) == MF_OK, "a context cannot be created");
    uint32_t bits = inspect(context);
    mf_context_release(context);
    return bits;
}

typedef enum { OPEN, CONTEXT, ADAPT, CALIBRATE, SAVE, STAGES } stage;
static const char *const names[] = {"open", "context", "adapt", "calibrate", "save"};

/* Does a stage; what came of it as a number, where it succeeds. */
static mf_status run(stage s, const mf_model *universal, const mf_model *adapted, uint64_t *out) {
    mf_model *model = NULL;
    mf_context *context = NULL;
    mf_status status = MF_OK;
    switch (s) {
    case OPEN:
        status = open_model(&model);
        break;
    case CONTEXT:
        status = create(adapted, &context);
        break;
    case ADAPT:
        status = adapt(universal, &model);
        break;
    case CALIBRATE:
        status = calibrate(adapted, &model);
        break;
    case SAVE:
        status = mf_model_save(adapted, saved_path, NULL);
        break;
    default:
        break;
    }
    CHECK(status == MF_OK || (!model && !context), "an out-parameter is set by a failure");
    memory.refused = 0;
    if (status == MF_OK) *out = model ? model_digest(model) : context ? inspect(context) : model_digest(adapted);
    mf_model_release(model);
    mf_context_release(context);
    return status;
}

static void check_memory(size_t step) {
    mf_model *universal = NULL, *adapted = NULL;
    CHECK(open_model(&universal) == MF_OK && adapt(universal, &adapted) == MF_OK, "the model cannot be adapted");
    uint64_t score = inspect_by(adapted), bits = model_digest(adapted);
    size_t live = memory.live;
    for (stage s = OPEN; s < STAGES; s++) {
        uint64_t expected, found;
        arm(0, 0);
        CHECK(run(s, universal, adapted, &expected) == MF_OK, "%s fails", names[s]);
        size_t faults = 0;
        for (int for_ever = 0; for_ever < 2; for_ever++)
            for (size_t n = 1;; n += step) {
                arm(n, for_ever);
                mf_status status = run(s, universal, adapted, &found);
                CHECK(memory.live == live, "%s, allocation %zu: %zu bytes are left", names[s], n, memory.live - live);
                if (status == MF_OK) {
                    CHECK(!memory_ran_out, "%s, allocation %zu: a fault goes unnoticed", names[s], n);
                    CHECK(found == expected, "%s, allocation %zu: other bits", names[s], n);
                    break;
                }
                CHECK(status == MF_E_NOMEM, "%s, allocation %zu: %s", names[s], n, mf_status_name(status));
                faults++;
            }
        arm(0, 0);
        CHECK(run(s, universal, adapted, &found) == MF_OK && found == expected, "%s: other bits afterwards", names[s]);
        CHECK(inspect_by(adapted) == score && model_digest(adapted) == bits, "%s harms the model", names[s]);
        printf("%s: %zu faults\n", names[s], faults);
    }
    mf_model_release(universal);
    mf_model_release(adapted);
    CHECK(!memory.live, "%zu bytes are left", memory.live);
}

/* The digest of a file, and that it is alone in its folder. */
static uint64_t file_digest(const char *folder) {
    mf_model *model = NULL;
    CHECK(mf_model_open_file(saved_path, NULL, &model, NULL) == MF_OK, "the file is not whole");
    uint64_t bits = model_digest(model);
    mf_model_release(model);
    DIR *entries = opendir(folder);
    int count = 0;
    for (struct dirent *e; entries && (e = readdir(entries));) count += e->d_name[0] != '.' || strlen(e->d_name) > 2;
    if (entries) closedir(entries);
    CHECK(count == 1, "%d files in the folder", count);
    return bits;
}

static void check_files(const char *folder) {
    static const char *const calls[] = {"mkstemp", "write", "fchmod", "fsync", "close", "rename"};
    static const int errors[] = {EIO, ENOSPC, EINTR, 0};
    mf_model *old = NULL, *new = NULL, *model = NULL;
    size_t faults = 0, survived = 0;
    CHECK(open_model(&old) == MF_OK && adapt(old, &new) == MF_OK, "the model cannot be adapted");
    uint64_t before = model_digest(old), after = model_digest(new);
    for (size_t c = 0; c < sizeof calls / sizeof *calls; c++)
        for (size_t e = 0; e < sizeof errors / sizeof *errors; e++)
            for (size_t n = 1;; n++) {
                mf_error error = MF_INIT(mf_error);
                if (errors[e] == 0 && strcmp(calls[c], "write") != 0) break;
                CHECK(mf_model_save(old, saved_path, &error) == MF_OK, "%s", error.text);
                fault.call = calls[c], fault.at = n, fault.count = 0, fault.error = errors[e], fault.hit = 0;
                mf_status status = mf_model_save(new, saved_path, &error);
                fault.call = NULL;
                if (!fault.hit) break;
                faults++, survived += status == MF_OK;
                uint64_t found = file_digest(folder);
                /* The folder is synced, and closed, after the file is in place. */
                int in_place = n > 1 && (strcmp(calls[c], "fsync") == 0 || strcmp(calls[c], "close") == 0);
                CHECK(found == (status == MF_OK || in_place ? after : before), "%s %zu, %s: another file", calls[c], n,
                      strerror(errors[e]));
                CHECK(status == MF_OK || (status == MF_E_IO && strstr(error.text, strerror(errors[e]))),
                      "%s %zu, %s: %s %s", calls[c], n, strerror(errors[e]), mf_status_name(status), error.text);
                CHECK(status == MF_OK || (errors[e] && (errors[e] != EINTR || strcmp(calls[c], "write") != 0)),
                      "%s %zu: what can go on does not", calls[c], n);
            }
    for (size_t e = 0; e < sizeof errors / sizeof *errors; e++)
        for (size_t n = 1;; n++) {
            size_t live = memory.live;
            fault.call = "pread", fault.at = n, fault.count = 0, fault.error = errors[e], fault.hit = 0;
            mf_status status = open_model(&model);
            fault.call = NULL;
            int expected = errors[e] == 0 || errors[e] == EINTR || !fault.hit ? MF_OK : MF_E_IO;
            CHECK((int)status == expected, "pread %zu, %s: %s", n, strerror(errors[e]), mf_status_name(status));
            if (status == MF_OK) {
                CHECK(model_digest(model) == before, "pread %zu: other bits", n);
                mf_model_release(model);
            }
            CHECK(memory.live == live, "pread %zu: memory is left", n);
            if (!fault.hit) break;
            faults++, survived += status == MF_OK;
        }
    mf_model_release(old);
    mf_model_release(new);
    printf("files: %zu faults, of which %zu were overcome\n", faults, survived);
}

int main(int count, char **arguments) {
    if (count < 4) return 2;
    model_path = arguments[2];
    snprintf(saved_path, sizeof saved_path, "%s/saved", arguments[3]);
    for (int i = 0; i < FRAMES; i++) frames[i] = textured_frame(i, SIDE, pixels[i]);
    mf_model *model = NULL;
    CHECK(open_model(&model) == MF_OK, "%s cannot be opened", model_path);
    gradient = mf_model_setting(model, "adapt.epochs") != NULL;
    mf_model_release(model);
    if (strcmp(arguments[1], "memory") == 0 && count == 5)
        check_memory(strtoull(arguments[4], NULL, 10));
    else if (strcmp(arguments[1], "files") == 0)
        check_files(arguments[3]);
    else
        return 2;
    return 0;
}
