/* Gives files to a fuzzing target, without a fuzzer:  host FILE... */
#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>

/* What a fuzzer offers to a target that mutates by itself; nothing is mutated here. */
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t most);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t most) {
    return (void)data, size < most ? size : most;
}

int main(int count, char **arguments) {
    for (int i = 1; i < count; i++) {
        FILE *file = fopen(arguments[i], "rb");
        if (!file) return perror(arguments[i]), 1;
        static uint8_t room[1 << 20];
        size_t size = fread(room, 1, sizeof room, file);
        fclose(file);
        /* Of its own size, so that a read beyond it is noticed. */
        uint8_t *bytes = malloc(size ? size : 1);
        for (size_t k = 0; k < size; k++) bytes[k] = room[k];
        LLVMFuzzerTestOneInput(bytes, size);
        free(bytes);
    }
    printf("%d files\n", count - 1);
    return count < 2;
}
