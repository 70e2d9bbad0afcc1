/*
 * The same bits, whatever the threads and whatever the host set.
 *
 *     host MODEL FOLDER FRAMES    with - for FOLDER: the threads of the host alone, also as the library's pool
 *
 * 1, 2, 3, 4, 8 and 16 threads adapt to the same model, and inspect with the same score and map; 32 threads of the host that share
 * a model, each with a context of its own, get over FRAMES frames each what one thread gets; so does a host that flushes denormals
 * or rounds otherwise, whose control word is as it was after each call, and one that signals interrupt while it saves.
 */
#define _GNU_SOURCE
#include "../host.h"

#include <fenv.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

enum { SIDE = 64, FRAMES = 5, HOST_THREADS = 32 };

static unsigned char pixels[FRAMES][SIDE * SIDE];
static mf_image frames[FRAMES];
static uint64_t expected[FRAMES];
static mf_model *adapted;
static size_t rounds;
static atomic_int wrong;

/* The library's work by threads of the host's, as ThreadSanitizer knows them. */
typedef struct task {
    void (*work)(void *, size_t);
    void *argument;
    size_t index;
} task;

static void *run_task(void *opaque) {
    task *t = opaque;
    t->work(t->argument, t->index);
    return NULL;
}

static void run_tasks(void *opaque, size_t count, void (*work)(void *, size_t), void *argument) {
    (void)opaque;
    pthread_t threads[HOST_THREADS];
    task tasks[HOST_THREADS];
    if (count > HOST_THREADS) fail("more tasks than threads");
    for (size_t i = 0; i < count; i++) {
        tasks[i] = (task){work, argument, i};
        if (i && pthread_create(&threads[i], NULL, run_task, &tasks[i])) fail("no thread");
    }
    if (count) run_task(&tasks[0]);
    for (size_t i = 1; i < count; i++) pthread_join(threads[i], NULL);
}

static const mf_thread_pool host_pool = {sizeof host_pool, NULL, run_tasks};
static const mf_thread_pool *pool; /* NULL for the library's own */

static mf_model *adapt(const mf_model *model, int threads) {
    mf_adapt_options options = MF_INIT(mf_adapt_options);
    mf_error error = MF_INIT(mf_error);
    mf_model *made = NULL;
    options.threads = threads, options.pool = pool;
    if (mf_model_setting(model, "adapt.epochs")) options.epochs = 2, options.batch = 2, options.seed = 7;
    if (mf_adapt(model, frames, FRAMES, &options, &made, &error)) fail(error.text);
    return made;
}

/* Score and map in a number. */
static uint64_t inspect(mf_context *context, int frame) {
    uint64_t hash = FNV_START;
    float *values = malloc(SIDE * SIDE * sizeof *values);
    mf_map map = {sizeof map, SIDE, SIDE, SIDE * sizeof *values, values};
    mf_result result = MF_INIT(mf_result);
    if (mf_inspect(context, &frames[frame], NULL, &map, &result)) fail(mf_context_error(context));
    add_bytes(&hash, &result.score, sizeof result.score);
    add_bytes(&hash, values, SIDE * SIDE * sizeof *values);
    free(values);
    return hash;
}

static mf_context *create(int threads) {
    mf_context_options options = MF_INIT(mf_context_options);
    mf_context *context = NULL;
    options.threads = threads, options.pool = pool;
    if (mf_context_create(adapted, &options, &context, NULL)) fail("no context");
    return context;
}

static void inspect_all(int threads, const char *what) {
    mf_context *context = create(threads);
    for (int i = 0; i < FRAMES; i++)
        if (inspect(context, i) != expected[i]) fail(what);
    mf_context_release(context);
}

static void *work(void *opaque) {
    (void)opaque;
    mf_context *context = create(1);
    for (size_t i = 0; i < rounds; i++)
        if (inspect(context, (int)(i % FRAMES)) != expected[i % FRAMES]) atomic_store(&wrong, 1);
    mf_context_release(context);
    return NULL;
}

#if defined(__x86_64__)
/* A control word of the host's: it changes no result, and stays. */
static void check_control(const mf_model *model, unsigned cleared, unsigned bits, const char *what) {
    unsigned own = _mm_getcsr();
    _mm_setcsr((own & ~(0xe07fu | cleared)) | bits);
    unsigned before = _mm_getcsr() & ~0x3fu; /* but for the flags of what happened */
    mf_model *made = adapt(model, 2);
    unsigned after_adapting = _mm_getcsr() & ~0x3fu;
    mf_context *context = create(2);
    uint64_t found = inspect(context, 0);
    unsigned after = _mm_getcsr() & ~0x3fu;
    mf_context_release(context);
    _mm_setcsr(own);
    int same = model_digest(made) == model_digest(adapted) && found == expected[0];
    mf_model_release(made);
    if (after != before || after_adapting != before) fail("the control word was changed");
    if (!same) fail("other bits by the host's control word");
    printf("%s: the control word stays, the same bits\n", what);
}
#endif

static atomic_int signals;

static void note(int signal) {
    (void)signal;
    atomic_fetch_add(&signals, 1);
}

static void check_signals(const char *folder) {
    char path[4096];
    struct sigaction action = {.sa_handler = note}; /* without SA_RESTART */
    struct itimerval often = {{0, 200}, {0, 200}}, never = {{0, 0}, {0, 0}};
    uint64_t bits = model_digest(adapted);
    snprintf(path, sizeof path, "%s/saved", folder);
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &often, NULL);
    for (int i = 0; i < 50; i++) {
        mf_error error = MF_INIT(mf_error);
        mf_model *read = NULL;
        if (mf_model_save(adapted, path, &error) || mf_model_open_file(path, NULL, &read, &error)) fail(error.text);
        if (model_digest(read) != bits) fail("a file that signals interrupted");
        mf_model_release(read);
    }
    setitimer(ITIMER_REAL, &never, NULL);
    printf("50 files saved and read under %d signals\n", atomic_load(&signals));
    if (!atomic_load(&signals)) fail("no signal came");
}

int main(int count, char **arguments) {
    static const int threads[] = {1, 2, 3, 4, 8, 16};
    mf_error error = MF_INIT(mf_error);
    mf_model *model = NULL;
    if (count != 4) return 2;
    rounds = strtoull(arguments[3], NULL, 10);
    for (int i = 0; i < FRAMES; i++) frames[i] = textured_frame(i, SIDE, pixels[i]);
    if (mf_model_open_file(arguments[1], NULL, &model, &error)) fail(error.text);
    adapted = adapt(model, 1);
    mf_context *context = create(1);
    for (int i = 0; i < FRAMES; i++) expected[i] = inspect(context, i);
    mf_context_release(context);
    int alone = strcmp(arguments[2], "-") == 0; /* the host's threads alone, no pool of the library's */
    if (alone) pool = &host_pool;
    for (size_t i = 0; i < sizeof threads / sizeof *threads; i++) {
        mf_model *made = adapt(model, threads[i]);
        if (model_digest(made) != model_digest(adapted)) fail("another model by other threads");
        mf_model_release(made);
        inspect_all(threads[i], "another map by other threads");
    }
    printf("1, 2, 3, 4, 8, 16 threads%s: the same bits\n", alone ? " of the host's pool" : "");
    pool = NULL;
    pthread_t workers[HOST_THREADS];
    for (int i = 0; i < HOST_THREADS; i++)
        if (pthread_create(&workers[i], NULL, work, NULL)) fail("no thread");
    for (int i = 0; i < HOST_THREADS; i++) pthread_join(workers[i], NULL);
    if (atomic_load(&wrong)) fail("other bits by threads that share a model");
    printf("%d threads of the host x %zu frames: the same bits\n", HOST_THREADS, rounds);
    if (alone) return 0;
#if defined(__x86_64__)
    check_control(model, 0, 0x8040, "denormals flushed");
    check_control(model, 0, 0x2000, "rounding down");
    check_control(model, 0, 0x4000, "rounding up");
    check_control(model, 0, 0x6000, "rounding to zero");
    check_control(model, 0x780, 0, "traps for what is no number, denormals, division by zero and overflow");
#endif
    check_signals(arguments[2]);
    mf_model_release(adapted);
    mf_model_release(model);
    return 0;
}
