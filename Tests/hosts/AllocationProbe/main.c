/*
 * A host program that counts every allocation of its process, the C library's and the OpenMP runtime's included, while
 * it inspects frames with a model, one by one and in batches:
 *
 *     allocation-probe MODEL WIDTH HEIGHT THREADS
 *
 * prints how many there were once it had begun, in ten rounds, and what share of a processor its threads took while they
 * waited afterwards, in percent. What the threads do in the rounds lies between the calls of getppid: whoever traces system
 * calls can tell.
 */
#define _POSIX_C_SOURCE 200809L

#include <metaformer.h>

#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { ROUNDS = 10, BATCH = 2 };

/* glibc's own entry points, which the definitions below stand in front of. */
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *pointer, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);

static atomic_int counting;
static atomic_long allocations;

static void count(void) {
    if (atomic_load(&counting)) atomic_fetch_add(&allocations, 1);
}

void *malloc(size_t size) {
    count();
    return __libc_malloc(size);
}
void *calloc(size_t n, size_t size) {
    count();
    return __libc_calloc(n, size);
}
void *realloc(void *pointer, size_t size) {
    count();
    return __libc_realloc(pointer, size);
}
void *aligned_alloc(size_t alignment, size_t size) {
    count();
    return __libc_memalign(alignment, size);
}
int posix_memalign(void **pointer, size_t alignment, size_t size) {
    count();
    *pointer = __libc_memalign(alignment, size);
    return *pointer ? 0 : 12; /* ENOMEM */
}

static int fail(const char *text) {
    fprintf(stderr, "allocation-probe: %s\n", text);
    return 1;
}

static double seconds(clockid_t clock) {
    struct timespec time;
    clock_gettime(clock, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

/* Of a processor that the process's threads take while it has nothing to do, for a tenth of a second. */
static double idle_percent(void) {
    double start = seconds(CLOCK_MONOTONIC), used = seconds(CLOCK_PROCESS_CPUTIME_ID);
    nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
    used = seconds(CLOCK_PROCESS_CPUTIME_ID) - used;
    return 100 * used / (seconds(CLOCK_MONOTONIC) - start);
}

int main(int argument_count, char **arguments) {
    if (argument_count != 5) return fail("usage: allocation-probe MODEL WIDTH HEIGHT THREADS");
    int width = atoi(arguments[2]), height = atoi(arguments[3]);
    mf_error error = {.struct_size = sizeof error};
    mf_model *model;
    mf_context *context;
    if (mf_model_open_file(arguments[1], NULL, &model, &error)) return fail(error.text);
    mf_context_options options = {.struct_size = sizeof options, .threads = atoi(arguments[4])};
    if (mf_context_create(model, &options, &context, &error)) return fail(error.text);
    if (mf_context_set_threshold(context, INFINITY)) return fail(mf_context_error(context)); /* it knows no product */
    size_t size = (size_t)width * (size_t)height;
    unsigned char *pixels = malloc(size), *marks = malloc(size);
    float *map = malloc(size * sizeof *map);
    if (!pixels || !marks || !map) return fail("no memory");

    mf_image frames[BATCH];
    mf_mask masks[BATCH];
    mf_map maps[BATCH];
    mf_result results[BATCH];
    memset(marks, 1, size);
    memset(results, 0, sizeof results);
    for (int i = 0; i < BATCH; i++) {
        frames[i] = (mf_image){sizeof *frames, MF_PIXEL_MONO8, width, height, width, pixels};
        masks[i] = (mf_mask){sizeof *masks, width, height, width, marks};
        maps[i] = (mf_map){sizeof *maps, width, height, width * (ptrdiff_t)sizeof *map, map};
        results[i].struct_size = sizeof *results;
    }
    size_t done = 0;
    for (int run = 0; run <= ROUNDS; run++) {
        memset(pixels, run, size);
        if (mf_inspect(context, frames, NULL, maps, results)) return fail(mf_context_error(context));
        if (mf_inspect_batch(context, frames, masks, maps, results, BATCH, &done))
            return fail(mf_context_error(context));
        if (run == 0) {
            atomic_store(&counting, 1);
            getppid();
        }
    }
    getppid();
    /* The probe counts at all: */
    free(malloc(1));
    atomic_store(&counting, 0);
    printf("%ld %.0f\n", atomic_load(&allocations) - 1, idle_percent());
    free(pixels);
    free(marks);
    free(map);
    mf_context_release(context);
    mf_model_release(model);
    return 0;
}
