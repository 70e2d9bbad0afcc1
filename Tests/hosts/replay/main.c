/*
 * Runs the cases that the tests wrote (MF_WRITE_CASES) on this processor: every op, by the reference and by the best
 * kernels that it has, with one thread and with several.
 *
 *     host CASES...
 *     host --model MODEL SCORE
 *
 * The second form inspects a golden model file and adapts it, and compares score and loss. Fails where a value is
 * further from what is expected than its bound, where threads change a bit, or where an op was never run.
 */
#define _POSIX_C_SOURCE 200809L

#include <metaformer/engine.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const ops[] = {
#define MF_OP(serial, name, ...) #name,
#include "program/ops.def"
};
enum { OPS = sizeof ops / sizeof ops[0], MAX_SLOTS = 64 };
static int op_was_run[OPS];

static int fail(const char *what, const char *why) {
    fprintf(stderr, "host: %s: %s\n", what, why);
    return 1;
}

/* A tensor of a case: "<case>/<slot>", with "/bound" after it for how far an output may be off. */
static const mf_tensor *find(const mf_file *file, const char *number, const char *slot, const char *suffix) {
    char name[256];
    snprintf(name, sizeof name, "%s/%s%s", number, slot, suffix);
    return mf_file_find(file, name);
}

static int note_ops(const mf_program *program) {
    mf_instruction_info info = MF_INIT(mf_instruction_info);
    for (size_t i = 0; mf_program_instruction(program, i, &info) == MF_OK; i++) {
        size_t op = 0;
        while (op < OPS && strcmp(ops[op], info.op) != 0) op++;
        if (op == OPS) return fail(info.op, "is no op of ops.def");
        op_was_run[op] = 1;
    }
    return 0;
}

static int compare(const mf_tensor *expected, const mf_tensor *bound, const float *found, const char *title) {
    char text[200];
    const float *values = expected->data, *bounds = bound->data;
    int own = bound->bytes == expected->bytes; /* otherwise one for all */
    for (size_t i = 0; i < expected->bytes / sizeof *values; i++) {
        if (found[i] == values[i] || (isnan(found[i]) && isnan(values[i]))) continue;
        if (fabsf(found[i] - values[i]) <= bounds[own ? i : 0]) continue;
        snprintf(text, sizeof text, "value %zu is %.9g, not %.9g within %.3g", i, (double)found[i], (double)values[i],
                 (double)bounds[own ? i : 0]);
        return fail(title, text);
    }
    return 0;
}

/* Runs a case once; one_thread has what the outputs were with one thread, or receives it. */
static int run(const mf_file *file, mf_program *program, const char *number, const char *title, mf_isa isa,
               int32_t threads, float **one_thread) {
    mf_error error = MF_INIT(mf_error);
    mf_runner_options options = {.struct_size = sizeof options, .threads = threads, .isa = isa};
    mf_runner *runner = NULL;
    float *buffers[MAX_SLOTS] = {NULL};
    size_t slots = mf_program_slot_count(program);
    int failed = slots > MAX_SLOTS || mf_runner_create(program, &options, &runner, &error) != MF_OK;
    for (size_t i = 0; !failed && i < slots; i++) {
        const mf_slot *slot = mf_program_slot(program, i);
        const mf_tensor *tensor = find(file, number, slot->name, "");
        size_t bytes = slot->count * sizeof(float);
        buffers[i] = malloc(bytes);
        failed = !tensor || tensor->bytes != bytes || !buffers[i];
        if (failed) break;
        /* An output starts as NaN in all its bits. */
        if (slot->kind == MF_SLOT_OUTPUT)
            memset(buffers[i], 0xff, bytes);
        else
            memcpy(buffers[i], tensor->data, bytes);
        failed = mf_runner_bind(runner, slot->name, buffers[i], slot->count, &error) != MF_OK;
    }
    if (!failed) failed = mf_runner_run(runner, &error) != MF_OK;
    if (failed) fail(title, error.text[0] ? error.text : "its tensors are not those of its program");
    if (!failed) failed = note_ops(program);
    for (size_t i = 0; !failed && i < slots; i++) {
        const mf_slot *slot = mf_program_slot(program, i);
        if (slot->kind != MF_SLOT_OUTPUT) continue;
        const mf_tensor *bound = find(file, number, slot->name, "/bound");
        failed = !bound ? fail(title, "an output has no bound")
                        : compare(find(file, number, slot->name, ""), bound, buffers[i], title);
        if (one_thread[i] && memcmp(one_thread[i], buffers[i], slot->count * sizeof(float)) != 0)
            failed = fail(title, "another number of threads gives other bits");
        if (!one_thread[i]) one_thread[i] = buffers[i], buffers[i] = NULL;
    }
    if (failed) fprintf(stderr, "host: … on %s with %d threads\n", mf_isa_name(isa), (int)threads);
    for (size_t i = 0; i < MAX_SLOTS; i++) free(buffers[i]);
    mf_runner_release(runner);
    return failed;
}

static int replay(const mf_file *file, const mf_tensor *tensor) {
    const char *number = tensor->name + strlen("program/"), *title = number;
    mf_error error = MF_INIT(mf_error);
    mf_program *program = NULL;
    for (size_t i = 0; i < mf_file_entry_count(file); i++)
        if (strcmp(mf_file_entry(file, i)->key, number) == 0) title = mf_file_entry(file, i)->value;
    if (mf_program_open(tensor->data, tensor->bytes, &program, &error)) return fail(title, error.text);
    const struct {
        mf_isa isa;
        int32_t threads;
    } ways[] = {{MF_ISA_REFERENCE, 1}, {MF_ISA_GENERIC, 1}, {MF_ISA_GENERIC, 2}, {MF_ISA_GENERIC, 3}};
    float *one_thread[MAX_SLOTS] = {NULL};
    int failed = 0;
    for (size_t w = 0; w < sizeof ways / sizeof ways[0]; w++) {
        for (size_t i = 0; ways[w].threads == 1 && i < MAX_SLOTS; i++) free(one_thread[i]), one_thread[i] = NULL;
        failed |= run(file, program, number, title, ways[w].isa, ways[w].threads, one_thread);
    }
    for (size_t i = 0; i < MAX_SLOTS; i++) free(one_thread[i]);
    mf_program_release(program);
    return failed;
}

static int replay_all(const char *path) {
    mf_error error = MF_INIT(mf_error);
    mf_file *file = NULL;
    if (mf_file_open(path, &file, &error)) return fail(path, error.text);
    int failures = 0, cases = 0;
    for (size_t i = 0; i < mf_file_tensor_count(file); i++) {
        const mf_tensor *tensor = mf_file_tensor(file, i);
        if (strncmp(tensor->name, "program/", strlen("program/")) != 0) continue;
        failures += replay(file, tensor);
        cases++;
    }
    printf("%s: %d of %d cases\n", path, cases - failures, cases);
    mf_file_release(file);
    return failures > 0 || cases == 0;
}

/* ---- Models ------------------------------------------------------------------------------------------------------ */

enum { WIDTH = 80, HEIGHT = 60, FRAMES = 4 };

/* The frames of the tests' small models: golden files have the score of the first. */
static void draw(int number, unsigned char *pixels) {
    for (int i = 0; i < WIDTH * HEIGHT; i++) pixels[i] = (unsigned char)(100 + i % WIDTH + i * (number + 3) % 7);
}

static int inspect(mf_model *model, const mf_image *frame, float *score) {
    mf_error error = MF_INIT(mf_error);
    mf_result result = MF_INIT(mf_result);
    mf_context *context = NULL;
    if (mf_context_create(model, NULL, &context, &error)) return fail("a context", error.text);
    if (mf_context_set_threshold(context, INFINITY)) return fail("a threshold", mf_context_error(context));
    int failed = mf_inspect(context, frame, NULL, NULL, &result) ? fail("a frame", mf_context_error(context)) : 0;
    *score = result.score;
    mf_context_release(context);
    return failed;
}

static int note_loss(void *last, const char *stage, size_t done, size_t total, float loss) {
    (void)stage, (void)done, (void)total;
    if (loss > 0) *(float *)last = loss;
    return 0;
}

/* The loss at the end of adaptation the frames, by some set of kernels. */
static int adapt(const mf_model *model, const mf_image *frames, const char *set, float *loss) {
    mf_error error = MF_INIT(mf_error);
    mf_adapt_options options = {
        .struct_size = sizeof options, .epochs = 5, .seed = 7, .progress = note_loss, .opaque = loss};
    mf_model *adapted = NULL;
    setenv("MF_FORCE_ISA", set, 1);
    mf_status status = mf_adapt(model, frames, FRAMES, &options, &adapted, &error);
    unsetenv("MF_FORCE_ISA");
    mf_model_release(adapted);
    return status ? fail(set, error.text) : 0;
}

/* Each set of kernels rounds otherwise, and a score is the highest of many sums. */
static int near(const char *what, float found, float expected) {
    printf("%s: %.7g, expected %.7g\n", what, (double)found, (double)expected);
    return fabsf(found - expected) <= 1e-3f * fabsf(expected) && expected > 0 ? 0 : fail(what, "too far off");
}

static int check_model(const char *path, float expected) {
    static unsigned char pixels[FRAMES][WIDTH * HEIGHT];
    mf_image frames[FRAMES];
    for (int i = 0; i < FRAMES; i++) {
        draw(i, pixels[i]);
        frames[i] = (mf_image){sizeof frames[i], MF_PIXEL_MONO8, WIDTH, HEIGHT, WIDTH, pixels[i]};
    }
    mf_error error = MF_INIT(mf_error);
    mf_model *model = NULL;
    if (mf_model_open_file(path, NULL, &model, &error)) return fail(path, error.text);
    float score = 0, loss = 0, by_reference = 0;
    int failed = inspect(model, frames, &score) || near(path, score, expected);
    failed |= adapt(model, frames, "generic", &loss) || adapt(model, frames, "reference", &by_reference) ||
              near("loss after adaptation", loss, by_reference);
    mf_model_release(model);
    return failed;
}

int main(int argument_count, char **arguments) {
    if (argument_count == 4 && strcmp(arguments[1], "--model") == 0)
        return check_model(arguments[2], strtof(arguments[3], NULL));
    if (argument_count < 2) return fail("usage", "host CASES... | host --model MODEL SCORE");
    int failed = 0;
    for (int i = 1; i < argument_count; i++) failed |= replay_all(arguments[i]);
    for (size_t op = 0; op < OPS; op++)
        if (!op_was_run[op]) failed = fail(ops[op], "was never run");
    return failed;
}
