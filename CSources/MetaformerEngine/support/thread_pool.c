#include "support/thread_pool.h"

#include "support/abi.h"
#include "support/cancellation.h"
#include "support/error.h"
#include "support/memory.h"
#include "support/process.h"
#include "support/rounding.h"

#include <pthread.h>
#include <sched.h>
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

/* A condition, of the kind below, that threads sleep for. */
typedef struct event {
    _Alignas(MF_CACHE_LINE) atomic_int sleepers;
    pthread_cond_t signal;
} event;

/* Threads that stand by from one loop to the next. */
struct mf_workers {
    deal loop;
    /* The loop's number << 32 | LOOP_OPEN while there may be tasks left | how many of the others are in it. */
    _Alignas(MF_CACHE_LINE) atomic_uint_least64_t state;
    atomic_int ended;
    event posted, left; /* a loop was opened, or all is over; the last of the others left a closed loop */
    pthread_mutex_t mutex;
    uint64_t spin_nanoseconds;
};

#define LOOP_OPEN (UINT64_C(1) << 31)
#define LOOP_WORKERS (LOOP_OPEN - 1)

static uint64_t loop_number(uint64_t state) {
    return state >> 32;
}

typedef int (*condition)(mf_workers *workers, uint64_t number);

static int is_called(mf_workers *workers, uint64_t last) {
    uint64_t state = atomic_load(&workers->state);
    return (state & LOOP_OPEN && loop_number(state) != last) || atomic_load(&workers->ended);
}

static int is_left(mf_workers *workers, uint64_t number) {
    (void)number;
    return !(atomic_load(&workers->state) & LOOP_WORKERS);
}

static void relax(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/* Spins first, since the next loop mostly comes soon, then sleeps: soon where others want this processor, who may be the ones that
   it waits for. */
static void wait_for(mf_workers *workers, event *e, condition holds, uint64_t number) {
    enum { PAUSES = 64, ALONE_NANOSECONDS = 50000, ABSENT_NANOSECONDS = 200000 };
    for (uint64_t start = 0, last = 0;;) {
        for (int i = 0; i < PAUSES; i++) {
            if (holds(workers, number)) return;
            relax();
        }
        uint64_t now = mf_clock();
        if (!start) start = last = now;
        if (now - start >= workers->spin_nanoseconds || now - last > ABSENT_NANOSECONDS) break;
        last = now;
        if (now - start > ALONE_NANOSECONDS) sched_yield();
    }
    pthread_mutex_lock(&workers->mutex);
    atomic_fetch_add(&e->sleepers, 1); /* before the condition is looked at again: who makes it true looks here next */
    while (!holds(workers, number)) pthread_cond_wait(&e->signal, &workers->mutex);
    atomic_fetch_sub(&e->sleepers, 1);
    pthread_mutex_unlock(&workers->mutex);
}

static void announce(mf_workers *workers, event *e) {
    if (!atomic_load(&e->sleepers)) return;
    pthread_mutex_lock(&workers->mutex);
    pthread_cond_broadcast(&e->signal);
    pthread_mutex_unlock(&workers->mutex);
}

static void stand_by(mf_workers *workers, size_t worker) {
    uint64_t number = 0;
    while (1) {
        wait_for(workers, &workers->posted, is_called, number);
        uint64_t state = atomic_load(&workers->state);
        if (!(state & LOOP_OPEN)) {
            if (atomic_load(&workers->ended)) return;
            continue; /* it was closed in the meantime */
        }
        if (!atomic_compare_exchange_strong(&workers->state, &state, state + 1)) continue;
        number = loop_number(state);
        work(&workers->loop, worker);
        if ((atomic_fetch_sub(&workers->state, 1) & (LOOP_OPEN | LOOP_WORKERS)) == 1) announce(workers, &workers->left);
    }
}

static void deal_out(deal *d, size_t shares, size_t count, mf_task task, void *context) {
    d->task = task, d->context = context;
    d->share_count = shares < MOST_SHARES ? shares : MOST_SHARES;
    for (size_t i = 0; i < d->share_count; i++) {
        atomic_store_explicit(&d->shares[i].next, mf_share(count, d->share_count, i), memory_order_relaxed);
        d->shares[i].end = mf_share(count, d->share_count, i + 1);
    }
}

static void work_by_all(const mf_pool *pool, size_t count, mf_task task, void *context) {
    mf_workers *workers = pool->workers;
    deal_out(&workers->loop, (size_t)pool->threads, count, task, context);
    uint64_t number = loop_number(atomic_load(&workers->state)) + 1;
    atomic_store(&workers->state, number << 32 | LOOP_OPEN);
    announce(workers, &workers->posted);
    work(&workers->loop, 0);
    atomic_fetch_and(&workers->state, ~LOOP_OPEN);
    wait_for(workers, &workers->left, is_left, number);
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

void mf_pool_gather(mf_pool *pool, void (*function)(void *context), void *context) {
    if (pool->threads == 1 || pool->host.run || pool->workers) {
        function(context);
        return;
    }
    /* While they stand by they wait by the rule above. Then they are to sleep at once, and not to hold processors that a host has
       other work for. The host's own regions keep its setting. */
    enum { SPIN_MILLISECONDS = 1 };
    int chooses = chooses_waiting(), milliseconds = kmp_get_blocktime ? kmp_get_blocktime() : SPIN_MILLISECONDS;
    if (chooses) kmp_set_blocktime(0);
    mf_workers workers = {.posted.signal = PTHREAD_COND_INITIALIZER,
                          .left.signal = PTHREAD_COND_INITIALIZER,
                          .mutex = PTHREAD_MUTEX_INITIALIZER,
                          .spin_nanoseconds =
                              UINT64_C(1000000) * (uint64_t)(chooses ? SPIN_MILLISECONDS : milliseconds)};
    int none = 0;
    if (!atomic_load_explicit(&threads_of, memory_order_relaxed))
        atomic_compare_exchange_strong_explicit(&threads_of, &none, mf_process(), memory_order_relaxed,
                                                memory_order_relaxed);
    pool->workers = &workers;
    /* Always the whole pool, though some may find nothing to do: runtimes allocate when a pool changes its size. */
#pragma omp parallel num_threads(pool->threads)
    if (omp_get_thread_num() > 0) {
        stand_by(&workers, (size_t)omp_get_thread_num());
    } else {
        function(context);
        atomic_store(&workers.ended, 1);
        announce(&workers, &workers.posted);
    }
    pool->workers = NULL;
    if (chooses) kmp_set_blocktime(milliseconds);
    pthread_cond_destroy(&workers.posted.signal);
    pthread_cond_destroy(&workers.left.signal);
    pthread_mutex_destroy(&workers.mutex);
}

typedef struct loop {
    mf_pool pool;
    size_t count;
    mf_task task;
    void *context;
} loop;

static void run_loop(void *context) {
    const loop *l = context;
    work_by_all(&l->pool, l->count, l->task, l->context);
}

void mf_parallel_for(const mf_pool *pool, size_t count, mf_task task, void *context) {
    if (count > 1 && pool->workers) {
        work_by_all(pool, count, task, context);
    } else if (count > 1 && pool->threads > 1 && !pool->host.run) {
        loop alone = {*pool, count, task, context};
        mf_pool_gather(&alone.pool, run_loop, &alone);
    } else {
        size_t threads = (size_t)pool->threads;
        deal d;
        deal_out(&d, threads, count, task, context);
        if (threads > 1 && count > 1) pool->host.run(pool->host.opaque, count < threads ? count : threads, work, &d);
        work(&d, 0); /* everything of a pool of one, and what a host left */
    }
}
