/*
 * A host that forks after an inspection on two threads: a child is told what it lacks, and one thread works there.
 *
 *     host MODEL
 */
#define _POSIX_C_SOURCE 200809L

#include <metaformer.h>

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WIDTH = 80, HEIGHT = 60, SECONDS = 60 };

static unsigned char pixels[WIDTH * HEIGHT];

static int fail(const char *what) {
    fprintf(stderr, "host: %s\n", what);
    return 1;
}

static mf_status inspect(mf_context *context, float *score) {
    mf_image frame = {sizeof frame, MF_PIXEL_MONO8, WIDTH, HEIGHT, WIDTH, pixels};
    mf_result result = MF_INIT(mf_result);
    mf_status status = mf_inspect(context, &frame, NULL, NULL, &result);
    *score = result.score;
    return status;
}

static mf_status create(const mf_model *model, int threads, mf_context **context, mf_error *error) {
    mf_context_options options = MF_INIT(mf_context_options);
    options.threads = threads;
    return mf_context_create(model, &options, context, error);
}

static int child(const mf_model *model, mf_context *two, mf_context *one, float expected) {
    mf_error error = MF_INIT(mf_error);
    mf_context *own = NULL;
    float score = 0;
    alarm(SECONDS); /* what hangs ends by a signal */
    if (inspect(two, &score) != MF_E_STATE || !strstr(mf_context_error(two), "fork"))
        return fail("a context of two threads is let go on");
    if (create(model, 2, &own, &error) != MF_E_STATE || !strstr(error.text, "fork")) return fail("one is created");
    if (inspect(one, &score) || score != expected) return fail("the parent's context of one thread does not work");
    if (create(model, 1, &own, &error) || inspect(own, &score) || score != expected)
        return fail("a context of one thread does not work");
    mf_context_release(own);
    mf_context_release(two);
    return 0;
}

int main(int argument_count, char **arguments) {
    mf_error error = MF_INIT(mf_error);
    mf_model *model = NULL;
    mf_context *two = NULL, *one = NULL;
    float expected = 0, score = 0;
    int status = 0;
    if (argument_count != 2) return 2;
    if (mf_model_open_file(arguments[1], NULL, &model, &error)) return fail(error.text);
    if (create(model, 2, &two, &error) || create(model, 1, &one, &error)) return fail(error.text);
    if (inspect(two, &expected)) return fail(mf_context_error(two));
    pid_t process = fork();
    if (process == 0) _exit(child(model, two, one, expected));
    if (process < 0 || waitpid(process, &status, 0) != process || status) return fail("the child failed, or hung");
    if (inspect(two, &score) || score != expected) return fail("the parent was harmed");
    printf("same score\n");
    return 0;
}
