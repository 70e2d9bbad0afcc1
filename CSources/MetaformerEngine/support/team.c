#include "support/team.h"

#include "support/abi.h"
#include "support/error.h"

#include <stdatomic.h>
#include <unistd.h>

/* Declared here: omp.h of one compiler must not meet the intrinsics of another. */
extern int omp_get_num_procs(void);
extern int omp_get_thread_num(void);

/* The process whose OpenMP threads were started first, or 0: a child of fork has none of them, and its runtime waits for
   them for ever. The runtime is one to a process, and so is this. */
static atomic_int threads_of;

/* What all workers draw their tasks from. */
typedef struct deal {
    atomic_size_t next;
    size_t count;
    mf_task task;
    void *context;
} deal;

static mf_status check_fork(int32_t threads, mf_error *error) {
    int started = atomic_load_explicit(&threads_of, memory_order_relaxed);
    if (!started || started == getpid() || (threads == 0 && omp_get_num_procs() == 1)) return MF_OK;
    return mf_fail(
        error, MF_E_STATE,
        "this is a child of fork, where OpenMP's threads did not come along: use threads = 1 or a thread pool "
        "of your own here, or start the process afresh (in Python: multiprocessing's 'spawn')");
}

mf_status mf_team_check_fork(const mf_team *team, mf_error *error) {
    return team->threads == 1 || team->pool.run ? MF_OK : check_fork(team->threads, error);
}

mf_status mf_team_check(int32_t threads, const mf_thread_pool *pool, mf_error *error) {
    if (threads < 0 || threads > MF_MAX_THREADS)
        return mf_fail(error, MF_E_INVALID, "threads: 0 to %d, not %d", MF_MAX_THREADS, threads);
    if (!pool) return threads == 1 ? MF_OK : check_fork(threads, error);
    mf_thread_pool own;
    MF_TRY(mf_thread_pool_read(pool, &own, error));
    return own.run ? MF_OK : mf_fail(error, MF_E_INVALID, "mf_thread_pool: needs its function");
}

mf_team mf_team_make(int32_t threads, const mf_thread_pool *pool) {
    int count = threads > 0 ? threads : omp_get_num_procs();
    mf_team team = {.threads = count > MF_MAX_THREADS ? MF_MAX_THREADS : count};
    if (pool) team.pool = mf_thread_pool_at(pool, 0);
    return team;
}

static void work(void *context, size_t worker) {
    deal *d = context;
    size_t index;
    /* A counter rather than a schedule: OpenMP's dynamic schedules need a newer runtime than Debian 12's. */
    while ((index = atomic_fetch_add_explicit(&d->next, 1, memory_order_relaxed)) < d->count)
        d->task(d->context, index, (int)worker);
}

void mf_team_run(const mf_team *team, size_t count, mf_task task, void *context) {
    int threads = team->threads;
    deal d = {.count = count, .task = task, .context = context};
    if (threads > 1 && count > 1) {
        if (team->pool.run) {
            size_t workers = count < (size_t)threads ? count : (size_t)threads;
            team->pool.run(team->pool.opaque, workers, work, &d);
        } else {
            int none = 0;
            atomic_compare_exchange_strong_explicit(&threads_of, &none, getpid(), memory_order_relaxed,
                                                    memory_order_relaxed);
            /* Always the whole team, though some may find nothing to do: runtimes allocate when a team changes its
               size. */
#pragma omp parallel num_threads(threads)
            work(&d, (size_t)omp_get_thread_num());
        }
    }
    work(&d, 0); /* everything of a team of one, and what a pool left */
}
