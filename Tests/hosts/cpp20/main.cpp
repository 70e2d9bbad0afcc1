/* A vision system in C++20: as the one in C99, by metaformer.hpp. */
#include <metaformer.hpp>

#include <cstdio>
#include <fstream>
#include <iterator>
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
    mf_adapt_options options = {};
    options.epochs = 2;
    options.seed = 7;
    auto taught = model->adapt(frames, options);
    if (!taught) return fail(taught.error().text);
    if (auto saved = taught->save(arguments[2]); !saved) return fail(saved.error().text);
    auto context = metaformer::Context::create(*taught);
    if (!context) return fail(context.error().text);
    auto result = context->inspect(frames.back());
    if (!result) return fail(result.error().text);
    std::printf("%a %s\n", static_cast<double>(result->score), result->is_anomalous ? "defective" : "good");

    /* A mistake is a value too. */
    metaformer::Frame tiny{4, 4, MF_PIXEL_MONO8, 4, pixels[0].data()};
    auto refused = context->inspect(tiny);
    return !refused && refused.error().status == MF_E_LIMIT ? 0 : fail("a frame of 4 x 4 pixels is taken");
}
