#include "support/cancellation.h"

#include "support/error.h"

#include <time.h>

uint64_t mf_clock(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000U + (uint64_t)t.tv_nsec;
}

uint64_t mf_deadline_after(uint64_t nanoseconds) {
    if (!nanoseconds) return 0;
    uint64_t now = mf_clock();
    return nanoseconds < UINT64_MAX - now ? now + nanoseconds : UINT64_MAX;
}

mf_status mf_cancellation_check(const mf_cancellation *cancellation, mf_error *error) {
    if (!cancellation) return MF_OK;
    if (atomic_load_explicit(&cancellation->cancelled, memory_order_relaxed))
        return mf_fail(error, MF_E_CANCELLED, "cancelled");
    if (cancellation->deadline && mf_clock() >= cancellation->deadline)
        return mf_fail(error, MF_E_DEADLINE, "the time limit is over");
    return MF_OK;
}
