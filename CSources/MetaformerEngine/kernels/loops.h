/* Nested loops over a shape that operands broadcast to, with as few axes as the operands allow. */
#ifndef MF_KERNELS_LOOPS_H
#define MF_KERNELS_LOOPS_H

#include "kernels/kernel.h"

typedef struct mf_loops {
    uint32_t rank; /* at least 1 */
    uint64_t dims[MF_MAX_RANK];
    uint32_t operand_count;
    int64_t strides[MF_MAX_INPUTS + 1][MF_MAX_RANK]; /* floats; 0 where an operand is broadcast */
} mf_loops;

/* The loops over full, for operands that broadcast to it. */
void mf_loops_make(mf_loops *loops, const mf_shape *full, const mf_shape *const *operands, uint32_t operand_count);

/* An index into the outer axes, all but the last. */
typedef struct mf_position {
    uint64_t index[MF_MAX_RANK];
} mf_position;

/* The number of outer indices, the position of one of them, and the step to the next. */
uint64_t mf_loops_outer(const mf_loops *loops);
mf_position mf_loops_seek(const mf_loops *loops, uint64_t outer);
void mf_loops_next(const mf_loops *loops, mf_position *position);

static inline int64_t mf_loops_offset(const mf_loops *loops, const mf_position *position, uint32_t operand) {
    int64_t offset = 0;
    for (uint32_t axis = 0; axis + 1 < loops->rank; axis++)
        offset += (int64_t)position->index[axis] * loops->strides[operand][axis];
    return offset;
}

#endif
