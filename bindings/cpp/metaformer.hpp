/*
 * metaformer.h for C++20: handles that release themselves, spans, and results that hold a value or an error. There is no
 * logic here: see metaformer.h for what each call does. Nothing that gives a Result throws: where memory is out it holds
 * MF_E_NOMEM. The lists of plain functions (settings, options, unlike_reasons) may throw std::bad_alloc alone.
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
#include <exception>
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

/* The error of a status; without its text where even that has no memory. */
inline Error failure(mf_status status, const char *text) noexcept {
    Error error{status, {}};
#if defined(__cpp_exceptions)
    try {
        error.text = text;
    } catch (...) {
    }
#else
    error.text = text;
#endif
    return error;
}

/* A value, or the error that stood in its way. Ask which it is before the value is taken: of an error there is none, and
 * the program ends there. The error of a value is MF_OK without a text. */
template <class T> class Result {
  public:
    Result(T value) noexcept : content(std::move(value)) {}
    Result(Error error) noexcept : content(std::move(error)) {}

    explicit operator bool() const noexcept { return content.index() == 0; }
    T &operator*() noexcept { return *value(); }
    const T &operator*() const noexcept { return *value(); }
    T *operator->() noexcept { return value(); }
    const T *operator->() const noexcept { return value(); }
    const Error &error() const noexcept {
        static const Error none{MF_OK, {}};
        const Error *error = std::get_if<1>(&content);
        return error ? *error : none;
    }

  private:
    T *value() noexcept { return const_cast<T *>(std::as_const(*this).value()); }
    const T *value() const noexcept {
        const T *value = std::get_if<0>(&content);
        if (!value) std::terminate();
        return value;
    }

    std::variant<T, Error> content;
};

/* What a function gives, and MF_E_NOMEM instead of what it throws. */
template <class Call> auto guarded(Call call) noexcept -> decltype(call()) {
#if defined(__cpp_exceptions)
    try {
        return call();
    } catch (...) {
        return failure(MF_E_NOMEM, "out of memory");
    }
#else
    return call();
#endif
}

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
inline std::vector<mf_setting_description> settings() {
    return descriptions(mf_setting_count(), mf_setting_info);
}
inline std::vector<mf_setting_description> options() {
    return descriptions(mf_option_count(), mf_option_info);
}

class Model {
  public:
    static Result<Model> open(const char *path, const mf_open_options *options = nullptr) noexcept {
        return make([&](mf_model **model, mf_error *error) { return mf_model_open_file(path, options, model, error); });
    }

    static Result<Model> open(const std::string &path, const mf_open_options *options = nullptr) noexcept {
        return open(path.c_str(), options);
    }

    static Result<Model> open(std::span<const unsigned char> bytes, const mf_open_options *options = nullptr) noexcept {
        return make([&](mf_model **model, mf_error *error) {
            return mf_model_open_memory(bytes.data(), bytes.size(), options, model, error);
        });
    }

    static Result<Model> open(std::span<const std::byte> bytes, const mf_open_options *options = nullptr) noexcept {
        return make([&](mf_model **model, mf_error *error) {
            return mf_model_open_memory(bytes.data(), bytes.size(), options, model, error);
        });
    }

    static Result<Model> open(const mf_reader &reader, const mf_open_options *options = nullptr) noexcept {
        return make(
            [&](mf_model **model, mf_error *error) { return mf_model_open_reader(&reader, options, model, error); });
    }

    /* Adapts a model to a product, by good frames of it: mf_adapt. masks: none, one for all frames or one for each. */
    Result<Model> adapt(std::span<const Frame> frames, mf_adapt_options options = {},
                        std::span<const Mask> masks = {}) const noexcept {
        return guarded([&] {
            const auto images = views(frames);
            const auto regions = views(masks);
            options.struct_size = sizeof options;
            if (!regions.empty()) options.masks = regions.data(), options.mask_count = regions.size();
            return make([&](mf_model **model, mf_error *error) {
                return mf_adapt(handle.get(), images.data(), images.size(), &options, model, error);
            });
        });
    }

    /* Sets the threshold from further good frames, and defective ones where there are any: mf_calibrate. masks and
       defective_masks: none, one for all frames or one for each. */
    Result<Model> calibrate(std::span<const Frame> frames, std::span<const Frame> defective = {},
                            mf_calibrate_options options = {}, std::span<const Mask> masks = {},
                            std::span<const Mask> defective_masks = {}) const noexcept {
        return guarded([&] {
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
        });
    }

    /* The same model with another threshold, to be saved with it: mf_model_set_threshold. */
    Result<Model> with_threshold(float threshold) const noexcept {
        return make([&](mf_model **model, mf_error *error) {
            return mf_model_set_threshold(handle.get(), threshold, model, error);
        });
    }

    Result<std::monostate> save(const char *path) const noexcept {
        mf_error error = MF_INIT(mf_error);
        if (mf_model_save(handle.get(), path, &error)) return failure(error.status, error.text);
        return std::monostate();
    }

    Result<std::monostate> save(const std::string &path) const noexcept { return save(path.c_str()); }

    Result<std::monostate> write(const mf_writer &writer) const noexcept {
        mf_error error = MF_INIT(mf_error);
        if (mf_model_write(handle.get(), &writer, &error)) return failure(error.status, error.text);
        return std::monostate();
    }

    /* To a stream, which is not flushed. */
    Result<std::monostate> write(std::ostream &stream) const noexcept {
        return write_by(stream, [](std::ostream &to, const std::byte *piece, size_t count) {
            return bool(to.write(reinterpret_cast<const char *>(piece), static_cast<std::streamsize>(count)));
        });
    }

    /* The model file as bytes, which open takes. */
    Result<std::vector<std::byte>> bytes() const noexcept {
        return guarded([&]() -> Result<std::vector<std::byte>> {
            std::vector<std::byte> all;
            auto written = write_by(all, [](std::vector<std::byte> &to, const std::byte *piece, size_t count) {
                to.insert(to.end(), piece, piece + count);
                return true;
            });
            if (!written) return written.error();
            return all;
        });
    }

    /* A setting's text, or nullptr. */
    const char *setting(const char *key) const { return mf_model_setting(handle.get(), key); }

    const mf_model *get() const { return handle.get(); }

  private:
    explicit Model(mf_model *model) : handle(model, mf_model_release) {}

    /* Writes by a function without captures, put(target, piece, count), which may throw: not across the library. */
    template <class Target, class Put> Result<std::monostate> write_by(Target &target, Put) const noexcept {
        mf_writer writer = MF_INIT(mf_writer);
        writer.opaque = &target;
        writer.write = [](void *opaque, const void *piece, size_t count) {
#if defined(__cpp_exceptions)
            try {
                return Put()(*static_cast<Target *>(opaque), static_cast<const std::byte *>(piece), count) ? 0 : 1;
            } catch (...) {
                return 1;
            }
#else
            return Put()(*static_cast<Target *>(opaque), static_cast<const std::byte *>(piece), count) ? 0 : 1;
#endif
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
    template <class Call> static Result<Model> make(Call call) noexcept {
        mf_error error = MF_INIT(mf_error);
        mf_model *model = nullptr;
        if (call(&model, &error)) return failure(error.status, error.text);
        return Model(model);
    }

    std::unique_ptr<mf_model, void (*)(mf_model *)> handle;
};

/* What one thread needs to inspect. */
class Context {
  public:
    static Result<Context> create(const Model &model, int32_t threads = 0) noexcept {
        mf_context_options options = MF_INIT(mf_context_options);
        options.threads = threads;
        return create(model, options);
    }

    static Result<Context> create(const Model &model, mf_context_options options) noexcept {
        options.struct_size = sizeof options;
        mf_error error = MF_INIT(mf_error);
        mf_context *context = nullptr;
        if (mf_context_create(model.get(), &options, &context, &error)) return failure(error.status, error.text);
        return Context(context);
    }

    /* map: room for width x height floats, or empty. */
    Result<mf_result> inspect(const Frame &frame, std::span<float> map = {}, const Mask &mask = {}) noexcept {
        if (!map.empty() && map.size() < static_cast<size_t>(frame.width) * static_cast<size_t>(frame.height))
            return failure(MF_E_INVALID, "map: smaller than the frame");
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
    Result<size_t> inspect(std::span<const Frame> frames, std::span<mf_result> results) noexcept {
        if (results.size() < frames.size()) return failure(MF_E_INVALID, "results: fewer than the frames");
        return guarded([&] {
            std::vector<mf_image> images;
            for (const Frame &frame : frames) images.push_back(frame.image());
            for (mf_result &result : results) result = MF_INIT(mf_result);
            size_t done = 0;
            mf_status status =
                mf_inspect_batch(handle.get(), images.data(), nullptr, nullptr, results.data(), images.size(), &done);
            return checked(status, done);
        });
    }

    Result<std::monostate> set_threshold(float threshold) noexcept {
        return checked(mf_context_set_threshold(handle.get(), threshold), std::monostate());
    }

    /* Takes frames that state another depth than the model's: mf_context_set_any_depth. */
    Result<std::monostate> set_any_depth(bool any) noexcept {
        return checked(mf_context_set_any_depth(handle.get(), any), std::monostate());
    }

    Result<std::monostate> set_time_limit(std::chrono::nanoseconds limit) noexcept {
        if (limit.count() < 0) return failure(MF_E_INVALID, "a time limit below 0");
        return checked(mf_context_set_time_limit(handle.get(), static_cast<uint64_t>(limit.count())), std::monostate());
    }

    /* The one call for other threads: stops the inspection that is under way. */
    void cancel() noexcept { mf_context_cancel(handle.get()); }

    Result<mf_scores> scores() noexcept {
        mf_scores scores = MF_INIT(mf_scores);
        return checked(mf_context_scores(handle.get(), &scores), scores);
    }

    Result<float> score_quantile(double share) noexcept {
        float score = 0;
        return checked(mf_context_score_quantile(handle.get(), share, &score), score);
    }

    Result<std::monostate> reset_scores() noexcept {
        return checked(mf_context_reset_scores(handle.get()), std::monostate());
    }

  private:
    explicit Context(mf_context *context) : handle(context, mf_context_release) {}

    template <class T> Result<T> checked(mf_status status, const T &value) noexcept {
        if (status) return failure(status, mf_context_error(handle.get()));
        return value;
    }

    std::unique_ptr<mf_context, void (*)(mf_context *)> handle;
};

} // namespace metaformer

#endif
