#ifndef MF_KERNELS_REDUCE_H
#define MF_KERNELS_REDUCE_H

#include "kernels/loops.h"

/* The shape that a reduction's inputs broadcast to. */
void mf_reduce_full_shape(const mf_call *call, mf_shape *full);

#endif
