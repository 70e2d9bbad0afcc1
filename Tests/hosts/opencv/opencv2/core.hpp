/* As much of OpenCV's core as metaformer_opencv.hpp uses, so that it is tested where OpenCV is not installed. */
#ifndef OPENCV_CORE_HPP
#define OPENCV_CORE_HPP

#include <cstddef>
#include <memory>

#define CV_8UC1 0
#define CV_16UC1 2
#define CV_32FC1 5
#define CV_8UC3 16
#define CV_16UC3 18
#define CV_8UC4 24

namespace cv {

class Mat {
  public:
    int dims = 0, rows = 0, cols = 0;
    unsigned char *data = nullptr;
    std::size_t step[2] = {0, 0};

    Mat() = default;
    Mat(int rows, int cols, int type) { create(rows, cols, type); }
    Mat(int rows, int cols, int type, void *data, std::size_t row_step)
        : dims(2), rows(rows), cols(cols), data(static_cast<unsigned char *>(data)), step{row_step, size(type)},
          code(type) {}

    int type() const { return code; }
    bool empty() const { return total() == 0; }
    std::size_t total() const { return static_cast<std::size_t>(rows) * static_cast<std::size_t>(cols); }
    bool isContinuous() const { return step[0] == static_cast<std::size_t>(cols) * size(code); }
    void release() { *this = Mat(); }
    void create(int new_rows, int new_cols, int type) {
        if (data && new_rows == rows && new_cols == cols && type == code) return;
        std::size_t row = static_cast<std::size_t>(new_cols) * size(type);
        std::shared_ptr<unsigned char[]> fresh(new unsigned char[row * static_cast<std::size_t>(new_rows)]());
        *this = Mat(new_rows, new_cols, type, fresh.get(), row);
        owned = fresh;
    }
    template <class T> T *ptr() { return reinterpret_cast<T *>(data); }

  private:
    static std::size_t size(int type) {
        static const std::size_t depths[] = {1, 1, 2, 2, 4, 4, 8, 2};
        return depths[type & 7] * static_cast<std::size_t>((type >> 3) + 1);
    }
    int code = 0;
    std::shared_ptr<unsigned char[]> owned;
};

} // namespace cv

#endif
