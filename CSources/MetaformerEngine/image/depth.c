#include "image/depth.h"

#include "support/error.h"

#include <metaformer/engine.h>

#include <stdlib.h>
#include <string.h>

mf_model_depth mf_model_depth_of(const mf_model *model) {
    const char *bits = mf_model_setting(model, "adapted.bits"), *from = mf_model_setting(model, "adapted.depth");
    return (mf_model_depth){bits ? (int32_t)strtol(bits, NULL, 10) : 0, bits && from && !strcmp(from, "recognised")};
}

/* ---- Values ------------------------------------------------------------------------------------------------------ */

uint16_t mf_samples_highest(const uint16_t *samples, size_t count) {
    uint16_t highest = 0;
    for (size_t i = 0; i < count; i++) highest = samples[i] > highest ? samples[i] : highest;
    return highest;
}

int32_t mf_samples_bits(uint16_t highest) {
    int32_t bits = 8;
    while (bits < 16 && highest >> bits) bits += 2;
    return bits;
}

static uint16_t frame_highest(const mf_image *frame) {
    size_t samples = (size_t)frame->width * (size_t)mf_pixel_layout_find(frame->pixel_format)->samples;
    uint16_t highest = 0;
    for (int64_t y = 0; y < frame->height; y++) {
        const uint8_t *row = (const uint8_t *)frame->data + y * frame->row_stride;
        uint16_t own = mf_samples_highest((const uint16_t *)(const void *)row, samples);
        highest = own > highest ? own : highest;
    }
    return highest;
}

/* ---- A set ------------------------------------------------------------------------------------------------------- */

int mf_depth_is_unstated(const mf_image *frame) {
    return mf_pixel_layout_find(frame->pixel_format)->unstated;
}

void mf_depth_add(mf_depth *depth, const mf_image *frame) {
    depth->shallow += mf_pixel_layout_find(frame->pixel_format)->bits == 8;
    if (!mf_depth_is_unstated(frame)) return;
    depth->deep++;
    int32_t highest = frame_highest(frame);
    depth->highest = highest > depth->highest ? highest : depth->highest;
}

mf_status mf_depth_fit(uint64_t shallow, uint64_t deep, uint16_t highest, int32_t adapted_bits, mf_error *error) {
    int32_t bits = deep ? mf_samples_bits(highest) : 8;
    if (shallow && adapted_bits != 8)
        return mf_fail(error, MF_E_INVALID, "the model was adapted from frames of %d bits, but some have 8 bits",
                       adapted_bits);
    /* A few frames need not reach the upper quarter of the range; several ought to. */
    int is_darker = deep && (bits + 4 <= adapted_bits || (deep >= 4 && bits < adapted_bits));
    if (bits > adapted_bits || is_darker)
        return mf_fail(error, MF_E_INVALID,
                       "the model was adapted from frames of %d bits, but these have values up to %d, which is %d bits",
                       adapted_bits, highest, bits);
    return MF_OK;
}

/* ---- A frame ----------------------------------------------------------------------------------------------------- */

void mf_depth_state(mf_image *frame, int32_t bits) {
    static const struct {
        uint32_t unstated;
        int32_t bits;
        uint32_t stated;
    } formats[] = {
        {MF_PIXEL_MONO16_UNSTATED, 8, MF_PIXEL_MONO8_IN_16}, {MF_PIXEL_MONO16_UNSTATED, 10, MF_PIXEL_MONO10},
        {MF_PIXEL_MONO16_UNSTATED, 12, MF_PIXEL_MONO12},     {MF_PIXEL_MONO16_UNSTATED, 14, MF_PIXEL_MONO14},
        {MF_PIXEL_MONO16_UNSTATED, 16, MF_PIXEL_MONO16},     {MF_PIXEL_RGB16_UNSTATED, 8, MF_PIXEL_RGB8_IN_16},
        {MF_PIXEL_RGB16_UNSTATED, 10, MF_PIXEL_RGB10},       {MF_PIXEL_RGB16_UNSTATED, 12, MF_PIXEL_RGB12},
        {MF_PIXEL_RGB16_UNSTATED, 14, MF_PIXEL_RGB14},       {MF_PIXEL_RGB16_UNSTATED, 16, MF_PIXEL_RGB16},
        {MF_PIXEL_BGR16_UNSTATED, 8, MF_PIXEL_BGR8_IN_16},   {MF_PIXEL_BGR16_UNSTATED, 10, MF_PIXEL_BGR10},
        {MF_PIXEL_BGR16_UNSTATED, 12, MF_PIXEL_BGR12},       {MF_PIXEL_BGR16_UNSTATED, 14, MF_PIXEL_BGR14},
        {MF_PIXEL_BGR16_UNSTATED, 16, MF_PIXEL_BGR16},
    };
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
        if (formats[i].unstated == frame->pixel_format && formats[i].bits == bits) {
            frame->pixel_format = formats[i].stated;
            return;
        }
}

mf_status mf_depth_take(mf_model_depth depth, int takes_any, mf_image *frame, mf_error *error) {
    const mf_pixel_layout *l = mf_pixel_layout_find(frame->pixel_format);
    if (!l->unstated) {
        if (takes_any || !depth.is_recognised || l->bits == depth.bits) return MF_OK;
        return mf_fail(
            error, MF_E_INVALID,
            "frame: %s, but the model was adapted from frames of %d bits in use; give it such frames, adapt it "
            "to these, or take any depth by mf_context_set_any_depth",
            l->name, depth.bits);
    }
    if (!depth.bits)
        return mf_fail(error, MF_E_INVALID,
                       "frame: its depth is not stated, and the model does not say how many bits its frames had; state "
                       "it by the pixel format, such as Mono12");
    uint16_t highest = frame_highest(frame);
    if (depth.bits < 16 && highest >> depth.bits)
        return mf_fail(
            error, MF_E_INVALID,
            "frame: a value of %d, but the model was adapted from frames of %d bits; give it such frames, adapt "
            "it to these, or state their depth by the pixel format",
            highest, depth.bits);
    mf_depth_state(frame, depth.bits);
    return MF_OK;
}
