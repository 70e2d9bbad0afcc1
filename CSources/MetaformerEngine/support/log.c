#include "support/log.h"

#include <stdarg.h>
#include <stdio.h>

void mf_log_write(const mf_logger *logger, mf_log_level level, const char *format, ...) {
    if (!logger->write) return;
    char text[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    logger->write(logger->opaque, level, text);
}
