/*
 * metaformer.h for C++20: handles that release themselves, spans, and results that hold a value or an error. No
 * exceptions are thrown, and there is no logic here: see metaformer.h for what each call does.
 *
 *     auto model = metaformer::Model::open("washer.safetensors");
 *     if (!model) return fail(model.error().text);
 *     auto context = metaformer::Context::create(*model);
 *     if (!context) return fail(context.error().text);
 *     auto result = context->inspect({width, height, MF_PIXEL_MONO8, stride, pixels});
 *     if (result && result->is_anomalous) reject();
 */
#ifndef METAFORMER_HPP
#define METAFORMER_HPP

#include <metaformer.h>

#include <memory>
#include <span>
#include <string>
#include <utility>
#include <variant>

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

    mf_image image() const { return {sizeof(mf_image), pixel_format, width, height, row_stride, data}; }
};

class Model {
  public:
    static Result<Model> open(const std::string &path) {
        mf_error error = make_error();
        mf_model *model = nullptr;
        if (mf_model_open_file(path.c_str(), nullptr, &model, &error)) return Error{error.status, error.text};
        return Model(model);
    }

    static Result<Model> open(std::span<const unsigned char> bytes) {
        mf_error error = make_error();
        mf_model *model = nullptr;
        if (mf_model_open_memory(bytes.data(), bytes.size(), nullptr, &model, &error))
            return Error{error.status, error.text};
        return Model(model);
    }

    /* Teaches a product from good frames: mf_adapt. */
    Result<Model> adapt(std::span<const Frame> frames, mf_adapt_options options = {}) const {
        options.struct_size = sizeof options;
        auto images = std::make_unique<mf_image[]>(frames.size());
        for (size_t i = 0; i < frames.size(); i++) images[i] = frames[i].image();
        mf_error error = make_error();
        mf_model *adapted = nullptr;
        if (mf_adapt(handle.get(), images.get(), frames.size(), &options, &adapted, &error))
            return Error{error.status, error.text};
        return Model(adapted);
    }

    Result<std::monostate> save(const std::string &path) const {
        mf_error error = make_error();
        if (mf_model_save(handle.get(), path.c_str(), &error)) return Error{error.status, error.text};
        return std::monostate();
    }

    /* A setting's text, or nullptr. */
    const char *setting(const char *key) const { return mf_model_setting(handle.get(), key); }

    const mf_model *get() const { return handle.get(); }

  private:
    friend class Context;
    explicit Model(mf_model *model) : handle(model, mf_model_release) {}

    static mf_error make_error() {
        mf_error error = {};
        error.struct_size = sizeof error;
        return error;
    }

    std::unique_ptr<mf_model, void (*)(mf_model *)> handle;
};

/* What one thread needs to inspect. */
class Context {
  public:
    static Result<Context> create(const Model &model, int32_t threads = 0) {
        mf_context_options options = {sizeof options, threads, nullptr};
        mf_error error = Model::make_error();
        mf_context *context = nullptr;
        if (mf_context_create(model.get(), &options, &context, &error)) return Error{error.status, error.text};
        return Context(context);
    }

    /* map: room for width x height floats, or empty. */
    Result<mf_result> inspect(const Frame &frame, std::span<float> map = {}) {
        mf_image image = frame.image();
        mf_map view = {sizeof view, frame.width, frame.height, static_cast<ptrdiff_t>(sizeof(float)) * frame.width,
                       map.data()};
        if (!map.empty() && map.size() < static_cast<size_t>(frame.width) * static_cast<size_t>(frame.height))
            return Error{MF_E_INVALID, "map: smaller than the frame"};
        mf_result result = {};
        result.struct_size = sizeof result;
        mf_status status = mf_inspect(handle.get(), &image, nullptr, map.empty() ? nullptr : &view, &result);
        if (status) return Error{status, mf_context_error(handle.get())};
        return result;
    }

    Result<std::monostate> set_threshold(float threshold) {
        mf_status status = mf_context_set_threshold(handle.get(), threshold);
        if (status) return Error{status, mf_context_error(handle.get())};
        return std::monostate();
    }

  private:
    explicit Context(mf_context *context) : handle(context, mf_context_release) {}

    std::unique_ptr<mf_context, void (*)(mf_context *)> handle;
};

} // namespace metaformer

#endif
