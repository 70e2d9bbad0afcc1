/*
 * A vision system with OpenCV's matrices: the same pixels as grey, as part of a wider matrix, and as colours give the
 * same score.
 *
 *     host MODEL
 *
 * prints the score in hexadecimal.
 */
#include <metaformer_opencv.hpp>

#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

static int fail(const std::string &text) {
    std::fprintf(stderr, "host: %s\n", text.c_str());
    return 1;
}

int main(int argument_count, char **arguments) {
    if (argument_count != 2) return fail("usage: host MODEL");
    auto model = metaformer::Model::open(arguments[1]);
    if (!model) return fail(model.error().text);
    auto context = metaformer::Context::create(*model);
    if (!context) return fail(context.error().text);

    const int width = 80, height = 60;
    cv::Mat wide(height, width + 20, CV_8UC1), grey(height, width, CV_8UC1), deep(height, width, CV_16UC1);
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++) {
            auto value = static_cast<unsigned char>((y * width + x) % 80);
            grey.data[y * width + x] = wide.data[y * (width + 20) + 10 + x] = value;
            deep.ptr<unsigned short>()[y * width + x] = static_cast<unsigned short>(value * 16);
        }
    cv::Mat part(height, width, CV_8UC1, wide.data + 10, wide.step[0]);

    cv::Mat map;
    auto whole = metaformer::inspect(*context, grey, map);
    if (!whole) return fail(whole.error().text);
    std::vector<float> expected(width * height);
    auto plain = context->inspect({width, height, MF_PIXEL_MONO8, width, grey.data}, expected);
    if (!plain || plain->score != whole->score) return fail("a matrix has another score than its pixels");
    if (map.rows != height || map.cols != width || !std::equal(expected.begin(), expected.end(), map.ptr<float>()))
        return fail("a matrix receives another map than an array");
    const unsigned char *place = map.data;
    auto inside = metaformer::inspect(*context, part, map);
    if (!inside || inside->score != whole->score) return fail("a part of a wider matrix has another score");
    if (map.data != place) return fail("a map of the right size was allocated anew");
    auto twelve = metaformer::frame(deep, MF_PIXEL_MONO12);
    if (!twelve || twelve->pixel_format != MF_PIXEL_MONO12 || twelve->row_stride != 2 * width)
        return fail("16 bits are not seen as they are");
    auto colours = metaformer::frame(cv::Mat(height, width, CV_8UC3));
    if (!colours || colours->pixel_format != MF_PIXEL_BGR8) return fail("colours are not BGR");
    auto alpha = metaformer::frame(cv::Mat(height, width, CV_8UC4));
    if (!alpha || alpha->pixel_format != MF_PIXEL_BGRA8) return fail("colours are not BGRA");
    auto deep_colours = metaformer::frame(cv::Mat(height, width, CV_16UC3));
    if (deep_colours || deep_colours.error().status != MF_E_UNSUPPORTED) return fail("CV_16UC3 is taken");
    auto nothing = metaformer::frame(cv::Mat());
    if (nothing || nothing.error().status != MF_E_INVALID) return fail("an empty matrix is taken");
    std::printf("%a\n", static_cast<double>(whole->score));
    return 0;
}
