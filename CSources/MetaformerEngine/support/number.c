#include "support/number.h"

#include <math.h>

int mf_number_read(const char **text, double *out_value) {
    double value = 0, scale = 1;
    int exponent = 0, digits = 0, negative = **text == '-';
    const char *c = *text + negative;
    for (; *c >= '0' && *c <= '9'; c++, digits++) value = value * 10 + (*c - '0');
    if (*c == '.')
        for (c++; *c >= '0' && *c <= '9'; c++, digits++) value = value * 10 + (*c - '0'), scale *= 10;
    if (digits && (*c == 'e' || *c == 'E')) {
        int down = *++c == '-', any = 0;
        if (*c == '-' || *c == '+') c++;
        for (; *c >= '0' && *c <= '9'; c++, any = 1)
            if (exponent < 1000) exponent = exponent * 10 + (*c - '0');
        if (!any) return 0;
        if (down) exponent = -exponent;
    }
    if (!digits) return 0;
    *out_value = (negative ? -value : value) / scale * pow(10, exponent);
    *text = c;
    return 1;
}

int mf_number_next(const char **text, double *out_value) {
    const char *c = *text;
    if (!mf_number_read(&c, out_value) || (*c && *c != ' ')) return 0;
    while (*c == ' ') c++;
    *text = c;
    return 1;
}

void mf_number_point(char *text) {
    for (; *text; text++)
        if (*text == ',') *text = '.';
}
