/*
 * A camera loop: inspects a line of frames one after another, as they would come from a camera, and says how long each
 * took.
 *
 *     cc -O2 camera_loop.c $(pkg-config --cflags --libs metaformer) -o camera_loop
 *     ./camera_loop MODEL FOLDER [RATE]   frames are the folder's PGM files, in the order of their names
 *     ./camera_loop MODEL COUNT [RATE]    so many synthetic frames
 *
 * prints a line a frame (name, score, verdict), and last the cycle times. With a RATE, frames a second, each frame is taken when
 * its time has come, and a verdict is late that comes when the next frame has. What a real system puts in the place of
 * next_frame is the camera's buffer: the library reads it where it lies.
 */
#define _POSIX_C_SOURCE 200809L

#include <metaformer.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static int fail(const char *what, const char *why) {
    fprintf(stderr, "camera_loop: %s: %s\n", what, why);
    return 1;
}

/* ---- The line of frames ------------------------------------------------------------------------------------------ */

/* A grey frame of 8 bits, or of 16 with the most significant byte first, as PGM has it. */
typedef struct frame {
    char name[256];
    int width, height, depth;
    unsigned char *pixels;
} frame;

/* Reads a binary PGM file. Comments in its header are not supported. */
static int read_pgm(const char *path, frame *f) {
    FILE *file = fopen(path, "rb");
    if (!file) return fail(path, "cannot be opened");
    int highest = 0, ok = fscanf(file, "P5 %d %d %d", &f->width, &f->height, &highest) == 3 && fgetc(file) != EOF;
    ok = ok && f->width > 0 && f->height > 0 && f->width <= MF_MAX_SIDE && f->height <= MF_MAX_SIDE;
    ok = ok && (highest == 255 || highest == 65535);
    f->depth = highest > 255 ? 2 : 1;
    size_t count = ok ? (size_t)f->width * (size_t)f->height * (size_t)f->depth : 0;
    f->pixels = ok ? malloc(count) : NULL;
    ok = f->pixels && fread(f->pixels, 1, count, file) == count;
    fclose(file);
    if (!ok) free(f->pixels), f->pixels = NULL;
    /* The library takes the machine's own order of bytes. */
    for (size_t i = 0; ok && f->depth == 2 && i < count; i += 2) {
        unsigned value = (unsigned)f->pixels[i] << 8 | f->pixels[i + 1];
        unsigned short sample = (unsigned short)value;
        memcpy(f->pixels + i, &sample, 2);
    }
    return ok ? 0 : fail(path, "is no whole PGM file of 8 or 16 bits");
}

/* A washer: a bright ring on a dark ground, with a dark spot on every seventh. */
static int make_frame(int number, frame *f) {
    snprintf(f->name, sizeof f->name, "frame %d", number);
    f->width = f->height = 256, f->depth = 1;
    f->pixels = malloc((size_t)f->width * (size_t)f->height);
    if (!f->pixels) return fail(f->name, "no memory");
    unsigned noise = 12345u + (unsigned)number;
    for (int y = 0; y < f->height; y++)
        for (int x = 0; x < f->width; x++) {
            int dx = x - 128, dy = y - 128, square = dx * dx + dy * dy;
            int value = square < 100 * 100 && square > 45 * 45 ? 180 : 40;
            if (number % 7 == 6 && (x - 190) * (x - 190) + dy * dy < 64) value = 60;
            noise = noise * 1664525u + 1013904223u;
            f->pixels[y * f->width + x] = (unsigned char)(value + (int)(noise >> 29));
        }
    return 0;
}

typedef struct line {
    const char *folder; /* NULL for synthetic frames */
    struct dirent **entries;
    int count, at;
} line;

static int is_pgm(const struct dirent *entry) {
    size_t length = strlen(entry->d_name);
    return length > 4 && strcmp(entry->d_name + length - 4, ".pgm") == 0;
}

static int open_line(const char *source, line *l) {
    char *end;
    long count = strtol(source, &end, 10);
    *l = (line){0};
    if (*end == 0 && count > 0 && count <= 1000000) {
        l->count = (int)count;
        return 0;
    }
    l->folder = source;
    l->count = scandir(source, &l->entries, is_pgm, alphasort);
    return l->count > 0 ? 0 : fail(source, "no folder with PGM files, and no count");
}

/* 1 for a frame, whose pixels are the caller's to free; 0 at the end of the line. */
static int next_frame(line *l, frame *f, int *out_failed) {
    char path[4096];
    if (l->at == l->count) return 0;
    int number = l->at++;
    if (!l->folder) {
        *out_failed = make_frame(number, f);
        return !*out_failed;
    }
    snprintf(f->name, sizeof f->name, "%s", l->entries[number]->d_name);
    snprintf(path, sizeof path, "%s/%s", l->folder, f->name);
    free(l->entries[number]);
    *out_failed = read_pgm(path, f);
    return !*out_failed;
}

/* ---- The cycle --------------------------------------------------------------------------------------------------- */

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e3 + (double)time.tv_nsec * 1e-6;
}

/* Waits until a time of now(). */
static void wait_until(double time) {
    struct timespec then = {.tv_sec = (time_t)(time / 1e3)};
    then.tv_nsec = (long)((time - (double)then.tv_sec * 1e3) * 1e6);
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &then, NULL) != 0) continue;
}

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The smallest time that at least this share of the cycles did not exceed. */
static double quantile(const double *sorted, int count, double share) {
    int rank = (int)(share * count);
    if (rank < share * count) rank++;
    return sorted[rank > 0 ? rank - 1 : 0];
}

/* period: milliseconds from frame to frame; 0 for as fast as can be. */
static int run(mf_context *context, line *l, double period) {
    double *cycles = malloc((size_t)l->count * sizeof *cycles), due = now();
    int count = 0, rejected = 0, late = 0, failed = 0;
    frame f;
    if (!cycles) return fail("cycle times", "no memory");
    while (next_frame(l, &f, &failed)) {
        mf_image image = MF_INIT(mf_image);
        image.pixel_format = f.depth == 2 ? MF_PIXEL_MONO16 : MF_PIXEL_MONO8;
        image.width = f.width, image.height = f.height;
        image.row_stride = (ptrdiff_t)f.width * f.depth, image.data = f.pixels;
        mf_result result = MF_INIT(mf_result);
        if (period > 0) wait_until(due);
        double start = now();
        mf_status status = mf_inspect(context, &image, NULL, NULL, &result);
        double end = now();
        cycles[count] = end - start;
        due += period;
        late += count > 0 && end > due; /* the first cycle brings memory and caches in */
        free(f.pixels);
        if (status) {
            failed = fail(f.name, mf_context_error(context));
            break;
        }
        count++;
        rejected += result.is_anomalous;
        printf("%s %.6g %s\n", f.name, (double)result.score, result.is_anomalous ? "defective" : "good");
    }
    if (!failed && count) {
        /* A line that has just started is not what is measured. */
        int skipped = count > 1;
        double *rest = cycles + skipped;
        qsort(rest, (size_t)(count - skipped), sizeof *rest, ascending);
        printf("%d frames, %d defective; cycle time p50 %.2f ms, p99 %.2f ms, max %.2f ms", count, rejected,
               quantile(rest, count - skipped, 0.5), quantile(rest, count - skipped, 0.99), rest[count - skipped - 1]);
        if (period > 0) printf(", %d late", late);
        puts("");
    }
    free(cycles);
    return failed;
}

int main(int argument_count, char **arguments) {
    mf_error error = MF_INIT(mf_error);
    mf_model *model = NULL;
    mf_context *context = NULL;
    line l;
    double rate = argument_count == 4 ? strtod(arguments[3], NULL) : 0;
    if (argument_count < 3 || argument_count > 4 || (argument_count == 4 && !(rate > 0 && rate <= 1e4)))
        return fail("usage", "camera_loop MODEL FOLDER|COUNT [FRAMES A SECOND]");
    if (open_line(arguments[2], &l)) return 1;
    if (mf_model_open_file(arguments[1], NULL, &model, &error)) return fail("model", error.text);
    mf_status status = mf_context_create(model, NULL, &context, &error);
    mf_model_release(model); /* the context keeps what it needs */
    if (status) return fail("context", error.text);
    int failed = run(context, &l, rate > 0 ? 1e3 / rate : 0);
    mf_context_release(context);
    free(l.entries);
    return failed;
}
