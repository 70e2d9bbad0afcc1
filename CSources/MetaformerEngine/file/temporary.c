/* Temporary files: locked as long as their process lives, and removed by a later save where it was killed. */
#define _DEFAULT_SOURCE /* flock */
#include <metaformer/engine.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define PREFIX ".metaformer-"
#define LETTERS ".XXXXXX"
#define MOST_OF_NAME 200 /* bytes: with these around it it fits any file system's 255 */

/* Whether a name of a folder still stands for the file that is open. */
static int is_named(int folder, const char *name, int descriptor) {
    struct stat open_file, named;
    return fstat(descriptor, &open_file) == 0 && fstatat(folder, name, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
           open_file.st_ino == named.st_ino && open_file.st_dev == named.st_dev;
}

/* The end of a path's last name, from the start of a character on. */
static const char *short_name(const char *path) {
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    size_t size = strlen(name);
    if (size > MOST_OF_NAME) name += size - MOST_OF_NAME;
    while ((*name & 0xC0) == 0x80) name++;
    return name;
}

int mf_temporary_make(const char *path, char *name, size_t room) {
    char copy[4096];
    if (snprintf(copy, sizeof copy, "%s", path) >= (int)sizeof copy) {
        errno = ENAMETOOLONG;
        return -1;
    }
    const char *folder = dirname(copy);
    for (;;) {
        if ((size_t)snprintf(name, room, "%s/" PREFIX "%s" LETTERS, folder, short_name(path)) >= room) {
            errno = ENAMETOOLONG;
            return -1;
        }
        int descriptor = mkstemp(name);
        if (descriptor < 0) return -1;
        /* A file system that has no locks keeps what is left on it. */
        while (flock(descriptor, LOCK_EX) != 0 && errno == EINTR) continue;
        if (is_named(AT_FDCWD, name, descriptor)) return descriptor;
        close(descriptor); /* a sweep came between the two calls */
    }
}

/* Removes a file of the caller's own user that no process has locked. */
static void remove_abandoned(int folder, const char *name) {
    struct stat status;
    int descriptor = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (descriptor < 0) return;
    if (fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode) && status.st_uid == geteuid() &&
        flock(descriptor, LOCK_EX | LOCK_NB) == 0 && is_named(folder, name, descriptor))
        unlinkat(folder, name, 0);
    close(descriptor);
}

void mf_temporary_sweep(const char *path) {
    char copy[4096];
    if (snprintf(copy, sizeof copy, "%s", path) >= (int)sizeof copy) return;
    DIR *folder = opendir(dirname(copy));
    if (!folder) return;
    for (struct dirent *entry; (entry = readdir(folder));) {
        size_t size = strlen(entry->d_name), least = sizeof PREFIX LETTERS - 1;
        if (size >= least && strncmp(entry->d_name, PREFIX, sizeof PREFIX - 1) == 0 &&
            entry->d_name[size - (sizeof LETTERS - 1)] == '.')
            remove_abandoned(dirfd(folder), entry->d_name);
    }
    closedir(folder);
}
