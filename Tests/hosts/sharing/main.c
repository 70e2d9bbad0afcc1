/*
 * A host that uses one context from two threads at once: the second is refused, and told why; the first goes on.
 *
 *     host MODEL
 */
#define _POSIX_C_SOURCE 200809L

#include <metaformer.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WIDTH = 80, HEIGHT = 60 };

static unsigned char pixels[WIDTH * HEIGHT];
static mf_context *context;
static int tries, refusals;

static int fail(const char *what) {
    fprintf(stderr, "host: %s\n", what);
    return 1;
}

static mf_status inspect(void) {
    mf_image frame = {sizeof frame, MF_PIXEL_MONO8, WIDTH, HEIGHT, WIDTH, pixels};
    mf_result result = MF_INIT(mf_result);
    return mf_inspect(context, &frame, NULL, NULL, &result);
}

/* Tries all calls of a context while another thread is in one. */
static void *intrude(void *unused) {
    size_t size = 0, done = 0;
    float score = 0;
    mf_scores scores = MF_INIT(mf_scores);
    mf_result result = MF_INIT(mf_result);
    mf_image frame = {sizeof frame, MF_PIXEL_MONO8, WIDTH, HEIGHT, WIDTH, pixels};
    mf_status all[] = {inspect(),
                       mf_inspect_batch(context, &frame, NULL, NULL, &result, 1, &done),
                       mf_context_set_threshold(context, 1),
                       mf_context_set_time_limit(context, 1),
                       mf_context_plane(context, "map", NULL, &size),
                       mf_context_scores(context, &scores),
                       mf_context_score_quantile(context, 0.5, &score),
                       mf_context_reset_scores(context)};
    (void)unused;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        tries++;
        if (all[i] == MF_E_STATE && strstr(mf_context_error(context), "in use")) refusals++;
    }
    return NULL;
}

static void run(void *opaque, size_t count, void (*work)(void *, size_t), void *argument) {
    pthread_t thread;
    (void)opaque;
    if (!tries && pthread_create(&thread, NULL, intrude, NULL) == 0) pthread_join(thread, NULL);
    for (size_t i = 0; i < count; i++) work(argument, i);
}

int main(int argument_count, char **arguments) {
    mf_error error = MF_INIT(mf_error);
    mf_thread_pool pool = {sizeof pool, NULL, run};
    mf_context_options options = MF_INIT(mf_context_options);
    mf_scores scores = MF_INIT(mf_scores);
    mf_model *model = NULL;
    options.threads = 2, options.pool = &pool;
    if (argument_count != 2) return 2;
    if (mf_model_open_file(arguments[1], NULL, &model, &error)) return fail(error.text);
    tries = 1; /* not while the context is being made */
    if (mf_context_create(model, &options, &context, &error)) return fail(error.text);
    tries = 0;
    if (inspect()) return fail(mf_context_error(context));
    if (!tries || refusals != tries) return fail("a call was let in");
    if (inspect() || mf_context_scores(context, &scores) || scores.count != 2) return fail("the context was harmed");
    if (*mf_context_error(context)) return fail("the text of another thread");
    printf("%d refused\n", refusals);
    mf_context_release(context);
    mf_model_release(model);
    return 0;
}
