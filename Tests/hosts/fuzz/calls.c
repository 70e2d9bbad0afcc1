/*
 * Target: the calls of a host, in any order and with any arguments that are not a lie about memory: sizes of structs and of
 * frames, formats, strides, masks, options, NULL. The first byte says which models are there, and whether an allocation fails; then each
 * byte says which call comes, the next ones are its arguments. Models that are there from the start are opened once for all inputs.
 */
#include "fuzz.h"
#include "memory.h"
#include "sign.h"

enum { MODELS = 4, CONTEXTS = 3, MOST_CALLS = 24, ROOM = 1 << 16 };

typedef struct input {
    const uint8_t *at, *end;
} input;

static unsigned take(input *in) {
    return in->at < in->end ? *in->at++ : 0;
}

/* Two models, one for each way to adapt, as small as such models are, and each of them adapted. */
static struct {
    uint8_t bytes[ROOM];
    size_t size;
} files[MODELS];
static uint8_t pixels[ROOM];
static memory allocated = {.limit = (size_t)64 << 20};
static mf_model *opened[MODELS];

static int keep(void *opaque, const void *bytes, size_t count) {
    size_t file = *(size_t *)opaque;
    if (count > ROOM - files[file].size) return 1;
    memcpy(files[file].bytes + files[file].size, bytes, count);
    files[file].size += count;
    return 0;
}

static void adapt_file(size_t from, size_t to) {
    mf_model *model = NULL, *made = NULL;
    mf_image frame = {sizeof frame, MF_PIXEL_MONO8, 64, 64, 64, pixels};
    mf_image frames[2] = {frame, frame};
    mf_writer writer = {sizeof writer, &to, keep};
    mf_adapt_options options = MF_INIT(mf_adapt_options);
    frames[1].data = pixels + 5000;
    options.threads = 1;
    if (mf_model_open_memory(files[from].bytes, files[from].size, NULL, &model, NULL) ||
        mf_adapt(model, frames, 2, &options, &made, NULL) || mf_model_write(made, &writer, NULL))
        abort();
    mf_model_release(model);
    mf_model_release(made);
}

static void read_files(void) {
    for (size_t i = 0; i < ROOM; i++) pixels[i] = (uint8_t)(i * i >> 3);
    for (size_t i = 0; i < MODELS; i += 2) {
        FILE *file = fopen(i ? "Tests/golden/fuzz/adaptable/seed-1" : "Tests/golden/fuzz/adaptable/seed-0", "rb");
        files[i].size = file ? fread(files[i].bytes, 1, ROOM, file) : 0;
        if (!files[i].size) abort();
        fclose(file);
        sign(files[i].bytes, files[i].size);
        adapt_file(i, i + 1);
    }
}

static void open_models(const mf_open_options *options) {
    for (size_t i = 0; i < MODELS; i++)
        if (mf_model_open_memory(files[i].bytes, files[i].size, options, &opened[i], NULL)) abort();
}

static void release(mf_model *model) {
    for (size_t i = 0; i < MODELS; i++)
        if (model == opened[i]) return;
    mf_model_release(model);
}

static const uint32_t formats[] = {
    MF_PIXEL_MONO8,      MF_PIXEL_MONO12,        MF_PIXEL_MONO16,    MF_PIXEL_RGB8,
    MF_PIXEL_BGRA8,      MF_PIXEL_RGB16,         MF_PIXEL_MONO10P,   MF_PIXEL_MONO12_PACKED,
    MF_PIXEL_BAYER_RG8,  MF_PIXEL_BAYER_GB12,    MF_PIXEL_YUV422_8,  0,
    MF_PIXEL_YCBCR422_8, MF_PIXEL_MONO10_PACKED, MF_PIXEL_BAYER_GR8, 0xffffffff};

static size_t size_of_struct(input *in, size_t right) {
    unsigned how = take(in);
    return how < 240 ? right : how < 245 ? 0 : how < 252 ? right - 8 : (size_t)-1;
}

/* Frames of up to 80 pixels a side, whose rows are as far apart as 8 bytes a pixel need, or closer, or upside down. */
static mf_image image(input *in) {
    mf_image frame;
    memset(&frame, 0, sizeof frame);
    frame.struct_size = size_of_struct(in, sizeof frame);
    frame.pixel_format = formats[take(in) % 16];
    frame.width = (int32_t)(take(in) % 84) - 2;
    frame.height = (int32_t)(take(in) % 84) - 2;
    frame.row_stride = 640;
    frame.data = pixels;
    switch (take(in) % 16) {
    case 0:
        frame.row_stride = (ptrdiff_t)take(in);
        break;
    case 1:
        frame.row_stride = -640, frame.data = pixels + 84 * 640;
        break;
    case 2:
        frame.data = NULL;
        break;
    case 3:
        frame.row_stride = 0;
        break;
    }
    return frame;
}

static mf_mask mask(input *in, const mf_image *frame) {
    mf_mask m;
    memset(&m, 0, sizeof m);
    m.struct_size = size_of_struct(in, sizeof m);
    m.width = frame->width, m.height = frame->height + (take(in) == 255), m.row_stride = 84, m.data = pixels + take(in);
    return m;
}

typedef struct host {
    mf_model *models[MODELS];
    mf_context *contexts[CONTEXTS];
} host;

static int stop(void *opaque, const char *stage, size_t done, size_t total, float loss) {
    (void)stage, (void)done, (void)total, (void)loss;
    return --*(int *)opaque == 0;
}

static void inspect(input *in, mf_context *context) {
    mf_image frame = image(in);
    mf_mask m = mask(in, &frame);
    mf_result result;
    memset(&result, 0, sizeof result);
    result.struct_size = size_of_struct(in, sizeof result);
    float *values = malloc(84 * 84 * sizeof *values);
    mf_map map = {sizeof map, frame.width, frame.height, 84 * sizeof(float), values};
    unsigned with = take(in);
    (void)!mf_inspect(context, with & 64 ? NULL : &frame, with & 1 ? &m : NULL, with & 2 ? &map : NULL, &result);
    free(values);
}

static void adapt(input *in, const mf_model *model, mf_model **out) {
    mf_image frames[3];
    mf_mask masks[3];
    for (int i = 0; i < 3; i++) frames[i] = image(in), masks[i] = mask(in, &frames[i]);
    int steps = 1 + (int)take(in) % 8;
    mf_adapt_options o = MF_INIT(mf_adapt_options);
    o.struct_size = size_of_struct(in, sizeof o);
    o.threads = take(in) == 255 ? -1 : 1;
    o.epochs = (int32_t)(take(in) % 4) - (take(in) == 255), o.batch = (int32_t)(take(in) % 5);
    o.shift = (int32_t)(take(in) % 4), o.flips = (int32_t)(take(in) % 3), o.seed = take(in);
    o.framing = (mf_framing)(take(in) % 5), o.cache_bytes = (uint64_t)take(in) << 8;
    o.false_alarm_rate = (float)take(in) / 400;
    o.progress = stop, o.opaque = &steps, o.time_limit_ns = 20000000;
    if (take(in) & 1) o.masks = masks, o.mask_count = take(in) % 4;
    mf_error error = MF_INIT(mf_error);
    mf_model *made = NULL;
    if (mf_adapt(model, frames, take(in) % 4, &o, &made, &error) != MF_OK) return;
    release(*out);
    *out = made;
}

static void calibrate(input *in, const mf_model *model, mf_model **out) {
    mf_image frames[3] = {image(in), image(in), image(in)};
    mf_calibrate_options o = MF_INIT(mf_calibrate_options);
    o.struct_size = size_of_struct(in, sizeof o);
    o.threads = 1, o.false_alarm_rate = (float)take(in) / 400;
    if (take(in) & 1) o.defective = frames + 2, o.defective_count = 1;
    mf_model *made = NULL;
    if (mf_calibrate(model, frames, take(in) % 3, &o, &made, NULL) != MF_OK) return;
    PLANT(made != NULL);
    release(*out);
    *out = made;
}

static int drop(void *opaque, const void *bytes, size_t count) {
    (void)bytes, (void)count;
    return --*(int *)opaque == 0;
}

static void call(input *in, host *h, const mf_open_options *open) {
    unsigned which = take(in) % 16, place = take(in);
    mf_model **model = &h->models[place % MODELS], **other = &h->models[place / MODELS % MODELS];
    mf_context **context = &h->contexts[place % CONTEXTS];
    mf_scores scores = MF_INIT(mf_scores);
    mf_error error = MF_INIT(mf_error);
    float score, plane[64];
    size_t size = 64;
    switch (which) {
    case 0:
        release(*model), *model = NULL;
        break;
    case 1:
        mf_context_release(*context), *context = NULL;
        break;
    case 2:
        if (!*model)
            (void)!mf_model_open_memory(files[place / MODELS % MODELS].bytes, files[place / MODELS % MODELS].size, open,
                                        model, &error);
        break;
    case 3:
        if (!*context) {
            mf_context_options o = MF_INIT(mf_context_options);
            o.struct_size = size_of_struct(in, sizeof o);
            o.threads = 1, o.max_width = (int32_t)take(in) - 8;
            (void)!mf_context_create(*model, &o, context, &error);
        }
        break;
    case 4:
    case 5:
    case 6:
        inspect(in, *context);
        break;
    case 7:
        adapt(in, *model, other);
        break;
    case 8:
        calibrate(in, *model, other);
        break;
    case 9:
        (void)!mf_context_set_threshold(*context, (float)take(in) / 64);
        break;
    case 10:
        (void)!mf_context_set_time_limit(*context, (uint64_t)take(in) << 12);
        break;
    case 11:
        (void)!mf_context_scores(*context, &scores), mf_context_cancel(*context);
        break;
    case 12:
        (void)!mf_context_score_quantile(*context, (double)take(in) / 250, &score);
        break;
    case 13:
        (void)!mf_context_plane(*context, take(in) & 1 ? "map" : "image", plane, &size);
        break;
    case 14: {
        mf_model *made = NULL;
        if (mf_model_set_threshold(*model, (float)take(in), &made, &error) == MF_OK) release(*other), *other = made;
        break;
    }
    case 15: {
        int pieces = (int)take(in);
        mf_writer writer = {size_of_struct(in, sizeof writer), &pieces, drop};
        (void)!mf_model_write(*model, &writer, &error);
        break;
    }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    mf_allocator allocator = {sizeof allocator, &allocated, memory_take, memory_give_back};
    mf_open_options open = MF_INIT(mf_open_options);
    open.allocator = &allocator;
    if (!opened[0]) read_files(), open_models(&open);
    input in = {data, data + size};
    unsigned start = take(&in), there = start >> 1;
    size_t before = allocated.live;
    allocated.calls = 0, allocated.refused = start % 2 ? 0 : (size_t)take(&in) << 2 | take(&in);
    host h = {{NULL}, {NULL}};
    for (int i = 0; i < MODELS; i++)
        if (there & 1U << i) h.models[i] = opened[i];
    for (int i = 0; i < MOST_CALLS && in.at < in.end; i++) call(&in, &h, &open);
    for (int i = 0; i < MODELS; i++) release(h.models[i]);
    for (int i = 0; i < CONTEXTS; i++) mf_context_release(h.contexts[i]);
    if (allocated.live != before) abort(); /* a leak */
    return 0;
}
