/*
 * Metaformer: finds defects in images, from a handful of good ones.
 *
 * The contract of libmetaformer for host programs. A host opens a model (mf_model), creates a context of it for each of
 * its threads (mf_context), and hands over camera frames:
 *
 *     mf_model *model;
 *     mf_context *context;
 *     mf_error error = MF_INIT(mf_error);
 *     if (mf_model_open_file("washer.safetensors", NULL, &model, &error)) fail(error.text);
 *     if (mf_context_create(model, NULL, &context, &error)) fail(error.text);
 *     mf_image frame = MF_INIT(mf_image);
 *     frame.pixel_format = MF_PIXEL_MONO8;
 *     frame.width = width, frame.height = height, frame.row_stride = stride, frame.data = pixels;
 *     mf_result result = MF_INIT(mf_result);
 *     if (mf_inspect(context, &frame, NULL, NULL, &result)) fail(mf_context_error(context));
 *     if (result.is_anomalous) reject();
 *
 * mf_adapt adapts a model to a product, by good frames of it. A model to adapt to comes with the library, trained on photographs
 * of many things: share/metaformer/universal.safetensors below the prefix that it is installed to. pkg-config's
 * variable universal_model has its path, and Metaformer_UNIVERSAL_MODEL after CMake's find_package.
 *
 * Rules that hold everywhere:
 * - Every function that can fail returns an mf_status. On failure its out-parameters are untouched, there is nothing to
 *   free, and a text says what was wrong: in the mf_error given, or, once there is a context, from mf_context_error.
 * - A struct that may grow starts with struct_size; MF_INIT sets it. See "Growth" below.
 * - Release functions take NULL.
 * - The library keeps no global mutable state but the process that started OpenMP's threads, never exits or aborts, and writes nothing to the standard streams. The
 *   one environment variable that it reads is MF_FORCE_ISA (reference, generic, avx2, avx2vnni, avx512 or avx512vnni), for testing.
 * - Results are the same, bit for bit, for any number of threads.
 * - After fork the threads of the parent are not there in the child. Where OpenMP's have worked in the parent, calls that
 *   would wait for them in the child return MF_E_STATE: there, use contexts and options of one thread, which may have
 *   been created in the parent, or a pool of the host's; or start processes afresh (exec, posix_spawn). Other libraries
 *   that use OpenMP in the parent cannot be noticed: then too, one thread is what works.
 */
#ifndef METAFORMER_H
#define METAFORMER_H

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define MF_API __attribute__((visibility("default")))
#define MF_MUST_USE __attribute__((warn_unused_result))
#else
#define MF_API
#define MF_MUST_USE
#endif

/* ---- Growth ------------------------------------------------------------------------------------------------------ */

/*
 * A program that was built with this header runs with every later library of the same ABI; and with an earlier one, as
 * long as it asks for nothing new. What makes it so:
 *
 * - Functions, statuses and constants are added, never changed or taken away.
 * - Fields are added at the end of structs that start with struct_size, and to no others. A field of zero always means
 *   what was so before there was the field.
 * - struct_size says which form a struct has: its sizeof, by the header that the host was built with. The library takes
 *   every form since the first. What an older, smaller one lacks counts as zero, and nothing is read or written beyond
 *   it. A newer, larger one is taken as long as the fields that the library does not know are zero; where one is not,
 *   the library cannot do what is asked: it returns MF_E_UNSUPPORTED, and a text that names the struct. In a result
 *   they stay as they were.
 * - The structs of an array all have one form, and lie struct_size apart.
 *
 * So all that is not meant must be zero, padding too: begin with MF_INIT or memset, and set fields by their names.
 */

/** Counts the changes that programs do not survive: the number in the library's file name, libmetaformer.so.1. */
#define METAFORMER_ABI 1

/**
 * The initialiser of a struct: all zero but for its struct_size.
 *
 *     mf_context_options options = MF_INIT(mf_context_options);
 *     options.threads = 4;
 *
 * For the definition of a variable, in C99 and C++11 and all that came later; for other places there is memset.
 */
#ifdef __cplusplus
extern "C++" {
template <class Struct> inline Struct mf_init() {
    Struct value = Struct();
    value.struct_size = sizeof(Struct);
    return value;
}
}
#define MF_INIT(type) mf_init<type>()
#else
#define MF_INIT(type)                                                                                                  \
    { .struct_size = sizeof(type) }
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Version ----------------------------------------------------------------------------------------------------- */

#define MF_VERSION_MAJOR 0
#define MF_VERSION_MINOR 1
#define MF_VERSION_PATCH 0

/** The version of the library in use, as "major.minor.patch". */
MF_API const char *mf_version(void);

/* ---- Status ------------------------------------------------------------------------------------------------------ */

/** What went wrong; the high nibble is the group: 1 a mistake of the caller, 2 a resource or a file, 3 an interruption. */
typedef enum mf_status {
    MF_OK = 0,
    MF_E_INVALID = 0x11,     /**< an argument is NULL, out of range, or does not fit another                     */
    MF_E_UNSUPPORTED = 0x12, /**< well-formed, but not something that this library does (say, a pixel format)    */
    MF_E_STATE = 0x13,       /**< called in the wrong order, or on a model that lacks the program needed         */
    MF_E_NOMEM = 0x21,       /**< the allocator returned NULL                                                    */
    MF_E_IO = 0x22,          /**< a file could not be read or written                                            */
    MF_E_FORMAT = 0x23,      /**< not a model file, or a malformed one                                           */
    MF_E_CHECKSUM = 0x24,    /**< the file's contents do not match their checksum                                */
    MF_E_VERSION = 0x25,     /**< the file was written by a newer version                                        */
    MF_E_LIMIT = 0x26,       /**< a size is over a stated limit                                                  */
    MF_E_SIGNATURE = 0x27,   /**< the host's verify refused the file                                             */
    MF_E_DEADLINE = 0x31,    /**< the time limit that the host gave is over                                      */
    MF_E_CANCELLED = 0x32    /**< the host asked to stop                                                         */
} mf_status;

/** Where a function that has no context puts its text. May be NULL wherever it is taken. */
typedef struct mf_error {
    size_t struct_size;
    mf_status status;
    char text[248]; /**< zero-terminated UTF-8, one line */
} mf_error;

/** The name of a status, such as "MF_E_FORMAT"; "unknown status" for other numbers. */
MF_API const char *mf_status_name(mf_status status);

/* ---- Memory ------------------------------------------------------------------------------------------------------ */

/** The host's allocator. Both functions may be called from the thread that calls the library, never from its workers.
 *  */
typedef struct mf_allocator {
    size_t struct_size;
    void *opaque;
    /** Returns size bytes at a multiple of alignment (a power of two, at most 4096), or NULL. */
    void *(*allocate)(void *opaque, size_t size, size_t alignment);
    /** Takes back what allocate gave; pointer may be NULL. */
    void (*release)(void *opaque, void *pointer);
} mf_allocator;

/* ---- What a host may give ---------------------------------------------------------------------------------------- */

typedef enum mf_log_level { MF_LOG_INFO = 1, MF_LOG_WARNING = 2 } mf_log_level;

/** Receives a line of text, without its end, while a model is opened, a context created or a product adapted; from the
 *  thread that called. Nothing is ever written during an inspection. */
typedef void (*mf_log)(void *opaque, mf_log_level level, const char *text);

/** Threads of the host's, instead of OpenMP's. Results are the same bits. */
typedef struct mf_thread_pool {
    size_t struct_size;
    void *opaque;
    /** Calls work(context, index) once for each index below count, on any threads, some or all at the same time, and
     *  returns when all calls have returned. Called from the thread that called the library; count is at most the
     *  threads of the options. */
    void (*run)(void *opaque, size_t count, void (*work)(void *context, size_t index), void *context);
} mf_thread_pool;

/* ---- Model ------------------------------------------------------------------------------------------------------- */

/** Parameters, programs and configuration of one product or of a universal model: immutable, shared between threads. It
 *  knows a product once it was adapted to one: it then has the setting "threshold". */
typedef struct mf_model mf_model;

/** The largest model file that is opened, bytes. */
#define MF_MAX_FILE_BYTES ((uint64_t)1 << 32)

typedef struct mf_open_options {
    size_t struct_size;
    const mf_allocator *allocator; /**< NULL for malloc; copied, and used by everything made from this model */
    mf_log log;                    /**< NULL for silence; else of everything made from this model */
    void *opaque;                  /**< handed to log and verify */
    /** NULL, or called with all bytes of the file before the library looks at any of them: 0 to open it. The bytes that it
     *  was given are those that are opened, so that a signature of them holds; docs/HOSTS.md has an example. */
    int (*verify)(void *opaque, const void *bytes, size_t size);
} mf_open_options;

/**
 * Opens a model file. Everything is checked before memory is allocated for it: structure, sizes, checksum, instructions.
 * @param options  NULL for none
 * @return MF_OK, MF_E_IO, MF_E_FORMAT, MF_E_CHECKSUM, MF_E_VERSION, MF_E_LIMIT, MF_E_NOMEM, MF_E_INVALID, MF_E_SIGNATURE
 */
MF_API MF_MUST_USE mf_status mf_model_open_file(const char *path, const mf_open_options *options, mf_model **out_model,
                                                mf_error *error);

/** As mf_model_open_file, from memory, which is copied and need not outlive the call. */
MF_API MF_MUST_USE mf_status mf_model_open_memory(const void *data, size_t size, const mf_open_options *options,
                                                  mf_model **out_model, mf_error *error);

/** Bytes that lie where only the host can read them: in flash, say, or in an archive. */
typedef struct mf_reader {
    size_t struct_size;
    void *opaque;
    uint64_t size; /**< bytes of the model */
    /** Fills buffer with bytes from an offset on; 0 where it could. Called from the thread that called the library. */
    int (*read)(void *opaque, uint64_t offset, void *buffer, size_t bytes);
} mf_reader;

/** As mf_model_open_file, by a function of the host's, which is not used after the call; MF_E_IO where it fails. */
MF_API MF_MUST_USE mf_status mf_model_open_reader(const mf_reader *reader, const mf_open_options *options,
                                                  mf_model **out_model, mf_error *error);

/**
 * Writes a model file: to a temporary file beside path, synced, then renamed over it; on failure, what was at path is
 * there still, or the new file, whole, where the text says that it is written: its folder alone could not be synced then.
 * A model reads back bit for bit: what its file had in half precision and adaptation did not change is written in half
 * precision again. Any number of threads may write one model.
 * @return MF_OK, MF_E_INVALID, MF_E_IO, MF_E_LIMIT (over MF_MAX_FILE_BYTES), MF_E_NOMEM
 */
MF_API MF_MUST_USE mf_status mf_model_save(const mf_model *model, const char *path, mf_error *error);

/** Takes bytes to where only the host can write them: to flash, say, into a database or over a network. */
typedef struct mf_writer {
    size_t struct_size;
    void *opaque;
    /** Takes the next count bytes, at least 1, which stay where they are during the call only; 0 where it could. Called
     *  from the thread that called the library. */
    int (*write)(void *opaque, const void *bytes, size_t count);
} mf_writer;

/**
 * As mf_model_save, by a function of the host's, which gets the bytes of the file in order, in pieces of any size, and is
 * not used after the call. Nothing the size of the model is allocated. Where the function fails it is not called again,
 * the host has part of a file, and the call returns MF_E_IO.
 */
MF_API MF_MUST_USE mf_status mf_model_write(const mf_model *model, const mf_writer *writer, mf_error *error);

/** A value of the model's configuration, such as "input.width", or NULL where it has none; lives as long as the model. */
MF_API const char *mf_model_setting(const mf_model *model, const char *key);

/** Releases a model. Contexts keep what they need: a model may be released before them. A second release is without
 *  effect as long as a context of the model is left. After that, and of all other handles, it is a mistake that cannot
 *  be caught. */
MF_API void mf_model_release(mf_model *model);

/* ---- Images ------------------------------------------------------------------------------------------------------ */

/**
 * Pixel formats by their GenICam PFNC number. Values of 10 to 14 bits lie in the low bits of 16, where the name has no p:
 *
 * - Mono10p and Mono12p are a stream of bits, the lowest of each value first; Mono10Packed and Mono12Packed (of GigE Vision)
 *   are two values in three bytes, whose middle one has the low bits of both. A row begins with a byte of its own.
 * - Bayer mosaics are named by the first two pixels of the first row. The colours that a pixel has not are the mean of its
 *   two or four nearest neighbours that have them (bilinear); at the frame's edges, of the neighbours mirrored.
 * - YUV422_8 and YCbCr422_8 are Y, U, Y, V of two pixels, which share U and V; UYVY and CbYCrY have U, Y, V, Y. They become
 *   red, green and blue by BT.601 over the whole range of 8 bits. A row of an odd width is filled up to whole pairs.
 * - Where a host does not know how many bits its camera uses, it says so by MF_PIXEL_MONO16_UNSTATED and its like:
 *   mf_adapt tells it by the values over all frames (the fewest of 8, 10, 12, 14 and 16 that hold them), and the new model
 *   has it as its setting adapted.bits. An inspection takes such frames with the model's bits: MF_E_INVALID where a value is
 *   beyond them, or the model has no such setting. A model whose depth was told in this way (adapted.depth is recognised)
 *   refuses frames that state another as well, those of 8 bits among them, unless its context takes any.
 */
typedef enum mf_pixel_format {
    MF_PIXEL_MONO8 = 0x01080001,
    MF_PIXEL_MONO10 = 0x01100003,
    MF_PIXEL_MONO12 = 0x01100005,
    MF_PIXEL_MONO14 = 0x01100025,
    MF_PIXEL_MONO16 = 0x01100007,
    MF_PIXEL_RGB8 = 0x02180014,
    MF_PIXEL_BGR8 = 0x02180015,
    MF_PIXEL_RGBA8 = 0x02200016,
    MF_PIXEL_BGRA8 = 0x02200017,
    MF_PIXEL_RGB16 = 0x02300033,
    MF_PIXEL_MONO10P = 0x010A0046,
    MF_PIXEL_MONO12P = 0x010C0047,
    MF_PIXEL_MONO10_PACKED = 0x010C0004,
    MF_PIXEL_MONO12_PACKED = 0x010C0006,
    MF_PIXEL_BAYER_GR8 = 0x01080008,
    MF_PIXEL_BAYER_RG8 = 0x01080009,
    MF_PIXEL_BAYER_GB8 = 0x0108000A,
    MF_PIXEL_BAYER_BG8 = 0x0108000B,
    MF_PIXEL_BAYER_GR10 = 0x0110000C,
    MF_PIXEL_BAYER_RG10 = 0x0110000D,
    MF_PIXEL_BAYER_GB10 = 0x0110000E,
    MF_PIXEL_BAYER_BG10 = 0x0110000F,
    MF_PIXEL_BAYER_GR12 = 0x01100010,
    MF_PIXEL_BAYER_RG12 = 0x01100011,
    MF_PIXEL_BAYER_GB12 = 0x01100012,
    MF_PIXEL_BAYER_BG12 = 0x01100013,
    MF_PIXEL_YUV422_8 = 0x02100032,
    MF_PIXEL_YUV422_8_UYVY = 0x0210001F,
    MF_PIXEL_YCBCR422_8 = 0x0210003B,
    MF_PIXEL_YCBCR422_8_CBYCRY = 0x02100043,
    MF_PIXEL_RGB10 = 0x02300018,
    MF_PIXEL_BGR10 = 0x02300019,
    MF_PIXEL_RGB12 = 0x0230001A,
    MF_PIXEL_BGR12 = 0x0230001B,
    MF_PIXEL_RGB14 = 0x0230005E,
    MF_PIXEL_BGR14 = 0x0230004A,
    MF_PIXEL_BGR16 = 0x0230004B
} mf_pixel_format;

/** 16 bits a sample, of which it is not stated how many low ones are in use: of the numbers that PFNC leaves to others. */
#define MF_PIXEL_MONO16_UNSTATED 0x81100007u
#define MF_PIXEL_RGB16_UNSTATED 0x82300033u
#define MF_PIXEL_BGR16_UNSTATED 0x8230004Bu

/** The smallest and largest width and height of a frame, pixels. */
#define MF_MIN_SIDE 32
#define MF_MAX_SIDE 65535

/** A frame of the host's. The library reads it during the call and never writes it, nor reads between the rows. */
typedef struct mf_image {
    size_t struct_size;
    uint32_t pixel_format; /**< an mf_pixel_format */
    int32_t width, height; /**< pixels */
    /** Bytes from a row to the next; negative for a frame that is stored bottom-up. */
    ptrdiff_t row_stride;
    const void *data; /**< the first pixel of the top row */
} mf_image;

/** A region of interest as one byte a pixel of the frame: 0 is ignored, all else is inspected. */
typedef struct mf_mask {
    size_t struct_size;
    int32_t width, height; /**< the frame's own */
    ptrdiff_t row_stride;
    const uint8_t *data;
} mf_mask;

/** A float image of the host's, which receives the anomaly map. */
typedef struct mf_map {
    size_t struct_size;
    int32_t width, height; /**< the frame's own */
    ptrdiff_t row_stride;  /**< bytes */
    float *data;
} mf_map;

/**
 * How a frame of any size comes to the model's input of fixed size: the setting "input.framing" of a model.
 *
 * In LETTERBOX, padding repeats the frame's edges and counts for nothing. In TILE, the frame is not scaled: tiles of the
 * input's size cover it, each sharing at least a quarter with its neighbours, and their maps are blended by smooth
 * weights; the score, the map and the regions are then exact to a pixel, and memory does not grow with the frame.
 */
typedef enum mf_framing {
    MF_FRAMING_OWN = 0,       /**< of options: as the model says                           */
    MF_FRAMING_STRETCH = 1,   /**< the whole frame, scaled to the input's width and height */
    MF_FRAMING_LETTERBOX = 2, /**< the whole frame, its aspect kept                        */
    MF_FRAMING_TILE = 3,      /**< many tiles at the frame's own scale                     */
    MF_FRAMING_FIT = 2        /**< the former name of LETTERBOX                            */
} mf_framing;

/** How a network that allows it is run: the setting "precision" of a model. INT8 takes less time; verdicts hardly differ. */
typedef enum mf_precision { MF_PRECISION_DEFAULT = 0, MF_PRECISION_FLOAT = 1, MF_PRECISION_INT8 = 2 } mf_precision;

/* ---- Context ----------------------------------------------------------------------------------------------------- */

/** What one thread needs to use a model; any number of them may share a model. A call on a context that is in another
 *  thread's call returns MF_E_STATE, and mf_context_error says so to the thread that was refused. Two of the functions
 *  below are for all threads: mf_context_cancel, and mf_context_error after such a refusal. */
typedef struct mf_context mf_context;

typedef struct mf_context_options {
    size_t struct_size;
    int32_t threads;            /**< that work at the same time, 1 to 256; 0 for one a processor */
    const mf_thread_pool *pool; /**< NULL for OpenMP's; copied */
    int32_t max_width;          /**< of the frames, where the model tiles them, pixels; 0 for 8192 */
} mf_context_options;

/** Creates a context, and allocates all that mf_inspect will ever need: nothing is allocated after this. */
MF_API MF_MUST_USE mf_status mf_context_create(const mf_model *model, const mf_context_options *options,
                                               mf_context **out_context, mf_error *error);

/** The text of the context's last failure; "" if there was none. Valid until the context's next call. */
MF_API const char *mf_context_error(const mf_context *context);

/** Sets the threshold that the context compares scores with; it starts as the model's. Not for NaN. With one of the host's,
 *  frames are scored by a model that knows no product as well: infinity where scores and maps alone are wanted. */
MF_API MF_MUST_USE mf_status mf_context_set_threshold(mf_context *context, float threshold);

/** Whether frames that state another depth than the model's are inspected as they are, where that was recognised by values:
 *  0 for no, as a context starts; else the host answers for it. */
MF_API MF_MUST_USE mf_status mf_context_set_any_depth(mf_context *context, int32_t any);

/** Limits the time of each inspection that follows, nanoseconds; 0 for no limit, as a context starts. One that is not
 *  done by then returns MF_E_DEADLINE. */
MF_API MF_MUST_USE mf_status mf_context_set_time_limit(mf_context *context, uint64_t nanoseconds);

/** Stops the inspection that is under way, which returns MF_E_CANCELLED; without effect where there is none. The one
 *  call that any thread may make, as long as the context is not released. */
MF_API void mf_context_cancel(mf_context *context);

MF_API void mf_context_release(mf_context *context);

/* ---- Inspection -------------------------------------------------------------------------------------------------- */

/** A connected region (8-connectivity) of the frame where the map is above the threshold. */
typedef struct mf_region {
    int32_t x, y, width, height; /**< bounding box, pixels of the frame */
    int32_t area;                /**< pixels */
    float peak;                  /**< the map's highest value in it */
} mf_region;

/** The most regions that a result holds. */
#define MF_MAX_REGIONS 64

/** Why a frame does not show the product, as good frames did: bits of unlike_reasons. */
typedef enum mf_unlike {
    MF_UNLIKE_DARK = 0x1,      /**< darker than any of them: no light, say                     */
    MF_UNLIKE_BRIGHT = 0x2,    /**< brighter: too much of it                                   */
    MF_UNLIKE_FLAT = 0x4,      /**< without their contrast: nothing is there                   */
    MF_UNLIKE_BLURRED = 0x8,   /**< without their sharpness: out of focus                      */
    MF_UNLIKE_DIFFERENT = 0x10 /**< the map is high over more than half of it: something else */
} mf_unlike;

typedef struct mf_result {
    size_t struct_size;
    float score;          /**< the map's highest value inside the mask, or the mean of its highest where the model
                           says so; the higher, the less like the good images */
    float threshold;      /**< what it was compared with */
    int32_t is_anomalous; /**< 1 where score > threshold, or is_unlike_taught */
    int32_t region_count; /**< how many of regions are filled in, highest peak first */
    mf_region regions[MF_MAX_REGIONS];
    uint64_t elapsed_ns;      /**< from call to return */
    int32_t is_unlike_taught; /**< 1 where the frame does not show the product: whatever its score, nothing is known of
                                   one. 0 of models that were adapted before this was measured */
    uint32_t unlike_reasons;  /**< bits of mf_unlike; 0 where is_unlike_taught is */
} mf_result;

/**
 * Inspects a frame.
 * @param mask    NULL to inspect all of it; something in it must be
 * @param map     NULL, or an image of the frame's size that receives the anomaly map: outside the mask it says nothing,
 *                and after a failure it may be partly written
 * @return MF_OK, MF_E_INVALID, MF_E_UNSUPPORTED (pixel format), MF_E_LIMIT (frame too small or too large), MF_E_STATE
 *         (the model knows no product: mf_adapt comes first), MF_E_DEADLINE, MF_E_CANCELLED (the context serves on)
 */
MF_API MF_MUST_USE mf_status mf_inspect(mf_context *context, const mf_image *frame, const mf_mask *mask, mf_map *map,
                                        mf_result *out_result);

/**
 * Inspects count frames, one after the other, with all their arguments checked before the first.
 * @param frames, masks, maps, results  count structs each, all with the struct_size of their first; masks and maps may
 *                                      be NULL
 * @param out_done  how many were inspected: count, or fewer where a limit or a cancellation ended the batch
 * @return as mf_inspect; a time limit is one frame's, a cancellation the whole batch's
 */
MF_API MF_MUST_USE mf_status mf_inspect_batch(mf_context *context, const mf_image *frames, const mf_mask *masks,
                                              mf_map *maps, mf_result *results, size_t count, size_t *out_done);

/** Copies a plane that the last mf_inspect computed at the model's own size (of a tiled frame, its last tile's), channels
 *  first: "image", "reconstruction", "response" (of a prior), "map". size is in floats; NULL data asks for it. */
MF_API MF_MUST_USE mf_status mf_context_plane(mf_context *context, const char *name, float *data, size_t *size);

/* How a context's scores have been since it was created or they were reset: where good products' scores creep up, the
 * light, the lens or the product drifts. Kept in bins of a thirty-second of a power of two, in memory of fixed size. */

typedef struct mf_scores {
    size_t struct_size;
    uint64_t count, anomalous; /**< inspections, and those with is_anomalous */
    double mean;
    float lowest, highest; /**< 0 where there was none */
    int32_t drift; /**< 1 once scores have left what they were: the first 300 since then lie above those of frames
                                held out in adaptation, by more than chance, or later ones lie elsewhere than the first
                                300 did (a cumulative sum of their logarithms). It stays until they are reset */
    float drift_evidence; /**< how much of what makes it drift there was at most: 1 and above is drift */
} mf_scores;

MF_API MF_MUST_USE mf_status mf_context_scores(mf_context *context, mf_scores *out_scores);

/** The score that a share of all, 0 to 1, was not above: 0.5 for the median. Within 1/32 of its value. MF_E_STATE where
 *  nothing has been inspected. */
MF_API MF_MUST_USE mf_status mf_context_score_quantile(mf_context *context, double share, float *out_score);

MF_API MF_MUST_USE mf_status mf_context_reset_scores(mf_context *context);

/* ---- Adaptation -------------------------------------------------------------------------------------------------- */

/** What mf_adapt tells its host: a stage, what is done of it and how much there is. Returns non-zero to stop. */
typedef int (*mf_progress)(void *opaque, const char *stage, size_t done, size_t total, float loss);

/**
 * Frames that come one at a time, for hosts that cannot hold all of them in memory. read fills in the frame that it is
 * asked for, and its mask, whose data is NULL where all is inspected; both have their struct_size. What they point to has
 * to stay there until the next call, or until the library returns. It is called from the calling thread, for frames in any
 * order and for some of them twice, and must give the same each time: where their depth is not stated, it is told before
 * they are worked on, in one more pass over all of them. It returns non-zero where it cannot: MF_E_IO.
 */
typedef struct mf_frame_source {
    size_t struct_size;
    int32_t (*read)(void *opaque, size_t index, mf_image *out_frame, mf_mask *out_mask);
    void *opaque;
} mf_frame_source;

typedef struct mf_adapt_options {
    size_t struct_size;
    int32_t threads;            /**< as in mf_context_options */
    int32_t epochs;             /**< passes over the frames; 0 for the model's own (30 in the paper) */
    int32_t batch;              /**< frames a step; 0 for the model's own (64 in the paper) */
    float learning_rate;        /**< 0 for the model's own (1e-4 in the paper) */
    uint64_t seed;              /**< of shuffling, shifts and flips */
    int32_t flips;              /**< 1 where a mirrored product is still a good one */
    int32_t shift;              /**< random shifts of up to so many pixels of the model's input */
    float false_alarm_rate;     /**< for the threshold, in (0, 0.5]; 0 for 0.02 */
    mf_progress progress;       /**< NULL, or called from the calling thread between steps */
    void *opaque;               /**< handed to progress */
    uint64_t time_limit_ns;     /**< of the whole call, nanoseconds; 0 for none */
    const mf_thread_pool *pool; /**< as in mf_context_options */
    mf_framing framing;         /**< of the new model; MF_FRAMING_OWN for the model's own */
    const mf_mask *masks;       /**< NULL, one for all frames or one for each; loss, map and threshold are of what they
                                     inspect: the rest is seen, but nothing is learnt of it */
    size_t mask_count;          /**< 0, 1 or count */
    uint64_t cache_bytes;       /**< the most memory for frames as the model sees them, bytes; 0 for 1 GiB. What does
                                     not fit is computed again whenever it is needed: slower, and the same bits */
    const mf_frame_source *source; /**< NULL, or where the count frames come from: frames and masks are then NULL */
    mf_precision precision;        /**< of the new model; DEFAULT for the model's own. INT8 in closed form only */
    int32_t reserved;              /**< 0 */
} mf_adapt_options;

/**
 * Adapts a model to a product: gives a new model that knows its good frames. What a model is adapted by lies in its
 * file.
 *
 * In closed form (the universal model): sums over the frames are made into what is normal, a frame at a time. A model
 * that was adapted goes on from its sums: adapting it to further frames gives what adapting to all of them at once gives,
 * and the setting adapted.images counts them. epochs, batch, learning_rate, flips and shift must be 0. Frames are held
 * out in up to 16 folds, each scored by a model of the others. Of a single frame nothing can be held out: its threshold
 * is that of other products, which the model knows. The same image twice counts for one, with a warning in the log.
 *
 * By gradient (the paper: Eq. 6, in 30 epochs): parameters are tuned, always from those that the model has; the frames'
 * maps are measured, by which later ones are normalised where the model asks for it. Held out are of 30 or more frames a
 * fifth, but 10 at least; of fewer all, in three folds; of a single one, shifted copies.
 *
 * The threshold is what a good frame exceeds with the probability false_alarm_rate, by the scores of frames held out:
 * their own quantile where they suffice for it, else that of a normal distribution of their logarithms, whose spread is
 * known in part from other products. A tiled frame gives all of its tiles.
 * @param frames   count structs, all with the struct_size of the first; NULL where options have a source
 * @param options  NULL for the model's own
 * @return MF_OK and a new model, which has nothing to do with the old one any more; MF_E_INVALID, MF_E_UNSUPPORTED,
 *         MF_E_LIMIT (see mf_inspect, or over 1,000,000 frames or tiles), MF_E_STATE (the model cannot be adapted, or
 *         not with masks or padding), MF_E_NOMEM, MF_E_CANCELLED (by progress), MF_E_DEADLINE, MF_E_IO (the source)
 */
MF_API MF_MUST_USE mf_status mf_adapt(const mf_model *model, const mf_image *frames, size_t count,
                                      const mf_adapt_options *options, mf_model **out_model, mf_error *error);

/* ---- The threshold ----------------------------------------------------------------------------------------------- */

/**
 * Makes a model that is as the given one but for its threshold, to be saved with it; "threshold.rule" is then "given".
 * @param threshold  a finite number
 * @return MF_OK; MF_E_INVALID, MF_E_STATE (the model knows no product), MF_E_NOMEM
 */
MF_API MF_MUST_USE mf_status mf_model_set_threshold(const mf_model *model, float threshold, mf_model **out_model,
                                                    mf_error *error);

typedef struct mf_calibrate_options {
    size_t struct_size;
    int32_t threads;                /**< as in mf_context_options */
    float false_alarm_rate;         /**< as in mf_adapt_options; without effect where there are defective frames */
    const mf_thread_pool *pool;     /**< as in mf_context_options */
    const mf_mask *masks;           /**< of the good frames: NULL, one for all or one for each */
    size_t mask_count;              /**< 0, 1 or count */
    const mf_image *defective;      /**< NULL, or frames that are to be found defective */
    size_t defective_count;         /**< 0 for none */
    const mf_mask *defective_masks; /**< what is inspected of these, as masks */
    size_t defective_mask_count;    /**< 0, 1 or defective_count */
    mf_progress progress;           /**< NULL, or called from the calling thread after each frame, with a loss of 0 */
    void *opaque;                   /**< handed to progress */
    uint64_t time_limit_ns;         /**< of the whole call, nanoseconds; 0 for none */
    const mf_frame_source *source;  /**< NULL, or where the good frames come from: frames and masks are then NULL */
    int32_t any_depth;              /**< as mf_context_set_any_depth */
    int32_t reserved;               /**< 0 */
} mf_calibrate_options;

/**
 * Sets the threshold of a model that knows a product from further frames of it, none of which it was adapted to: its own
 * are too good to it. From good frames alone it is the score that a good one exceeds at the false-alarm rate, as mf_adapt
 * sets it from frames that it held out. Where there are defective ones too it is that with the best F1 over all of them,
 * midway between the two scores around it: what that promises of other frames is not known, and the rate is not used. A
 * image that is there twice is worth a warning in the log.
 * @param frames   good ones: count structs, all with the struct_size of the first; NULL where options have a source
 * @param options  NULL for none
 * @return MF_OK and a new model; MF_E_INVALID, MF_E_UNSUPPORTED, MF_E_LIMIT (see mf_inspect), MF_E_STATE (the model knows
 *         no product), MF_E_NOMEM, MF_E_CANCELLED (by progress), MF_E_DEADLINE
 */
MF_API MF_MUST_USE mf_status mf_calibrate(const mf_model *model, const mf_image *frames, size_t count,
                                          const mf_calibrate_options *options, mf_model **out_model, mf_error *error);

#ifdef __cplusplus
}
#endif

#include <metaformer/settings.h>

#include <metaformer/metrics.h>

#endif
