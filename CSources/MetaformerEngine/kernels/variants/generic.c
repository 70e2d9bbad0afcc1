/* For any processor: vectors of four floats, as aarch64's NEON and every x86-64 have them. */
#define MF_VARIANT mf_generic
#define MF_WIDTH 4
#if defined(__aarch64__)
#define MF_REGISTERS 32
#else
#define MF_REGISTERS 16
#endif
#include "kernels/variants/vector_kernels.h"
