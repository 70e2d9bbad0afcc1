/* OpenMPI. Swift cannot read its macros: CMessagePassing wraps what is used. */
#ifndef C_OPENMPI_SHIM_H
#define C_OPENMPI_SHIM_H

#include <mpi.h>

#endif
