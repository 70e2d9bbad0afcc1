/*
 * cv::Mat for metaformer.hpp: frames and maps that lie in a Mat, without a copy. Only this header needs OpenCV, and of
 * it the core module.
 *
 *     auto frame = metaformer::frame(mat);
 *     if (!frame) return fail(frame.error().text);
 *     cv::Mat map;
 *     auto result = metaformer::inspect(*context, mat, map);
 */
#ifndef METAFORMER_OPENCV_HPP
#define METAFORMER_OPENCV_HPP

#include <metaformer.hpp>

#include <opencv2/core.hpp>

namespace metaformer {

/* A view of a Mat, which must outlive it. Colours are OpenCV's: BGR or BGRA. Grey of 16 bits uses all of them, unless
 * another format is given, such as MF_PIXEL_MONO12. */
inline Result<Frame> frame(const cv::Mat &mat, uint32_t mono16_format = MF_PIXEL_MONO16) noexcept {
    uint32_t format = 0;
    switch (mat.type()) {
    case CV_8UC1:
        format = MF_PIXEL_MONO8;
        break;
    case CV_16UC1:
        format = mono16_format;
        break;
    case CV_8UC3:
        format = MF_PIXEL_BGR8;
        break;
    case CV_8UC4:
        format = MF_PIXEL_BGRA8;
        break;
    default:
        return failure(MF_E_UNSUPPORTED, "a Mat of another type than CV_8UC1, CV_16UC1, CV_8UC3 and CV_8UC4");
    }
    if (mat.dims != 2 || mat.empty()) return failure(MF_E_INVALID, "an empty Mat, or one of more than two dimensions");
    return Frame{mat.cols, mat.rows, format, static_cast<ptrdiff_t>(mat.step[0]), mat.data};
}

/* Inspects a Mat. The map becomes CV_32FC1 of its size; one that is so already, with rows side by side, is not
 * allocated anew. */
inline Result<mf_result> inspect(Context &context, const cv::Mat &mat, cv::Mat &map) noexcept {
    auto view = frame(mat);
    if (!view) return view.error();
    return guarded([&] {
        if (!map.isContinuous()) map.release();
        map.create(mat.rows, mat.cols, CV_32FC1);
        return context.inspect(*view, std::span<float>(map.ptr<float>(), map.total()));
    });
}

} // namespace metaformer

#endif
