/* What a fuzzer gives to a target, and what replay.c gives from files. */
#ifndef FUZZ_H
#define FUZZ_H
#include <stddef.h>
#include <stdint.h>
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A bug to prove that a target finds bugs: a byte beyond a block is read once the target got as far as it is to get. */
#ifdef PLANTED_BUG
#include <stdlib.h>
#define PLANT(condition)                                                                                               \
    do {                                                                                                               \
        if (condition) {                                                                                               \
            volatile char *block = malloc(1);                                                                          \
            block[0] = block[1];                                                                                       \
        }                                                                                                              \
    } while (0)
#else
#define PLANT(condition) ((void)(condition))
#endif
#endif
