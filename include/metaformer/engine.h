/*
 * The lower half of the library, for language layers: programs and the files that hold them.
 *
 * A program is a flat list of instructions over one planned arena (CSources/MetaformerEngine/program/format.h). It is
 * validated once, when opened; a runner then binds its inputs, outputs and variables to memory of the caller's, and
 * runs it any number of times without allocating.
 */
#ifndef METAFORMER_ENGINE_H
#define METAFORMER_ENGINE_H

#include <metaformer.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Programs ---------------------------------------------------------------------------------------------------- */

/** A validated program: immutable, shared between threads. */
typedef struct mf_program mf_program;

/** The highest rank of a tensor, and the largest number of its elements. */
#define MF_TENSOR_MAX_RANK 6
#define MF_TENSOR_MAX_COUNT ((uint64_t)1 << 31)

typedef enum mf_slot_kind { MF_SLOT_INPUT = 1, MF_SLOT_OUTPUT = 2, MF_SLOT_VARIABLE = 3 } mf_slot_kind;

/** A named tensor that a program reads or writes. */
typedef struct mf_slot {
    mf_slot_kind kind;
    const char *name; /**< lives as long as the program */
    uint32_t rank;
    uint32_t dims[MF_TENSOR_MAX_RANK];
    uint64_t count;  /**< elements */
    int32_t written; /**< 1 where the program writes it */
} mf_slot;

/** Validates the bytes of a program and copies them. No byte of an invalid program is ever run. */
MF_API MF_MUST_USE mf_status mf_program_open(const void *data, size_t size, mf_program **out_program, mf_error *error);
MF_API void mf_program_release(mf_program *program);

MF_API size_t mf_program_arena_bytes(const mf_program *program);
MF_API size_t mf_program_instruction_count(const mf_program *program);
MF_API size_t mf_program_slot_count(const mf_program *program);
/** The slot of a number below mf_program_slot_count; NULL past it. */
MF_API const mf_slot *mf_program_slot(const mf_program *program, size_t index);

/** In place of an axis of mf_op_description: the columns are as many axes at the end as the first attribute says. */
#define MF_COLUMNS_BY_ATTRIBUTE (-128)

/** What the instructions of programs can be: a row of the engine's table, CSources/MetaformerEngine/program/ops.def. */
typedef struct mf_op_description {
    size_t struct_size;
    const char *name;        /**< lives for ever; NULL for a number that is no op */
    uint32_t fixed_inputs;   /**< operands that the op itself reads; 0 for any number from 1 */
    int32_t has_expression;  /**< 1 where an expression comes after the attributes, and may read further operands */
    int32_t attribute_words; /**< -1 where the operands say how many */
    int32_t in_place_from; /**< operands from this one on may be where the output is, if they have its dims; -1: none */
    int32_t columns;       /**< the axis, from the end where negative, at which the columns of an expression on the
                                  op's own result begin, after one of rows; 0 where it carries none */
} mf_op_description;

/** The op of a serial number from 1; MF_E_INVALID past the last, or without struct_size. Safe on all threads. */
MF_API MF_MUST_USE mf_status mf_op_info(uint32_t serial, mf_op_description *out_description);

/* ---- Runners ----------------------------------------------------------------------------------------------------- */

/** The kernels that a runner uses; automatic takes the best that the processor has. Generic ones run everywhere: they
 *  are the best on processors without AVX2, and on aarch64, where they use NEON. */
typedef enum mf_isa {
    MF_ISA_AUTOMATIC = 0,
    MF_ISA_REFERENCE = 1,
    MF_ISA_AVX2 = 2,
    MF_ISA_AVX512 = 3,
    MF_ISA_GENERIC = 4,
    MF_ISA_AVX512_VNNI = 5, /**< as AVX512, with its instructions for 8-bit integers */
    MF_ISA_AVX2_VNNI = 6    /**< as AVX2, with those that AVX-VNNI adds for 8-bit integers */
} mf_isa;

/** The best set that this processor runs. */
MF_API mf_isa mf_isa_best(void);
/** The set that a runner takes where it is asked for isa: itself, or for automatic the best, or the one that MF_FORCE_ISA names.
 *  MF_E_UNSUPPORTED where this processor has no such set, MF_E_INVALID where there is none, or MF_FORCE_ISA names none. */
MF_API MF_MUST_USE mf_status mf_isa_resolve(mf_isa isa, mf_isa *out_isa, mf_error *error);
MF_API const char *mf_isa_name(mf_isa isa);

/** A program with an arena of its own. Not shared between threads. */
typedef struct mf_runner mf_runner;

typedef struct mf_runner_options {
    size_t struct_size;
    int32_t threads; /**< 1 to 256; 0 for one a processor */
    mf_isa isa;
    const mf_allocator *allocator; /**< NULL for malloc */
    const mf_thread_pool *pool;    /**< NULL for OpenMP's threads; copied */
    /** INT8: convolutions of one tap, and of one channel to one, whose outputs are limited from 0 on and read by such alone,
     *  store bytes, and those that read them add up whole numbers. */
    mf_precision precision;
    int32_t reserved; /**< 0 */
} mf_runner_options;

/** Creates a runner, and allocates all that it will ever need. The program may be released before it. */
MF_API MF_MUST_USE mf_status mf_runner_create(mf_program *program, const mf_runner_options *options,
                                              mf_runner **out_runner, mf_error *error);
MF_API void mf_runner_release(mf_runner *runner);

/** Binds all slots of a name to count floats, at a multiple of 4 bytes, that stay there until bound anew or released.
 *  */
MF_API MF_MUST_USE mf_status mf_runner_bind(mf_runner *runner, const char *name, float *data, size_t count,
                                            mf_error *error);

/** Has kernels keep packed forms of the weights that the program reads and never writes, which then cost no time in each
 *  run: what lies in its variables, all bound by now (MF_E_STATE), changes from here on only by being bound anew. Allocates. */
MF_API MF_MUST_USE mf_status mf_runner_prepack(mf_runner *runner, mf_error *error);

/** The former name of mf_runner_prepack, for hosts that were linked with it. */
MF_API MF_MUST_USE mf_status mf_runner_settle(mf_runner *runner, mf_error *error);

/** Runs every instruction in order. MF_E_STATE where a slot is not bound. Allocates nothing. */
MF_API MF_MUST_USE mf_status mf_runner_run(mf_runner *runner, mf_error *error);

/** Bytes of scratch that the runner's kernels asked for, beside the arena. */
MF_API size_t mf_runner_scratch_bytes(const mf_runner *runner);

/** One instruction's share of the last mf_runner_run. */
/** Times every instruction of the runs that follow. */
MF_API void mf_runner_set_timing(mf_runner *runner, int enabled);

/** What an instruction took in the last run that was timed; MF_E_INVALID past the last one. mf_program_instruction says
 *  what it did. */
MF_API MF_MUST_USE mf_status mf_runner_timing(const mf_runner *runner, size_t index, uint64_t *out_nanoseconds);

/* ---- Measuring --------------------------------------------------------------------------------------------------- */

/** What an instruction of a program does. */
typedef struct mf_instruction_info {
    size_t struct_size;
    const char *op;                    /**< its name, which lives for ever */
    uint32_t rank;                     /**< of its output */
    uint32_t dims[MF_TENSOR_MAX_RANK]; /**< of its output */
    uint64_t flops;                    /**< multiplications and additions */
    uint64_t bytes;                    /**< of what it reads and writes, each tensor counted once */
} mf_instruction_info;

/** The instruction of a number below mf_program_instruction_count; MF_E_INVALID past it. */
MF_API MF_MUST_USE mf_status mf_program_instruction(const mf_program *program, size_t index,
                                                    mf_instruction_info *out_info);

/** What a machine does at best, with the threads and the instruction set that a runner would use. */
typedef struct mf_machine {
    size_t struct_size;
    double flops_per_second; /**< multiplications and additions in registers, fused where the processor can */
    double bytes_per_second; /**< read and written, of arrays that no cache holds */
} mf_machine;

/** Measures it there and then: some tenths of a second, and 192 MiB. MF_E_INVALID, MF_E_UNSUPPORTED, MF_E_NOMEM. */
MF_API MF_MUST_USE mf_status mf_machine_measure(const mf_runner_options *options, mf_machine *out_machine,
                                                mf_error *error);

/* ---- Operations -------------------------------------------------------------------------------------------------- */

/* The engine's kernels on plain buffers: fp32, row-major, without gaps; the same bits as the instruction of a program.
 * The output is none of the inputs. options may be NULL; scratch is allocated for the call. Errors are MF_E_INVALID,
 * MF_E_LIMIT (over MF_TENSOR_MAX_COUNT elements), MF_E_UNSUPPORTED (an instruction set) and MF_E_NOMEM. */

/** A cross-correlation with zero padding: x [batch, channels, height, width], w [filters, channels / groups,
 *  kernel_height, kernel_width] -> y [batch, filters, out_height, out_width]. */
typedef struct mf_convolution {
    size_t struct_size;
    int32_t batch, channels, height, width;
    int32_t filters, kernel_height, kernel_width;
    int32_t stride_y, stride_x;
    int32_t pad_top, pad_left, pad_bottom, pad_right;
    int32_t groups; /**< of channels and filters alike; 0 for 1 */
} mf_convolution;

/** The height and width of the output: (height + pad_top + pad_bottom - kernel_height) / stride_y + 1, rounded down. */
MF_API MF_MUST_USE mf_status mf_convolution_size(const mf_convolution *shape, int32_t *out_height, int32_t *out_width,
                                                 mf_error *error);
MF_API MF_MUST_USE mf_status mf_convolution_run(const mf_convolution *shape, const float *x, const float *w, float *y,
                                                const mf_runner_options *options, mf_error *error);

/** softmax(scale q kT) v: q [batch, queries, width], k [batch, keys, width], v [batch, keys, value_width] -> y [batch,
 *  queries, value_width]. */
typedef struct mf_attention {
    size_t struct_size;
    int32_t batch, queries, keys, width, value_width;
    float scale; /**< 1 / sqrt(width) is usual */
} mf_attention;

MF_API MF_MUST_USE mf_status mf_attention_run(const mf_attention *shape, const float *q, const float *k, const float *v,
                                              float *y, const mf_runner_options *options, mf_error *error);

/* ---- Frames ------------------------------------------------------------------------------------------------------ */

/**
 * A frame as an inspection sees it: planes [channels, height, width] in [0, 1], channels being 1 (luma) or 3 (red,
 * green, blue), resampled without aliasing. By this, training sees what inspections will.
 */
MF_API MF_MUST_USE mf_status mf_frame_planes(const mf_image *frame, int32_t channels, int32_t height, int32_t width,
                                             float *planes, mf_error *error);

/** The highest of count samples of 16 bits, 0 of none; and the fewest of 8, 10, 12, 14 and 16 bits that hold it. */
MF_API uint16_t mf_samples_highest(const uint16_t *samples, size_t count);
MF_API int32_t mf_samples_bits(uint16_t highest);

/**
 * Whether a set of frames fits a model that was adapted from frames of so many bits: so many of them have 8 bits a sample, so
 * many more, of which the highest is given. MF_E_INVALID where they do not.
 */
MF_API MF_MUST_USE mf_status mf_depth_fit(uint64_t shallow, uint64_t deep, uint16_t highest, int32_t adapted_bits,
                                          mf_error *error);

/**
 * The map of a context's last inspection at any size, for images of it: where this is the frame's, what mf_inspect gives.
 * MF_E_STATE where nothing has been inspected, or the frame was tiled: its map is never whole.
 */
MF_API MF_MUST_USE mf_status mf_context_map(mf_context *context, mf_map *map);

/* ---- Scores ------------------------------------------------------------------------------------------------------ */

/**
 * The score of a map as an inspection gives it: the mean of its highest values.
 * @param values  count values, count at least 1
 * @param share   of the values, in [0, 1], rounded up: the setting "score.share" of a model file; 0 for the highest alone
 * @return MF_OK, MF_E_INVALID, MF_E_NOMEM
 */
MF_API MF_MUST_USE mf_status mf_map_score(const float *values, size_t count, double share, float *out_score,
                                          mf_error *error);

/* ---- Thresholds -------------------------------------------------------------------------------------------------- */

/**
 * The score that a good image exceeds with the given probability, from the scores of good images that the model was not
 * adapted to: an order statistic below the highest where they suffice for it (conformal prediction), otherwise a prediction
 * bound of their logarithms, whose spread is known in part from other products.
 * @param scores    count finite scores, count at least 1
 * @param rate      in (0, 0.5]
 * @param out_rule  NULL, or receives "conformal" or "extrapolated", which live for ever
 * @return MF_OK, MF_E_INVALID, MF_E_NOMEM
 */
MF_API MF_MUST_USE mf_status mf_threshold_fit(const float *scores, size_t count, double rate, float *out_threshold,
                                              const char **out_rule, mf_error *error);

/**
 * One of the folds of count good frames that an adaptation by gradient holds out for its threshold: of 30 or more a single
 * one, a fifth of them but 10 at least; of fewer three, or as many as there are; of a single frame none.
 * @param order      count places, which receive the frames in an order that the seed alone decides, those held out last
 * @param out_held   how many these are
 * @param out_folds  NULL, or how many folds there are
 * @return MF_OK; MF_E_INVALID where fold is none of them
 */
MF_API MF_MUST_USE mf_status mf_hold_out_fold(uint64_t seed, size_t count, size_t fold, size_t *order, size_t *out_held,
                                              size_t *out_folds, mf_error *error);

/** Copies planes [planes, height, width] moved down and to the right, by less than a side; the edges are mirrored. */
MF_API MF_MUST_USE mf_status mf_planes_shift(const float *from, size_t planes, int32_t height, int32_t width,
                                             int32_t down, int32_t right, float *to, mf_error *error);

/**
 * What is normal at each position of good frames' maps, by sums over them: "normal.mean", and "normal.gain", one over the
 * spread, which has a floor, since a few frames say little of it.
 * @param sums, squares, counts  of the values at each of the positions; where the count is 0, mean and gain become what
 *                               they are elsewhere on average
 */
MF_API MF_MUST_USE mf_status mf_map_normality(const double *sums, const double *squares, const double *counts,
                                              size_t positions, float *mean, float *gain, mf_error *error);

/* ---- Digests ----------------------------------------------------------------------------------------------------- */

/** What tells bytes from others that were not made to deceive: XXH3, 64 bits. data may be NULL where size is 0. */
MF_API uint64_t mf_digest(const void *data, size_t size);

/* ---- Tensor files ------------------------------------------------------------------------------------------------ */

/* A model file is one .safetensors file: parameters as F32 or F16 tensors, programs as U8 tensors named "program/…",
 * the configuration as metadata. Besides it the metadata holds "format" (see MF_FILE_FORMAT) and "checksum" (XXH3-128
 * of the whole file with the checksum's own digits as '0'). */

#define MF_FILE_FORMAT "metaformer 1"

typedef enum mf_dtype {
    MF_F32 = 1,
    MF_U8 = 2,
    MF_F16 = 3 /**< in files only: an open file's tensors are MF_F32, widened; those to write are rounded from floats */
} mf_dtype;

typedef struct mf_tensor {
    const char *name;
    mf_dtype dtype;
    uint32_t rank;
    uint64_t dims[MF_TENSOR_MAX_RANK];
    const void *data; /**< at a multiple of 8 bytes */
    size_t bytes;
} mf_tensor;

typedef struct mf_entry {
    const char *key;
    const char *value;
} mf_entry;

/** A tensor file in memory: immutable, shared between threads. */
typedef struct mf_file mf_file;

MF_API MF_MUST_USE mf_status mf_file_open(const char *path, mf_file **out_file, mf_error *error);
MF_API MF_MUST_USE mf_status mf_file_open_memory(const void *data, size_t size, mf_file **out_file, mf_error *error);
MF_API void mf_file_release(mf_file *file);
MF_API size_t mf_file_tensor_count(const mf_file *file);
MF_API const mf_tensor *mf_file_tensor(const mf_file *file, size_t index);
/** The type that a tensor has in the file itself. */
MF_API mf_dtype mf_file_dtype(const mf_file *file, size_t index);
/** The tensor of a name, or NULL. */
MF_API const mf_tensor *mf_file_find(const mf_file *file, const char *name);
MF_API size_t mf_file_entry_count(const mf_file *file);
MF_API const mf_entry *mf_file_entry(const mf_file *file, size_t index);

/** Writes tensors and metadata ("format" and "checksum" are added) to a temporary file beside path, syncs and renames
 *  it. The data of a tensor of type MF_F16 are floats, bytes those of floats: they are rounded to nearest, ties to even;
 *  MF_E_LIMIT where a finite one is beyond 65504. */
MF_API MF_MUST_USE mf_status mf_file_write(const char *path, const mf_tensor *tensors, size_t tensor_count,
                                           const mf_entry *entries, size_t entry_count, mf_error *error);
/** As mf_file_write, by a function of the host's; see mf_model_write. A number that half precision does not hold is found
 *  before its first call. */
MF_API MF_MUST_USE mf_status mf_file_write_to(const mf_writer *writer, const mf_tensor *tensors, size_t tensor_count,
                                              const mf_entry *entries, size_t entry_count, mf_error *error);

/* Files appear whole: they are written to a temporary file in the folder of path, which is then renamed. It is locked
 * (flock) as long as a descriptor of it is open, so that one that is not is known to have lost its process. */

/** Makes a temporary file beside path, ".metaformer-<name>.<six letters>", and writes its path into room bytes. The
 *  descriptor, or -1 and errno. */
MF_API int mf_temporary_make(const char *path, char *name, size_t room);

/** Removes temporary files beside path that killed processes have left. Any thread, at any time. */
MF_API void mf_temporary_sweep(const char *path);

#ifdef __cplusplus
}
#endif

#endif
