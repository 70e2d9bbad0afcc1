/*
 * A host that has just been started: how long it takes from the model file to the first verdict, and what memory it
 * takes.
 *
 *     host MODEL
 *
 * prints milliseconds for opening, for the context and for the first inspection (of a synthetic grey frame of 640 x
 * 480), their sum, and the most memory that was resident, in MB.
 */
#define _POSIX_C_SOURCE 200809L

#include <metaformer.h>

#include <stdio.h>
#include <string.h>
#include <time.h>

enum { WIDTH = 640, HEIGHT = 480 };

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e3 + (double)time.tv_nsec * 1e-6;
}

/* The peak since the process began, MB; -1 where the system does not say. */
static double peak_memory(void) {
    char line[256];
    long kilobytes = -1;
    FILE *file = fopen("/proc/self/status", "r");
    while (file && fgets(line, sizeof line, file))
        if (sscanf(line, "VmHWM: %ld", &kilobytes) == 1) break;
    if (file) fclose(file);
    return (double)kilobytes / 1024;
}

int main(int argument_count, char **arguments) {
    static unsigned char pixels[WIDTH * HEIGHT];
    mf_error error = MF_INIT(mf_error);
    mf_image frame = {sizeof frame, MF_PIXEL_MONO8, WIDTH, HEIGHT, WIDTH, pixels};
    mf_result result = MF_INIT(mf_result);
    mf_model *model = NULL;
    mf_context *context = NULL;
    if (argument_count != 2) return 2;
    for (int i = 0; i < WIDTH * HEIGHT; i++) pixels[i] = (unsigned char)(i % 251);

    double start = now();
    if (mf_model_open_file(arguments[1], NULL, &model, &error)) {
        fprintf(stderr, "host: %s\n", error.text);
        return 1;
    }
    double opened = now();
    if (mf_context_create(model, NULL, &context, &error)) {
        fprintf(stderr, "host: %s\n", error.text);
        return 1;
    }
    if (mf_context_set_threshold(context, 1)) return 1; /* whether or not the model knows a product */
    double created = now();
    if (mf_inspect(context, &frame, NULL, NULL, &result)) {
        fprintf(stderr, "host: %s\n", mf_context_error(context));
        return 1;
    }
    double end = now();
    printf("open %.1f context %.1f inspect %.1f total %.1f ms, %.1f MB\n", opened - start, created - opened,
           end - created, end - start, peak_memory());
    mf_context_release(context);
    mf_model_release(model);
    return 0;
}
