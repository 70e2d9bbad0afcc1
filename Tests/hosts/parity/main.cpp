/*
 * The C++ host of scripts/parity: inspects the frames that the C host left, and writes OUTPUT/N.cpp (score and map as
 * floats).
 *
 *     host MODEL OUTPUT COUNT
 */
#include <metaformer.hpp>

#include <cstdint>
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
    if (argument_count != 4) return fail("usage: host MODEL OUTPUT COUNT");
    auto model = metaformer::Model::open(arguments[1]);
    if (!model) return fail(model.error().text);
    auto context = metaformer::Context::create(*model);
    if (!context) return fail(context.error().text);
    for (int number = 0; number < std::stoi(arguments[3]); number++) {
        const std::string name = std::string(arguments[2]) + "/" + std::to_string(number);
        std::ifstream file(name + ".frame", std::ios::binary);
        std::uint32_t head[3] = {};
        file.read(reinterpret_cast<char *>(head), sizeof head);
        const std::vector<char> pixels{std::istreambuf_iterator<char>(file), {}};
        const std::size_t count = std::size_t{head[0]} * head[1];
        if (count == 0 || pixels.size() != count * head[2]) return fail(name + ".frame: cannot be read");
        std::vector<float> map(count);
        auto result = context->inspect({static_cast<int32_t>(head[0]), static_cast<int32_t>(head[1]),
                                        head[2] == 1 ? MF_PIXEL_MONO8 : MF_PIXEL_RGB8,
                                        static_cast<std::ptrdiff_t>(head[0]) * head[2], pixels.data()},
                                       map);
        if (!result) return fail(result.error().text);
        std::ofstream output(name + ".cpp", std::ios::binary);
        output.write(reinterpret_cast<const char *>(&result->score), sizeof result->score);
        output.write(reinterpret_cast<const char *>(map.data()), static_cast<std::streamsize>(count * sizeof(float)));
        output.close();
        if (!output) return fail(name + ".cpp: cannot be written");
    }
    return 0;
}
