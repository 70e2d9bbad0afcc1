#include "support/thread_pool.h"

#include "support/abi.h"
#include "support/error.h"
#include "support/memory.h"
#include "support/process.h"
#include "support/rounding.h"

#include <stdatomic.h>
#include <stdlib.h>

/* Declared here: omp.h of one compiler must not meet the intrinsics of another. */
extern int omp_get_num_procs(void);
extern int omp_get_thread_num(void);
/* Of LLVM's runtime and Intel's: for how many milliseconds threads without work spin before they sleep. */
extern int kmp_get_blocktime(void) __attribute__((weak));
extern void kmp_set_blocktime(int milliseconds) __attribute__((weak));

/* The process whose OpenMP threads were started first, or 0: a child of fork has none of them, and its runtime waits for
   them for ever. The runtime is one to a process, and so is this. */
static atomic_int threads_of;

enum { MOST_SHARES = 16 };

/* Tasks that one worker draws first, one after the other; each share has a cache line of its own. */
typedef struct share {
    _Alignas(MF_CACHE_LINE) atomic_size_t next;
    size_t end;
} share;

/* What the workers draw their tasks from: each from its own share, then from what others have left. Alike loops over one tensor
   then find in a core's cache what that core wrote. */
typedef struct deal {
    share shares[MOST_SHARES];
    size_t share_count;
    mf_task task;
    void *context;
} deal;

static mf_status check_fork(int32_t threads, mf_error *error) {
    int started = atomic_load_explicit(&threads_of, memory_order_relaxed);
    if (!started || started == mf_process() || (threads == 0 && omp_get_num_procs() == 1)) return MF_OK;
    return mf_fail(
        error, MF_E_STATE,
        "this is a child of fork, where OpenMP's threads did not come along: use threads = 1 or a thread pool "
        "of your own here, or start the process afresh (in Python: multiprocessing's 'spawn')");
}

mf_status mf_pool_check_fork(const mf_pool *pool, mf_error *error) {
    return pool->threads == 1 || pool->host.run ? MF_OK : check_fork(pool->threads, error);
}

mf_status mf_pool_check(int32_t threads, const mf_thread_pool *host, mf_error *error) {
    if (threads < 0 || threads > MF_MAX_THREADS)
        return mf_fail(error, MF_E_INVALID, "threads: 0 to %d, not %d", MF_MAX_THREADS, threads);
    if (!host) return threads == 1 ? MF_OK : check_fork(threads, error);
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
    uint64_t rounding = mf_rounding_enter(); /* threads have their own */
    /* Counters rather than a schedule: OpenMP's dynamic schedules need a newer runtime than Debian 12's. */
    for (size_t i = 0; i < d->share_count; i++) {
        share *from = &d->shares[(worker + i) % d->share_count];
        size_t index;
        while ((index = atomic_fetch_add_explicit(&from->next, 1, memory_order_relaxed)) < from->end)
            d->task(d->context, index, (int)worker);
    }
    mf_rounding_leave(rounding);
}

/* Whether how OpenMP's threads wait is left to us: the runtime can tell, and the host has not said. */
static int chooses_waiting(void) {
    static atomic_int known; /* 0: not yet; 1: it is; 2: it is not */
    int answer = atomic_load_explicit(&known, memory_order_relaxed);
    if (!answer) {
        answer =
            kmp_get_blocktime && kmp_set_blocktime && !getenv("OMP_WAIT_POLICY") && !getenv("KMP_BLOCKTIME") ? 1 : 2;
        atomic_store_explicit(&known, answer, memory_order_relaxed);
    }
    return answer == 1;
}

/* Always the whole pool, though some may find nothing to do: runtimes allocate when a pool changes its size. */
static void work_by_openmp(int threads, deal *d) {
    /* Threads spin from one of our loops to the next, and no longer: they would hold the processors that a host has other work
       for. The host's regions keep its own setting. */
    enum { SPIN_MILLISECONDS = 1 };
    int chooses = chooses_waiting(), milliseconds = chooses ? kmp_get_blocktime() : 0;
    if (chooses) kmp_set_blocktime(SPIN_MILLISECONDS);
#pragma omp parallel num_threads(threads)
    work(d, (size_t)omp_get_thread_num());
    if (chooses) kmp_set_blocktime(milliseconds);
}

void mf_parallel_for(const mf_pool *pool, size_t count, mf_task task, void *context) {
    int threads = pool->threads;
    deal d;
    d.task = task, d.context = context;
    d.share_count = threads < MOST_SHARES ? (size_t)threads : MOST_SHARES;
    for (size_t i = 0; i < d.share_count; i++) {
        atomic_init(&d.shares[i].next, mf_share(count, d.share_count, i));
        d.shares[i].end = mf_share(count, d.share_count, i + 1);
    }
    if (threads > 1 && count > 1) {
        if (pool->host.run) {
            size_t workers = count < (size_t)threads ? count : (size_t)threads;
            pool->host.run(pool->host.opaque, workers, work, &d);
        } else {
            int none = 0;
            if (!atomic_load_explicit(&threads_of, memory_order_relaxed))
                atomic_compare_exchange_strong_explicit(&threads_of, &none, mf_process(), memory_order_relaxed,
                                                        memory_order_relaxed);
            work_by_openmp(threads, &d);
        }
    }
    work(&d, 0); /* everything of a pool of one, and what a host left */
}
