/* Decimal numbers whatever the host's locale: its comma or point would change what strtod reads and printf writes. */
#ifndef MF_SUPPORT_NUMBER_H
#define MF_SUPPORT_NUMBER_H

/* Reads a number at *text, and moves *text behind it; 0 where there is none. */
int mf_number_read(const char **text, double *out_value);

/* Reads the next of numbers with blanks between them, and moves *text to the one after it; 0 where none stands there. */
int mf_number_next(const char **text, double *out_value);

/* Makes of a number that printf wrote one with a point. */
void mf_number_point(char *text);

#endif
