/* How floats are rounded, whether denormals are kept, and that nothing traps: hosts set it as they like, for themselves. */
#ifndef MF_SUPPORT_ROUNDING_H
#define MF_SUPPORT_ROUNDING_H

#include <stdint.h>

/* Sets this thread to what the library computes by, and gives what was set before. */
uint64_t mf_rounding_enter(void);

/* Sets it back. */
void mf_rounding_leave(uint64_t before);

#endif
