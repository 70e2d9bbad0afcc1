#include "support/process.h"

#include <pthread.h>
#include <stdatomic.h>

static atomic_int generation = 1;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void count_child(void) {
    atomic_fetch_add_explicit(&generation, 1, memory_order_relaxed);
}

static void watch(void) {
    /* Where there is no memory for it a child is taken for its parent, as it is everywhere else. */
    (void)pthread_atfork(NULL, NULL, count_child);
}

int mf_process(void) {
    pthread_once(&once, watch);
    return atomic_load_explicit(&generation, memory_order_relaxed);
}
