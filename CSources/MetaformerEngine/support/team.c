#include "support/team.h"

#include <stdatomic.h>

/* Declared here: omp.h of one compiler must not meet the intrinsics of another. */
extern int omp_get_num_procs(void);
extern int omp_get_thread_num(void);

mf_team mf_team_make(int32_t threads) {
    int count = threads > 0 ? threads : omp_get_num_procs();
    return (mf_team){count > MF_MAX_THREADS ? MF_MAX_THREADS : count};
}

void mf_team_run(const mf_team *team, size_t count, mf_task task, void *context) {
    int threads = team->threads;
    if (threads <= 1 || count <= 1) {
        for (size_t index = 0; index < count; index++) task(context, index, 0);
        return;
    }
    /* Always the whole team, though some may find nothing to do: runtimes allocate when a team changes its size. */
    /* A counter rather than a schedule: OpenMP's dynamic schedules need a newer runtime than Debian 12's. */
    atomic_size_t next = 0;
#pragma omp parallel num_threads(threads)
    {
        int worker = omp_get_thread_num();
        size_t index;
        while ((index = atomic_fetch_add_explicit(&next, 1, memory_order_relaxed)) < count)
            task(context, index, worker);
    }
}
