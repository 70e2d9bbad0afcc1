#include "support/error.h"

#include "support/abi.h"

#include <stdarg.h>
#include <stdio.h>

#define MF_TEXT_OF(x) MF_TEXT_OF_(x)
#define MF_TEXT_OF_(x) #x

const char *mf_version(void) {
    return MF_TEXT_OF(MF_VERSION_MAJOR) "." MF_TEXT_OF(MF_VERSION_MINOR) "." MF_TEXT_OF(MF_VERSION_PATCH);
}

const char *mf_status_name(mf_status status) {
    switch (status) {
    case MF_OK:
        return "MF_OK";
    case MF_E_INVALID:
        return "MF_E_INVALID";
    case MF_E_UNSUPPORTED:
        return "MF_E_UNSUPPORTED";
    case MF_E_STATE:
        return "MF_E_STATE";
    case MF_E_NOMEM:
        return "MF_E_NOMEM";
    case MF_E_IO:
        return "MF_E_IO";
    case MF_E_FORMAT:
        return "MF_E_FORMAT";
    case MF_E_CHECKSUM:
        return "MF_E_CHECKSUM";
    case MF_E_VERSION:
        return "MF_E_VERSION";
    case MF_E_LIMIT:
        return "MF_E_LIMIT";
    case MF_E_SIGNATURE:
        return "MF_E_SIGNATURE";
    case MF_E_DEADLINE:
        return "MF_E_DEADLINE";
    case MF_E_CANCELLED:
        return "MF_E_CANCELLED";
    }
    return "unknown status";
}

mf_status mf_fail(mf_error *error, mf_status status, const char *format, ...) {
    if (error) {
        mf_error own = {.status = status};
        va_list arguments;
        va_start(arguments, format);
        vsnprintf(own.text, sizeof own.text, format, arguments);
        va_end(arguments);
        mf_error_write(error, &own);
    }
    return status;
}
