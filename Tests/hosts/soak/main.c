/*
 * A line that runs for weeks, in short: inspections and adaptations of one process.
 *
 *     host MODEL INSPECTIONS ADAPTATIONS
 *
 * Prints the quantiles of the inspections' times, how late a time limit ended one, and by how much memory, descriptors and
 * threads grew after the first twentieth. Fails where memory grew by more than 1 MiB, where descriptors or threads did, where
 * the same frame got another score, or where two threads that share a processor are far slower than one.
 */
#define _GNU_SOURCE
#include "../host.h"

#include <dirent.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { SIDE = 64, FRAMES = 3, LIMITED = 200 };

static unsigned char pixels[FRAMES][SIDE * SIDE];
static mf_image frames[FRAMES];

static uint64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000U + (uint64_t)t.tv_nsec;
}

static long entries(const char *path) {
    DIR *folder = opendir(path);
    long count = 0;
    while (folder && readdir(folder)) count++;
    if (folder) closedir(folder);
    return count;
}

typedef struct usage {
    long kib, descriptors, threads;
} usage;

static usage measure(void) {
    long total = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (!file || fscanf(file, "%ld %ld", &total, &resident) != 2) fail("no /proc");
    fclose(file);
    return (usage){resident * (sysconf(_SC_PAGESIZE) / 1024), entries("/proc/self/fd"), entries("/proc/self/task")};
}

static void report(const char *what, usage from) {
    usage to = measure();
    printf("%s: memory grew by %ld KiB, descriptors by %ld, threads by %ld\n", what, to.kib - from.kib,
           to.descriptors - from.descriptors, to.threads - from.threads);
    if (to.kib - from.kib > 1024 || to.descriptors != from.descriptors || to.threads != from.threads) fail("it grows");
}

static int ascending(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static void inspect_many(const mf_model *model, size_t count) {
    mf_context *context = NULL;
    float scores[FRAMES];
    if (mf_context_create(model, NULL, &context, NULL)) fail("no context");
    uint64_t *times = malloc(count * sizeof *times);
    if (!times) fail("no memory");
    memset(times, 1, count * sizeof *times); /* resident from the start */
    usage start = measure();
    for (size_t i = 0; i < count; i++) {
        mf_result result = MF_INIT(mf_result);
        if (i == count / 20) start = measure();
        if (mf_inspect(context, &frames[i % FRAMES], NULL, NULL, &result)) fail(mf_context_error(context));
        if (i < FRAMES) scores[i] = result.score;
        if (memcmp(&scores[i % FRAMES], &result.score, sizeof result.score) != 0) fail("another score");
        times[i] = result.elapsed_ns;
    }
    report("inspections", start);
    qsort(times, count, sizeof *times, ascending);
    printf("%zu inspections: p50 %.3f ms, p99 %.3f ms, p99.9 %.3f ms, longest %.3f ms\n", count,
           (double)times[count / 2] / 1e6, (double)times[count * 99 / 100] / 1e6,
           (double)times[count * 999 / 1000] / 1e6, (double)times[count - 1] / 1e6);
    /* Limits of a part of what an inspection takes: how long after the limit it returns. */
    uint64_t typical = times[count / 2], late[LIMITED];
    size_t ended = 0;
    for (uint64_t i = 0; i < LIMITED; i++) {
        mf_result result = MF_INIT(mf_result);
        uint64_t limit = 1 + typical * i / LIMITED;
        if (mf_context_set_time_limit(context, limit)) fail("no limit");
        uint64_t begin = now();
        mf_status status = mf_inspect(context, &frames[0], NULL, NULL, &result);
        uint64_t took = now() - begin;
        if (status == MF_E_DEADLINE) late[ended++] = took > limit ? took - limit : 0;
        if (status != MF_OK && status != MF_E_DEADLINE) fail(mf_context_error(context));
    }
    qsort(late, ended, sizeof *late, ascending);
    if (!ended) fail("no limit was kept");
    printf("%zu time limits: returned %.3f ms late (p50), %.3f ms (longest)\n", ended, (double)late[ended / 2] / 1e6,
           (double)late[ended - 1] / 1e6);
    mf_context_release(context);
    free(times);
}

static void confine(const cpu_set_t *processors) {
    DIR *folder = opendir("/proc/self/task");
    if (!folder) fail("no /proc");
    for (const struct dirent *entry; (entry = readdir(folder)) != NULL;)
        if (entry->d_name[0] != '.' && sched_setaffinity(atoi(entry->d_name), sizeof *processors, processors))
            fail("a thread cannot be confined to a processor");
    closedir(folder);
}

/* Two threads on one processor, as where others hold the rest: a loop must not wait for a thread that is not running. */
static void share_a_processor(const mf_model *model) {
    enum { RUNS = 101 };
    uint64_t times[2][RUNS];
    cpu_set_t all, one;
    if (sched_getaffinity(0, sizeof all, &all)) fail("no affinity");
    CPU_ZERO(&one);
    CPU_SET(sched_getcpu(), &one);
    for (int32_t threads = 1; threads <= 2; threads++) {
        mf_context_options options = MF_INIT(mf_context_options);
        mf_context *context = NULL;
        options.threads = threads;
        if (mf_context_create(model, &options, &context, NULL)) fail("no context");
        for (int i = -1; i < RUNS; i++) {
            mf_result result = MF_INIT(mf_result);
            if (mf_inspect(context, &frames[0], NULL, NULL, &result)) fail(mf_context_error(context));
            if (i < 0)
                confine(&one); /* now that all threads are there */
            else
                times[threads - 1][i] = result.elapsed_ns;
        }
        confine(&all);
        mf_context_release(context);
        qsort(times[threads - 1], RUNS, sizeof **times, ascending);
    }
    uint64_t alone = times[0][RUNS / 2], shared = times[1][RUNS / 2];
    printf("on one processor: %.3f ms by one thread, %.3f ms by two (p50)\n", (double)alone / 1e6,
           (double)shared / 1e6);
    if (shared > 4 * alone) fail("threads wait for each other's turns");
}

static mf_model *adapt(const mf_model *model, int32_t seed) {
    mf_adapt_options options = MF_INIT(mf_adapt_options);
    mf_error error = MF_INIT(mf_error);
    mf_model *adapted = NULL;
    if (mf_model_setting(model, "adapt.epochs")) options.epochs = 1, options.seed = (uint64_t)seed;
    if (mf_adapt(model, frames, FRAMES, &options, &adapted, &error)) fail(error.text);
    return adapted;
}

int main(int count, char **arguments) {
    mf_error error = MF_INIT(mf_error);
    mf_model *model = NULL;
    if (count != 4) return 2;
    size_t inspections = strtoull(arguments[2], NULL, 10), adaptations = strtoull(arguments[3], NULL, 10);
    if (inspections < 100 || adaptations < 20) fail("100 inspections and 20 adaptations at least");
    for (int i = 0; i < FRAMES; i++) frames[i] = textured_frame(i, SIDE, pixels[i]);
    if (mf_model_open_file(arguments[1], NULL, &model, &error)) fail(error.text);
    mf_model *adapted = adapt(model, 0);
    inspect_many(adapted, inspections);
    share_a_processor(adapted);
    usage start = measure();
    for (size_t i = 0; i < adaptations; i++) {
        if (i == adaptations / 4) start = measure();
        mf_model_release(adapt(model, (int32_t)i));
    }
    printf("%zu ", adaptations);
    report("adaptations", start);
    mf_model_release(adapted);
    mf_model_release(model);
    return 0;
}
