/*
 * Convolutions that are run as one, so that what lies between them never is in memory as a whole: a depthwise one with the
 * one of one tap before it, the one of one tap after it, or both, as in an inverted bottleneck. They give the bits that they
 * give one by one.
 */
#ifndef MF_KERNELS_BOTTLENECK_H
#define MF_KERNELS_BOTTLENECK_H

#include "kernels/convolution/convolution.h"

/* Notes in a program's calls, whose instructions and shapes are there, which are run by a later one (is_run_later), and of
   that one what it runs first (before). */
void mf_bottleneck_plan(const mf_program *program, mf_call *calls, const mf_variant *variant);

#endif
