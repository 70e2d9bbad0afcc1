/* How a failure travels: one line where it happens, one where it passes. */
#ifndef MF_SUPPORT_ERROR_H
#define MF_SUPPORT_ERROR_H

#include <metaformer.h>

/* Fills in error, if there is one and its struct_size is set, and returns status. */
__attribute__((format(printf, 3, 4))) mf_status mf_fail(mf_error *error, mf_status status, const char *format, ...);

#define MF_TRY(expression)                                                                                             \
    do {                                                                                                               \
        mf_status mf_try_status = (expression);                                                                        \
        if (mf_try_status != MF_OK) return mf_try_status;                                                              \
    } while (0)

#endif
