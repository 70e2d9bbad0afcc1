/*
 * A host that has threads of its own: teams of the OpenMP runtime that the library uses as well, and OpenBLAS's. The
 * library must give the same bits beside, between and inside them, and leave their settings alone.
 *
 *     host MODEL
 */
#define _POSIX_C_SOURCE 200809L

#include <metaformer.h>

#include <cblas.h>
#include <omp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xmmintrin.h>

enum { WIDTH = 80, HEIGHT = 60, ORDER = 256, HOST_THREADS = 4, ROUNDS = 10 };

static unsigned char pixels[WIDTH * HEIGHT];
static float a[ORDER * ORDER], b[ORDER * ORDER];

static int fail(const char *what) {
    fprintf(stderr, "host: %s\n", what);
    return 1;
}

/* A score as its bits; 0 where anything failed. */
static unsigned inspect(const mf_model *model, int threads) {
    mf_context_options options = {.struct_size = sizeof options, .threads = threads};
    mf_image frame = {sizeof frame, MF_PIXEL_MONO8, WIDTH, HEIGHT, WIDTH, pixels};
    mf_result result = MF_INIT(mf_result);
    mf_context *context = NULL;
    unsigned bits = 0;
    if (mf_context_create(model, &options, &context, NULL)) return 0;
    if (mf_inspect(context, &frame, NULL, NULL, &result) == MF_OK) memcpy(&bits, &result.score, sizeof bits);
    mf_context_release(context);
    return bits;
}

static float product(void) {
    static _Thread_local float c[ORDER * ORDER];
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, ORDER, ORDER, ORDER, 1, a, ORDER, b, ORDER, 0, c, ORDER);
    return c[ORDER + 1];
}

static void *multiply(void *wrong) {
    float expected = product();
    for (int i = 0; i < 50; i++)
        if (product() != expected) *(int *)wrong = 1;
    return NULL;
}

int main(int argument_count, char **arguments) {
    mf_error error = MF_INIT(mf_error);
    mf_model *model = NULL;
    int wrong = 0, wrong_products = 0;
    if (argument_count != 2) return 2;
    if (mf_model_open_file(arguments[1], NULL, &model, &error)) return fail(error.text);
    for (int i = 0; i < WIDTH * HEIGHT; i++) pixels[i] = (unsigned char)(i % 251);
    for (int i = 0; i < ORDER * ORDER; i++) a[i] = (float)(i % 7), b[i] = (float)(i % 5);
    unsigned expected = inspect(model, 1);
    if (!expected) return fail("an inspection failed");

    /* Flushing of denormals and the count of threads are the host's to set. */
    omp_set_num_threads(HOST_THREADS - 1);
    _mm_setcsr(_mm_getcsr() | 0x8040);
    unsigned control = _mm_getcsr();
    if (!inspect(model, 4) || _mm_getcsr() != control) return fail("the floating-point control word was changed");
    _mm_setcsr(_mm_getcsr() & ~0x8040u);
    if (omp_get_max_threads() != HOST_THREADS - 1 || omp_get_dynamic())
        return fail("the host's OpenMP settings were changed");

    pthread_t blas;
    if (pthread_create(&blas, NULL, multiply, &wrong_products)) return fail("no thread");
    for (int round = 0; round < ROUNDS; round++) {
        double sum = 0;
#pragma omp parallel for reduction(+ : sum) num_threads(HOST_THREADS)
        for (int i = 0; i < 100000; i++) sum += i;
        if (sum != 4999950000.0) return fail("the host's own threads compute something else");
        if (inspect(model, 1 + round % 4) != expected) wrong = 1;
#pragma omp parallel num_threads(HOST_THREADS) reduction(| : wrong)
        wrong |= inspect(model, 2) != expected;
    }
    pthread_join(blas, NULL);
    mf_model_release(model);
    if (wrong_products) return fail("OpenBLAS gives other products beside the library");
    if (wrong) return fail("other bits inside or beside the host's threads");
    puts("same bits");
    return 0;
}
