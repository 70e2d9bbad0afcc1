/*
 * A host that loads and unloads the library 1,000 times, as plug-in systems do, and inspects a frame each time.
 *
 *     host LIBRARY MODEL
 *
 * fails where, after a warm-up, its memory grows by more than 64 KiB or its threads become more.
 */
#define _POSIX_C_SOURCE 200809L

#include <metaformer.h>

#include <dirent.h>
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WIDTH = 80, HEIGHT = 60, WARM_UP = 50, ROUNDS = 1000 };

static int fail(const char *what) {
    fprintf(stderr, "host: %s\n", what);
    return 1;
}

/* Memory that the process has written to, KiB. Pages of the library's file are left out: they are its own or not as other processes
   come and go, and dirty or not as the file was just installed. */
static long own_memory(void) {
    char line[256];
    long total = 0, value;
    FILE *file = fopen("/proc/self/smaps_rollup", "r");
    if (!file) return -1;
    while (fgets(line, sizeof line, file))
        if (sscanf(line, "Anonymous: %ld", &value) == 1) total += value;
    fclose(file);
    return total;
}

static int thread_count(void) {
    int count = 0;
    DIR *folder = opendir("/proc/self/task");
    if (!folder) return -1;
    for (struct dirent *entry; (entry = readdir(folder));) count += entry->d_name[0] != '.';
    closedir(folder);
    return count;
}

/* ISO C has no conversion from an object pointer to a function's. */
#define LOAD(library, name)                                                                                            \
    do {                                                                                                               \
        void *symbol = dlsym(library, #name);                                                                          \
        if (!symbol) return fail("no " #name);                                                                         \
        memcpy(&name##_p, &symbol, sizeof symbol);                                                                     \
    } while (0)

static int visit(const char *path, const char *model_path, unsigned *out_bits) {
    static unsigned char pixels[WIDTH * HEIGHT];
    mf_status (*mf_model_open_file_p)(const char *, const mf_allocator *, mf_model **, mf_error *);
    mf_status (*mf_context_create_p)(const mf_model *, const mf_context_options *, mf_context **, mf_error *);
    mf_status (*mf_context_set_threshold_p)(mf_context *, float);
    mf_status (*mf_inspect_p)(mf_context *, const mf_image *, const mf_mask *, mf_map *, mf_result *);
    void (*mf_context_release_p)(mf_context *);
    void (*mf_model_release_p)(mf_model *);
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!library) return fail(dlerror());
    LOAD(library, mf_model_open_file);
    LOAD(library, mf_context_create);
    LOAD(library, mf_context_set_threshold);
    LOAD(library, mf_inspect);
    LOAD(library, mf_context_release);
    LOAD(library, mf_model_release);

    mf_error error = MF_INIT(mf_error);
    mf_context_options options = {.struct_size = sizeof options, .threads = 2};
    mf_image frame = {sizeof frame, MF_PIXEL_MONO8, WIDTH, HEIGHT, WIDTH, pixels};
    mf_result result = MF_INIT(mf_result);
    mf_model *model = NULL;
    mf_context *context = NULL;
    for (int i = 0; i < WIDTH * HEIGHT; i++) pixels[i] = (unsigned char)(i % 251);
    if (mf_model_open_file_p(model_path, NULL, &model, &error)) return fail(error.text);
    if (mf_context_create_p(model, &options, &context, &error)) return fail(error.text);
    if (mf_context_set_threshold_p(context, 1)) return fail("mf_context_set_threshold"); /* it knows no product */
    if (mf_inspect_p(context, &frame, NULL, NULL, &result)) return fail("mf_inspect");
    mf_context_release_p(context);
    mf_model_release_p(model);
    memcpy(out_bits, &result.score, sizeof *out_bits);
    return dlclose(library) ? fail(dlerror()) : 0;
}

int main(int argument_count, char **arguments) {
    long memory = 0;
    int threads = 0;
    unsigned first = 0, bits = 0;
    if (argument_count != 3) return 2;
    for (int i = 0; i < WARM_UP + ROUNDS; i++) {
        if (visit(arguments[1], arguments[2], i ? &bits : &first)) return 1;
        if (i && bits != first) return fail("other bits after loading it again");
        if (i == WARM_UP) memory = own_memory(), threads = thread_count();
    }
    long growth = own_memory() - memory;
    int more = thread_count() - threads;
    printf("memory %+ld KiB, threads %d %+d\n", growth, threads, more);
    if (memory <= 0 || threads < 1) return fail("memory or threads cannot be measured");
    return growth > 64 || more > 0;
}
