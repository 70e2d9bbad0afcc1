/* What the host may read along, where it asked for it. */
#ifndef MF_SUPPORT_LOG_H
#define MF_SUPPORT_LOG_H

#include <metaformer.h>

typedef struct mf_logger {
    mf_log write; /* NULL for silence */
    void *opaque;
} mf_logger;

__attribute__((format(printf, 3, 4))) void mf_log_write(const mf_logger *logger, mf_log_level level, const char *format,
                                                        ...);

#endif
