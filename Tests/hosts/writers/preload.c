/*
 * Stands in front of the C library's calls in a program that it is loaded into (LD_PRELOAD), and lets one of them fail: of those that
 * concern files below a folder, the n-th call of a name gives an error, is interrupted, or does a part.
 *
 *     FAULT_FOLDER   the folder, an absolute path without links
 *     FAULT          name, n and errno, as in "write 3 28"; errno 0: a part is done
 *     FAULT_HIT      a file that is made when it happens
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#define REAL(type, name, ...) (((type(*)(__VA_ARGS__))dlsym(RTLD_NEXT, #name)))

static int is_within(const char *path) {
    const char *folder = getenv("FAULT_FOLDER");
    return folder && strncmp(path, folder, strlen(folder)) == 0;
}

static int is_open_within(int descriptor) {
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return is_within(path);
}

/* Whether this call is the one; its errno in *error. */
static int fails(const char *call, int *error) {
    static atomic_int count;
    const char *fault = getenv("FAULT"), *hit = getenv("FAULT_HIT");
    char name[32];
    int at;
    if (!fault || !hit || sscanf(fault, "%31s %d %d", name, &at, error) != 3 || strcmp(name, call) != 0) return 0;
    if (atomic_fetch_add(&count, 1) + 1 != at) return 0;
    int descriptor = REAL(int, open, const char *, int, ...)(hit, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    if (descriptor >= 0) REAL(int, close, int)(descriptor);
    errno = *error;
    return 1;
}

static int fails_on(int descriptor, const char *call) {
    int kept = errno, error = 0;
    if (is_open_within(descriptor) && fails(call, &error) && error) return 1;
    errno = kept;
    return 0;
}

/* Whether a call that moves so many bytes fails; where it does a part, *count is that part. */
static int fails_or_does_part(int descriptor, const char *call, size_t *count) {
    int kept = errno, error = 0;
    if (is_open_within(descriptor) && fails(call, &error)) {
        if (error) return 1;
        *count = *count > 1 ? *count / 2 : *count;
    }
    errno = kept;
    return 0;
}

ssize_t write(int descriptor, const void *bytes, size_t count) {
    if (fails_or_does_part(descriptor, "write", &count)) return -1;
    return REAL(ssize_t, write, int, const void *, size_t)(descriptor, bytes, count);
}

ssize_t read(int descriptor, void *bytes, size_t count) {
    if (fails_or_does_part(descriptor, "read", &count)) return -1;
    return REAL(ssize_t, read, int, void *, size_t)(descriptor, bytes, count);
}

ssize_t pread(int descriptor, void *bytes, size_t count, off_t from) {
    if (fails_or_does_part(descriptor, "pread", &count)) return -1;
    return REAL(ssize_t, pread, int, void *, size_t, off_t)(descriptor, bytes, count, from);
}

int fsync(int descriptor) {
    return fails_on(descriptor, "fsync") ? -1 : REAL(int, fsync, int)(descriptor);
}

int fchmod(int descriptor, mode_t mode) {
    return fails_on(descriptor, "fchmod") ? -1 : REAL(int, fchmod, int, mode_t)(descriptor, mode);
}

int close(int descriptor) {
    int failed = fails_on(descriptor, "close"), cause = errno;
    int result = REAL(int, close, int)(descriptor); /* Linux closes it in any case */
    if (failed) errno = cause;
    return failed ? -1 : result;
}

int rename(const char *from, const char *to) {
    int error = 0;
    return is_within(to) && fails("rename", &error) ? -1 : REAL(int, rename, const char *, const char *)(from, to);
}

int link(const char *from, const char *to) {
    int error = 0;
    return is_within(to) && fails("link", &error) ? -1 : REAL(int, link, const char *, const char *)(from, to);
}

int mkstemp(char *name) {
    int error = 0;
    return is_within(name) && fails("mkstemp", &error) ? -1 : REAL(int, mkstemp, char *)(name);
}
