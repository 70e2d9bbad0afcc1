/* How long work may go on: what a run looks at between its instructions. */
#ifndef MF_SUPPORT_STOP_H
#define MF_SUPPORT_STOP_H

#include <metaformer.h>
#include <stdatomic.h>

typedef struct mf_stop {
    atomic_int cancelled; /* set by any thread */
    uint64_t deadline;    /* of mf_clock; 0 for none */
} mf_stop;

/* Nanoseconds of a clock that nobody sets. */
uint64_t mf_clock(void);

/* The deadline of work that may take so long from now; 0 for none. */
uint64_t mf_deadline_after(uint64_t nanoseconds);

/* MF_E_CANCELLED or MF_E_DEADLINE where the work has to end; stop may be NULL. */
mf_status mf_stop_check(const mf_stop *stop, mf_error *error);

#endif
