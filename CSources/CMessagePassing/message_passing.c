#include "CMessagePassing.h"

#ifdef METAFORMER_MPI

#include <mpi.h>

void mfp_start(int *rank, int *count) {
    int provided;
    MPI_Init_thread(0, 0, MPI_THREAD_FUNNELED, &provided);
    MPI_Comm_rank(MPI_COMM_WORLD, rank);
    MPI_Comm_size(MPI_COMM_WORLD, count);
}

void mfp_finish(void) {
    MPI_Finalize();
}

void mfp_send_floats(const float *values, int count, int to) {
    MPI_Send(values, count, MPI_FLOAT, to, 0, MPI_COMM_WORLD);
}

void mfp_receive_floats(float *values, int count, int from) {
    MPI_Recv(values, count, MPI_FLOAT, from, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
}

void mfp_broadcast_floats(float *values, int count, int from) {
    MPI_Bcast(values, count, MPI_FLOAT, from, MPI_COMM_WORLD);
}

void mfp_broadcast_bytes(void *bytes, int count, int from) {
    MPI_Bcast(bytes, count, MPI_BYTE, from, MPI_COMM_WORLD);
}

void mfp_sum_doubles(double *values, int count) {
    MPI_Allreduce(MPI_IN_PLACE, values, count, MPI_DOUBLE, MPI_SUM, MPI_COMM_WORLD);
}

#else

typedef int mfp_nothing; /* ISO C has no empty file */

#endif
