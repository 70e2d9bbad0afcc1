/*
 * metaformer.h for C++20: handles that release themselves, spans, and results that hold a value or an error. No
 * exceptions are thrown, and there is no logic here: see metaformer.h for what each call does.
 *
 *     auto model = metaformer::Model::open("washer.safetensors");
 *     if (!model) return fail(model.error().text);
 *     auto context = metaformer::Context::create(*model);
 *     if (!context) return fail(context.error().text);
 *     auto result = context->inspect({width, height, MF_PIXEL_MONO8, stride, pixels});
 *     if (result && result->is_unlike_taught) look_at_the_camera(metaformer::unlike_reasons(*result));
 *     if (result && result->is_anomalous) reject();
 */
#ifndef METAFORMER_HPP
#define METAFORMER_HPP

#include <metaformer.h>

#include <chrono>
#include <cstddef>
#include <memory>
#include <ostream>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace metaformer {

/* A status other than MF_OK, and its text. */
struct Error {
    mf_status status;
    std::string text;
};

/* A value, or the error that stood in its way. */
template <class T> class Result {
  public:
    Result(T value) : content(std::move(value)) {}
    Result(Error error) : content(std::move(error)) {}

    explicit operator bool() const { return content.index() == 0; }
    T &operator*() { return std::get<0>(content); }
    const T &operator*() const { return std::get<0>(content); }
    T *operator->() { return &std::get<0>(content); }
    const T *operator->() const { return &std::get<0>(content); }
    const Error &error() const { return std::get<1>(content); }

  private:
    std::variant<T, Error> content;
};

/* A frame of the caller's, which is only read. */
struct Frame {
    int32_t width, height;
    uint32_t pixel_format;
    ptrdiff_t row_stride;
    const void *data;

    mf_image image() const {
        mf_image image = MF_INIT(mf_image);
        image.pixel_format = pixel_format, image.width = width, image.height = height;
        image.row_stride = row_stride, image.data = data;
        return image;
    }
};

/* A region of interest of the caller's, width x height bytes without gaps; 0 is ignored. No data inspects everything. */
struct Mask {
    int32_t width = 0, height = 0;
    const uint8_t *data = nullptr;

    mf_mask mask() const {
        mf_mask mask = MF_INIT(mf_mask);
        mask.width = width, mask.height = height, mask.row_stride = width, mask.data = data;
        return mask;
    }
};

/* Why a frame does not show the product, in words: none where it does. */
inline std::vector<std::string> unlike_reasons(const mf_result &result) {
    static constexpr std::pair<mf_unlike, const char *> names[] = {{MF_UNLIKE_DARK, "dark"},
                                                                   {MF_UNLIKE_BRIGHT, "bright"},
                                                                   {MF_UNLIKE_FLAT, "flat"},
                                                                   {MF_UNLIKE_BLURRED, "blurred"},
                                                                   {MF_UNLIKE_DIFFERENT, "different"}};
    std::vector<std::string> reasons;
    for (const auto &[bit, name] : names)
        if (result.unlike_reasons & static_cast<uint32_t>(bit)) reasons.push_back(name);
    return reasons;
}

/* All settings of models, and all options that are numbers: their bounds, defaults and help. */
inline std::vector<mf_setting_description> descriptions(size_t count,
                                                        mf_status (*info)(size_t, mf_setting_description *)) {
    std::vector<mf_setting_description> all;
    mf_setting_description next = MF_INIT(mf_setting_description);
    while (all.size() < count && info(all.size(), &next) == MF_OK) all.push_back(next);
    return all;
}
inline std::vector<mf_setting_description> settings() { return descriptions(mf_setting_count(), mf_setting_info); }
inline std::vector<mf_setting_description> options() { return descriptions(mf_option_count(), mf_option_info); }

class Model {
  public:
    static Result<Model> open(const std::string &path, const mf_open_options *options = nullptr) {
        return make(
            [&](mf_model **model, mf_error *error) { return mf_model_open_file(path.c_str(), options, model, error); });
    }

    static Result<Model> open(std::span<const unsigned char> bytes, const mf_open_options *options = nullptr) {
        return make([&](mf_model **model, mf_error *error) {
            return mf_model_open_memory(bytes.data(), bytes.size(), options, model, error);
        });
    }

    static Result<Model> open(std::span<const std::byte> bytes, const mf_open_options *options = nullptr) {
        return make([&](mf_model **model, mf_error *error) {
            return mf_model_open_memory(bytes.data(), bytes.size(), options, model, error);
        });
    }

    static Result<Model> open(const mf_reader &reader, const mf_open_options *options = nullptr) {
        return make(
            [&](mf_model **model, mf_error *error) { return mf_model_open_reader(&reader, options, model, error); });
    }

    /* Adapts a model to a product, by good frames of it: mf_adapt. masks: none, one for all frames or one for each. */
    Result<Model> adapt(std::span<const Frame> frames, mf_adapt_options options = {},
                        std::span<const Mask> masks = {}) const {
        const auto images = views(frames);
        const auto regions = views(masks);
        options.struct_size = sizeof options;
        if (!regions.empty()) options.masks = regions.data(), options.mask_count = regions.size();
        return make([&](mf_model **model, mf_error *error) {
            return mf_adapt(handle.get(), images.data(), images.size(), &options, model, error);
        });
    }

    /* Sets the threshold from further good frames, and defective ones where there are any: mf_calibrate. masks and
       defective_masks: none, one for all frames or one for each. */
    Result<Model> calibrate(std::span<const Frame> frames, std::span<const Frame> defective = {},
                            mf_calibrate_options options = {}, std::span<const Mask> masks = {},
                            std::span<const Mask> defective_masks = {}) const {
        const auto images = views(frames), bad = views(defective);
        const auto regions = views(masks), bad_regions = views(defective_masks);
        options.struct_size = sizeof options;
        if (!bad.empty()) options.defective = bad.data(), options.defective_count = bad.size();
        if (!regions.empty()) options.masks = regions.data(), options.mask_count = regions.size();
        if (!bad_regions.empty())
            options.defective_masks = bad_regions.data(), options.defective_mask_count = bad_regions.size();
        return make([&](mf_model **model, mf_error *error) {
            return mf_calibrate(handle.get(), images.data(), images.size(), &options, model, error);
        });
    }

    /* The same model with another threshold, to be saved with it: mf_model_set_threshold. */
    Result<Model> with_threshold(float threshold) const {
        return make([&](mf_model **model, mf_error *error) {
            return mf_model_set_threshold(handle.get(), threshold, model, error);
        });
    }

    Result<std::monostate> save(const std::string &path) const {
        mf_error error = MF_INIT(mf_error);
        if (mf_model_save(handle.get(), path.c_str(), &error)) return Error{error.status, error.text};
        return std::monostate();
    }

    Result<std::monostate> write(const mf_writer &writer) const {
        mf_error error = MF_INIT(mf_error);
        if (mf_model_write(handle.get(), &writer, &error)) return Error{error.status, error.text};
        return std::monostate();
    }

    /* To a stream, which is not flushed. */
    Result<std::monostate> write(std::ostream &stream) const {
        return write_by(stream, [](std::ostream &to, const std::byte *piece, size_t count) {
            return bool(to.write(reinterpret_cast<const char *>(piece), static_cast<std::streamsize>(count)));
        });
    }

    /* The model file as bytes, which open takes. */
    Result<std::vector<std::byte>> bytes() const {
        std::vector<std::byte> all;
        auto written = write_by(all, [](std::vector<std::byte> &to, const std::byte *piece, size_t count) {
            to.insert(to.end(), piece, piece + count);
            return true;
        });
        if (!written) return written.error();
        return all;
    }

    /* A setting's text, or nullptr. */
    const char *setting(const char *key) const { return mf_model_setting(handle.get(), key); }

    const mf_model *get() const { return handle.get(); }

  private:
    explicit Model(mf_model *model) : handle(model, mf_model_release) {}

    /* Writes by a function without captures, put(target, piece, count), which may throw: not across the library. */
    template <class Target, class Put> Result<std::monostate> write_by(Target &target, Put) const {
        mf_writer writer = MF_INIT(mf_writer);
        writer.opaque = &target;
        writer.write = [](void *opaque, const void *piece, size_t count) {
            try {
                return Put()(*static_cast<Target *>(opaque), static_cast<const std::byte *>(piece), count) ? 0 : 1;
            } catch (...) {
                return 1;
            }
        };
        return write(writer);
    }

    static std::vector<mf_image> views(std::span<const Frame> frames) {
        std::vector<mf_image> images;
        for (const Frame &frame : frames) images.push_back(frame.image());
        return images;
    }
    static std::vector<mf_mask> views(std::span<const Mask> masks) {
        std::vector<mf_mask> regions;
        for (const Mask &mask : masks) regions.push_back(mask.mask());
        return regions;
    }

    /* A model from a call that makes one. */
    template <class Call> static Result<Model> make(Call call) {
        mf_error error = MF_INIT(mf_error);
        mf_model *model = nullptr;
        if (call(&model, &error)) return Error{error.status, error.text};
        return Model(model);
    }

    std::unique_ptr<mf_model, void (*)(mf_model *)> handle;
};

/* What one thread needs to inspect. */
class Context {
  public:
    static Result<Context> create(const Model &model, int32_t threads = 0) {
        mf_context_options options = MF_INIT(mf_context_options);
        options.threads = threads;
        return create(model, options);
    }

    static Result<Context> create(const Model &model, mf_context_options options) {
        options.struct_size = sizeof options;
        mf_error error = MF_INIT(mf_error);
        mf_context *context = nullptr;
        if (mf_context_create(model.get(), &options, &context, &error)) return Error{error.status, error.text};
        return Context(context);
    }

    /* map: room for width x height floats, or empty. */
    Result<mf_result> inspect(const Frame &frame, std::span<float> map = {}, const Mask &mask = {}) {
        if (!map.empty() && map.size() < static_cast<size_t>(frame.width) * static_cast<size_t>(frame.height))
            return Error{MF_E_INVALID, "map: smaller than the frame"};
        mf_image image = frame.image();
        mf_mask region = mask.mask();
        mf_map view = MF_INIT(mf_map);
        view.width = frame.width, view.height = frame.height, view.data = map.data();
        view.row_stride = static_cast<ptrdiff_t>(sizeof(float)) * frame.width;
        mf_result result = MF_INIT(mf_result);
        return checked(
            mf_inspect(handle.get(), &image, mask.data ? &region : nullptr, map.empty() ? nullptr : &view, &result),
            result);
    }

    /* Fills in a result for each frame; the value is how many were inspected: all of them. */
    Result<size_t> inspect(std::span<const Frame> frames, std::span<mf_result> results) {
        if (results.size() < frames.size()) return Error{MF_E_INVALID, "results: fewer than the frames"};
        std::vector<mf_image> images;
        for (const Frame &frame : frames) images.push_back(frame.image());
        for (mf_result &result : results) result = MF_INIT(mf_result);
        size_t done = 0;
        mf_status status =
            mf_inspect_batch(handle.get(), images.data(), nullptr, nullptr, results.data(), images.size(), &done);
        return checked(status, done);
    }

    Result<std::monostate> set_threshold(float threshold) {
        return checked(mf_context_set_threshold(handle.get(), threshold), std::monostate());
    }

    Result<std::monostate> set_time_limit(std::chrono::nanoseconds limit) {
        if (limit.count() < 0) return Error{MF_E_INVALID, "a time limit below 0"};
        return checked(mf_context_set_time_limit(handle.get(), static_cast<uint64_t>(limit.count())), std::monostate());
    }

    /* The one call for other threads: stops the inspection that is under way. */
    void cancel() { mf_context_cancel(handle.get()); }

    Result<mf_scores> scores() {
        mf_scores scores = MF_INIT(mf_scores);
        return checked(mf_context_scores(handle.get(), &scores), scores);
    }

    Result<float> score_quantile(double share) {
        float score = 0;
        return checked(mf_context_score_quantile(handle.get(), share, &score), score);
    }

    Result<std::monostate> reset_scores() { return checked(mf_context_reset_scores(handle.get()), std::monostate()); }

  private:
    explicit Context(mf_context *context) : handle(context, mf_context_release) {}

    template <class T> Result<T> checked(mf_status status, const T &value) {
        if (status) return Error{status, mf_context_error(handle.get())};
        return value;
    }

    std::unique_ptr<mf_context, void (*)(mf_context *)> handle;
};

} // namespace metaformer

#endif
