#include "support/thread_pool.h"

#include "support/abi.h"
#include "support/error.h"

#include <stdatomic.h>

/* Declared here: omp.h of one compiler must not meet the intrinsics of another. */
extern int omp_get_num_procs(void);
extern int omp_get_thread_num(void);

/* What all workers draw their tasks from. */
typedef struct deal {
    atomic_size_t next;
    size_t count;
    mf_task task;
    void *context;
} deal;

mf_status mf_pool_check(int32_t threads, const mf_thread_pool *host, mf_error *error) {
    if (threads < 0 || threads > MF_MAX_THREADS)
        return mf_fail(error, MF_E_INVALID, "threads: 0 to %d, not %d", MF_MAX_THREADS, threads);
    if (!host) return MF_OK;
    mf_thread_pool own;
    MF_TRY(mf_thread_pool_read(host, &own, error));
    return own.run ? MF_OK : mf_fail(error, MF_E_INVALID, "mf_thread_pool: needs its function");
}

mf_pool mf_pool_make(int32_t threads, const mf_thread_pool *host) {
    int count = threads > 0 ? threads : omp_get_num_procs();
    mf_pool pool = {.threads = count > MF_MAX_THREADS ? MF_MAX_THREADS : count};
    if (host) pool.host = mf_thread_pool_at(host, 0);
    return pool;
}

static void work(void *context, size_t worker) {
    deal *d = context;
    size_t index;
    /* A counter rather than a schedule: OpenMP's dynamic schedules need a newer runtime than Debian 12's. */
    while ((index = atomic_fetch_add_explicit(&d->next, 1, memory_order_relaxed)) < d->count)
        d->task(d->context, index, (int)worker);
}

void mf_parallel_for(const mf_pool *pool, size_t count, mf_task task, void *context) {
    int threads = pool->threads;
    deal d = {.count = count, .task = task, .context = context};
    if (threads > 1 && count > 1) {
        if (pool->host.run) {
            size_t workers = count < (size_t)threads ? count : (size_t)threads;
            pool->host.run(pool->host.opaque, workers, work, &d);
        } else {
            /* Always the whole pool, though some may find nothing to do: runtimes allocate when a pool changes its
               size. */
#pragma omp parallel num_threads(threads)
            work(&d, (size_t)omp_get_thread_num());
        }
    }
    work(&d, 0); /* everything of a pool of one, and what a host left */
}
