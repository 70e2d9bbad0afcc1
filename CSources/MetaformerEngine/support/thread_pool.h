/* The only place that knows of threads. Work is cut into numbered tasks by shape, never by the number of threads, and
   no two tasks add into one place: results do not depend on who runs what. */
#ifndef MF_SUPPORT_THREAD_POOL_H
#define MF_SUPPORT_THREAD_POOL_H

#include <metaformer.h>

#define MF_MAX_THREADS 256

typedef struct mf_workers mf_workers;

typedef struct mf_pool {
    int threads;
    mf_thread_pool host; /* the host's; run is NULL where OpenMP's threads work */
    mf_workers *workers; /* OpenMP's threads that stand by; NULL outside of mf_pool_gather */
} mf_pool;

/* worker is below the pool's threads: the index of a scratch area that only this task uses while it runs. */
typedef void (*mf_task)(void *context, size_t index, int worker);

/* A pool of so many threads, or of one a processor for 0; host may be NULL, for OpenMP's. */
mf_pool mf_pool_make(int32_t threads, const mf_thread_pool *host);

/* MF_E_STATE in a child of fork that has none of the threads which this pool would wait for. */
mf_status mf_pool_check_fork(const mf_pool *pool, mf_error *error);

/* Checks what mf_pool_make takes of a host, and as mf_pool_check_fork. */
mf_status mf_pool_check(int32_t threads, const mf_thread_pool *host, mf_error *error);

/* Runs tasks 0 … count - 1 and returns when all are done. */
void mf_parallel_for(const mf_pool *pool, size_t count, mf_task task, void *context);

/* Runs function(context) on this thread while the pool's OpenMP threads stand by for the loops in it. A loop then waits for the
   tasks that others have begun, and not for threads that a busy machine has yet to run: that is waited for once, at the end.
   The function calls nothing of the host's, whose own parallel regions would have one thread. */
void mf_pool_gather(mf_pool *pool, void (*function)(void *context), void *context);

/* The first of count items that part takes when they are dealt to parts; part + 1 gives its end. */
static inline size_t mf_share(size_t count, size_t parts, size_t part) {
    return count * part / parts;
}

#endif
