#include "kernels/loops.h"

#include <string.h>

void mf_loops_make(mf_loops *loops, const mf_shape *full, const mf_shape *const *operands, uint32_t operand_count) {
    memset(loops, 0, sizeof *loops);
    loops->operand_count = operand_count;
    int64_t stride[MF_MAX_INPUTS + 1];
    for (uint32_t o = 0; o < operand_count; o++) stride[o] = 1;
    /* Axes from the last, kept in reverse until the end; an axis joins the one inside it where all operands run on. */
    uint64_t dims[MF_MAX_RANK];
    int64_t strides[MF_MAX_INPUTS + 1][MF_MAX_RANK];
    uint32_t rank = 0;
    for (uint32_t back = 0; back < full->rank; back++) {
        uint64_t dim = full->dims[full->rank - 1 - back];
        int64_t own[MF_MAX_INPUTS + 1];
        int joins = rank > 0;
        for (uint32_t o = 0; o < operand_count; o++) {
            uint32_t extent = back < operands[o]->rank ? operands[o]->dims[operands[o]->rank - 1 - back] : 1;
            own[o] = extent == 1 ? 0 : stride[o];
            stride[o] *= extent;
            if (joins) joins = own[o] == strides[o][rank - 1] * (int64_t)dims[rank - 1];
        }
        if (dim == 1) continue;
        if (joins) {
            dims[rank - 1] *= dim;
            continue;
        }
        dims[rank] = dim;
        for (uint32_t o = 0; o < operand_count; o++) strides[o][rank] = own[o];
        rank++;
    }
    if (rank == 0) {
        loops->rank = 1, loops->dims[0] = 1;
        return;
    }
    loops->rank = rank;
    for (uint32_t axis = 0; axis < rank; axis++) {
        loops->dims[axis] = dims[rank - 1 - axis];
        for (uint32_t o = 0; o < operand_count; o++) loops->strides[o][axis] = strides[o][rank - 1 - axis];
    }
}

uint64_t mf_loops_outer(const mf_loops *loops) {
    uint64_t count = 1;
    for (uint32_t axis = 0; axis + 1 < loops->rank; axis++) count *= loops->dims[axis];
    return count;
}

mf_position mf_loops_seek(const mf_loops *loops, uint64_t outer) {
    mf_position position = {{0}};
    for (uint32_t axis = loops->rank - 1; axis-- > 0;) {
        position.index[axis] = outer % loops->dims[axis];
        outer /= loops->dims[axis];
    }
    return position;
}

void mf_loops_next(const mf_loops *loops, mf_position *position) {
    for (uint32_t axis = loops->rank - 1; axis-- > 0;) {
        if (++position->index[axis] < loops->dims[axis]) return;
        position->index[axis] = 0;
    }
}
