/* How long work may go on: what a run looks at between its instructions. */
#ifndef MF_SUPPORT_CANCELLATION_H
#define MF_SUPPORT_CANCELLATION_H

#include <metaformer.h>
#include <stdatomic.h>

typedef struct mf_cancellation {
    atomic_int cancelled; /* set by any thread */
    uint64_t deadline;    /* of mf_clock; 0 for none */
} mf_cancellation;

/* Nanoseconds of a clock that nobody sets. */
uint64_t mf_clock(void);

/* The deadline of work that may take so long from now; 0 for none. */
uint64_t mf_deadline_after(uint64_t nanoseconds);

/* MF_E_CANCELLED or MF_E_DEADLINE where the work has to end; cancellation may be NULL. */
mf_status mf_cancellation_check(const mf_cancellation *cancellation, mf_error *error);

#endif
