/* OpenBLAS: the independent reference of the engine's matrix products, and what they are measured against. */
#ifndef C_OPENBLAS_SHIM_H
#define C_OPENBLAS_SHIM_H

#include <cblas.h>

#endif
