/* The few messages that processes of one training run exchange, by MPI. Without the package's trait MPI there are none. */
#ifndef C_MESSAGE_PASSING_H
#define C_MESSAGE_PASSING_H

/*
 * Any failure of MPI ends all processes of the run with a message on standard error: that is MPI's own rule. All calls come
 * from the thread that started.
 */

/* Joins the run that mpirun has started: this process is number *rank of *count. */
void mfp_start(int *rank, int *count);

/* Waits for all, and leaves. */
void mfp_finish(void);

/* To one process, which receives as many. */
void mfp_send_floats(const float *values, int count, int to);
void mfp_receive_floats(float *values, int count, int from);

/* From one process to all others. */
void mfp_broadcast_floats(float *values, int count, int from);
void mfp_broadcast_bytes(void *bytes, int count, int from);

/* Replaces values by their sums over all processes. The order of addition is MPI's. */
void mfp_sum_doubles(double *values, int count);

#endif
