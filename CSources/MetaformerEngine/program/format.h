/*
 * The binary form of a program. Little-endian; every section starts at a multiple of 8 bytes, in this order:
 *
 *   mf_program_header
 *   mf_buffer_record   [buffer_count]
 *   uint32_t words     [word_count]         instructions back to back
 *   char names         [name_bytes]         zero-terminated UTF-8
 *   constants          [constant_bytes]     at a multiple of 64 from the start of the program, though there be none
 *
 * An instruction is: opcode, word count (this header included), input count, output buffer, input buffers…,
 * attributes…, and for ops that carry an expression: step count, steps….
 *
 * An expression is a straight line of steps over values. Value 0 … n-1 are its inputs, value n + i is the result of
 * step i; the last value is the result (no steps: value 0). A step is one word, serial | a << 8 | b << 16 | c << 24,
 * where a, b, c are value numbers (unused ones 0); a constant step is followed by one word, the bits of the float. At
 *   most 128 values. pointwise, reduce: the inputs are all operands.
 *   convolutions, matmul, standardize: value 0 is the op's own result, then come the operands after the fixed ones
 *   (epilogue operands). The output is seen as (batch, rows, columns): convolution and its input gradient (N, C, H * W); its
 *   weight gradient (1, O, the rest); matmul (leading dims, M, N); standardize (outer dims but the last, the last
 *   outer dim, the standardized dims). An epilogue operand, its dims aligned to the right, covers each of the three either wholly
 *   or with 1s.
 *
 * Buffers that name the same input, output or variable, or lie at one place of the arena, share storage: that is how a
 * tensor is reshaped. A constant's offset counts from the start of the constants.
 */
#ifndef MF_PROGRAM_FORMAT_H
#define MF_PROGRAM_FORMAT_H

#include <stdint.h>

#define MF_PROGRAM_MAGIC 0x4750464dU /* "MFPG" */
#define MF_PROGRAM_VERSION 1U
#define MF_MAX_RANK 6
#define MF_MAX_VALUES 128
#define MF_MAX_INPUTS 64
#define MF_ALIGNMENT 64
#define MF_NO_NAME 0xffffffffU

enum mf_buffer_kind {
    MF_BUFFER_ARENA = 0,    /* scratch value at offset of the arena          */
    MF_BUFFER_INPUT = 1,    /* given by the caller, never written            */
    MF_BUFFER_OUTPUT = 2,   /* written for the caller                        */
    MF_BUFFER_VARIABLE = 3, /* parameter or state, shared between programs   */
    MF_BUFFER_CONSTANT = 4, /* part of the program                           */
};

typedef struct mf_program_header {
    uint32_t magic;
    uint32_t version;
    uint32_t buffer_count;
    uint32_t instruction_count;
    uint32_t word_count;
    uint32_t name_bytes;
    uint64_t constant_bytes;
    uint64_t arena_bytes;
    uint64_t reserved; /* 0 */
} mf_program_header;

typedef struct mf_buffer_record {
    uint32_t kind;
    uint32_t rank;
    uint32_t dims[MF_MAX_RANK]; /* each at least 1; unused ones 0 */
    uint64_t offset;            /* arena, constant: bytes, a multiple of 64; others 0 */
    uint32_t name;              /* input, output, variable: byte offset into names; others MF_NO_NAME */
    uint32_t reserved;          /* 0 */
} mf_buffer_record;

#endif
