/* Which process this is: a child of fork is another than its parent, and has none of its threads. */
#ifndef MF_SUPPORT_PROCESS_H
#define MF_SUPPORT_PROCESS_H

/* A number above 0 that differs between a process and its children, without a call of the system. */
int mf_process(void);

#endif
