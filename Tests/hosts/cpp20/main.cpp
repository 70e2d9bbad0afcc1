/* A vision system in C++20: as the one in C99, by metaformer.hpp. */
#include <metaformer.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <span>
#include <sstream>
#include <string>
#include <vector>

static int fail(const std::string &text) {
    std::fprintf(stderr, "host: %s\n", text.c_str());
    return 1;
}

int main(int argument_count, char **arguments) {
    if (argument_count < 6) return fail("usage: host MODEL OUTPUT WIDTH HEIGHT FRAME...");
    const int width = std::stoi(arguments[3]), height = std::stoi(arguments[4]);
    std::vector<std::vector<char>> pixels;
    std::vector<metaformer::Frame> frames;
    for (int i = 5; i < argument_count; i++) {
        std::ifstream file(arguments[i], std::ios::binary);
        pixels.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
        if (pixels.back().size() != static_cast<std::size_t>(width) * static_cast<std::size_t>(height))
            return fail("a frame cannot be read");
    }
    for (const auto &frame : pixels) frames.push_back({width, height, MF_PIXEL_MONO8, width, frame.data()});

    auto model = metaformer::Model::open(arguments[1]);
    if (!model) return fail(model.error().text);
    auto unadapted = metaformer::Context::create(*model);
    if (!unadapted) return fail(unadapted.error().text);
    if (auto verdict = unadapted->inspect(frames.back()); verdict || verdict.error().status != MF_E_STATE)
        return fail("a model that knows no product gives verdicts");
    mf_adapt_options options = MF_INIT(mf_adapt_options);
    options.epochs = 2;
    options.seed = 7;
    auto adapted = model->adapt(frames, options);
    if (!adapted) return fail(adapted.error().text);
    if (auto saved = adapted->save(arguments[2]); !saved) return fail(saved.error().text);

    /* The same file without a disk. */
    std::ifstream file(arguments[2], std::ios::binary);
    const std::string saved{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    std::ostringstream stream;
    auto bytes = adapted->bytes();
    if (!bytes || !adapted->write(stream) || stream.str() != saved) return fail("a stream gets other bytes");
    if (!std::ranges::equal(*bytes, std::as_bytes(std::span(saved)))) return fail("memory gets other bytes");
    auto reopened = metaformer::Model::open(*bytes);
    if (!reopened || reopened->bytes()->size() != bytes->size()) return fail("bytes cannot be opened");
    stream.setstate(std::ios::badbit);
    auto unwritten = adapted->write(stream);
    if (unwritten || unwritten.error().status != MF_E_IO) return fail("a stream that fails is taken");

    auto context = metaformer::Context::create(*adapted);
    if (!context) return fail(context.error().text);
    auto result = context->inspect(frames.back());
    if (!result) return fail(result.error().text);
    std::printf("%a %s\n", static_cast<double>(result->score), result->is_anomalous ? "defective" : "good");

    /* A frame without light shows no product. */
    const std::vector<char> night(pixels[0].size());
    auto dark = context->inspect({width, height, MF_PIXEL_MONO8, width, night.data()});
    if (!dark || !dark->is_unlike_taught || !dark->is_anomalous) return fail("a black frame is like the product");
    if (metaformer::unlike_reasons(*dark).at(0) != "dark" || result->is_unlike_taught) return fail("wrong reasons");

    /* A mistake is a value too, and nothing throws: the error of a value is none. */
    static_assert(noexcept(*result) &&noexcept(result->score) &&noexcept(result.error()));
    static_assert(noexcept(context->inspect(frames.back())));
    static_assert(noexcept(model->adapt(frames)));
    static_assert(noexcept(metaformer::Model::open(arguments[1])));
    static_assert(noexcept(adapted->bytes()));
    if (result.error().status != MF_OK || !result.error().text.empty()) return fail("a value has an error");
    metaformer::Frame tiny{4, 4, MF_PIXEL_MONO8, 4, pixels[0].data()};
    auto refused = context->inspect(tiny);
    if (refused || refused.error().status != MF_E_LIMIT) return fail("a frame of 4 x 4 pixels is taken");

    /* The rest of the header: a map and a mask, a batch, limits, and the scores so far. */
    std::vector<float> map(pixels[0].size());
    std::vector<std::uint8_t> marks(pixels[0].size(), 1);
    metaformer::Mask mask{width, height, marks.data()};
    auto whole = context->inspect(frames.back(), map, mask);
    if (!whole || whole->score != result->score) return fail("a mask of everything changes the score");
    if (context->inspect(frames.back(), std::span(map).first(10))) return fail("a map that is too small is taken");
    std::vector<mf_result> results(frames.size());
    auto done = context->inspect(frames, results);
    if (!done || *done != frames.size() || results.back().score != result->score) return fail("a batch differs");
    auto scores = context->scores();
    auto median = context->score_quantile(0.5);
    if (!scores || scores->count != 3 + frames.size() || !median || *median > scores->highest) return fail("scores");
    if (context->score_quantile(2) || context->set_threshold(NAN)) return fail("a quantile of 2 or a threshold of NaN");
    if (!context->set_time_limit(std::chrono::nanoseconds(1))) return fail("a time limit is refused");
    auto late = context->inspect(frames.back());
    if (late || late.error().status != MF_E_DEADLINE) return fail("a time limit is not kept");
    if (!context->set_time_limit(std::chrono::seconds(60)) || !context->reset_scores()) return fail("a reset fails");
    context->cancel();
    if (auto after = context->inspect(frames.back()); !after || after->score != result->score)
        return fail("the context does not serve on");
    /* What can be set. */
    bool epochs = false, framing = false;
    for (const auto &option : metaformer::options())
        epochs |= option.key == std::string("mf_adapt_options.epochs") && option.low == 0 && option.high >= 30;
    for (const auto &setting : metaformer::settings())
        framing |= setting.key == std::string("input.framing") && setting.default_choice == std::string("stretch") &&
                   setting.choices[2] == std::string("tile") && !setting.choices[3];
    if (!epochs || !framing) return fail("settings and options are not listed");

    /* Another threshold: given, or from further frames. */
    auto given = adapted->with_threshold(0.25f);
    if (!given || given->setting("threshold") != std::string("0.25")) return fail("a threshold is not given");
    if (adapted->with_threshold(NAN) || model->with_threshold(1)) return fail("a threshold that is none is taken");
    auto calibrated = adapted->calibrate(std::span(frames).first(1), std::span(frames).last(1), {}, std::span(&mask, 1));
    if (!calibrated || calibrated->setting("threshold.rule") != std::string("best F1")) return fail("no calibration");
    if (adapted->calibrate({}) || !adapted->calibrate(frames)) return fail("good frames alone do not calibrate");

    options.framing = MF_FRAMING_TILE;
    auto tiled = model->adapt(std::span(frames).first(1), options, std::span(&mask, 1));
    return tiled && std::string(tiled->setting("input.framing")) == "tile" ? 0 : fail("tiles are not adapted");
}
