// A mask, and what a plain loop over every pixel's window makes of it: eq. 3 of the paper that op.h names, written down
// once more, so that a fault in math.h shows.
#pragma once

#include <algorithm>
#include <vector>

#include "../../../csrc/ops/context_weight/op.h"
#include "check.h"
#include "values.h"

namespace context_weight_case {

using namespace inpaintx;
using values::Buffer;

inline constexpr Border kBorders[] = {Border::valid, Border::zero};

template <class T>
struct Call {
  int64_t batch, height, width;
  Buffer<T> mask, weight;

  // Blobs of hole, some at the border, and single pixels. Known is what is more than a half.
  Call(int64_t batch_, int64_t height_, int64_t width_)
      : batch(batch_),
        height(height_),
        width(width_),
        mask(batch * height * width, 0),
        weight(batch * height * width, 0, values::rounded<T>(77.0f)) {
    std::mt19937 random(3);
    for (std::size_t i = 0; i < mask.size(); ++i) {
      const std::size_t row = i / width, column = i % width;
      const bool hole = (row / 5 + column / 7) % 3 == 0 || random() % 16 == 0;
      const float values[2][3] = {{0.75f, 1.0f, 2.0f}, {0.0f, 0.5f, -1.0f}};
      mask[i] = values::rounded<T>(values[hole][random() % 3]);
    }
  }

  ContextWeightArgs args(int64_t window, Border border) {
    return {mask.data(), weight.data(), batch, height, width, window, border};
  }

  bool known(int64_t b, int64_t row, int64_t column) const {
    return values::number(mask[(b * height + row) * width + column]) > 0.5f;
  }

  T weight_of(int64_t b, int64_t row, int64_t column, int64_t window, Border border) const {
    const int64_t radius = std::min(window / 2, height + width);
    int64_t holes = 0, inside = 0;
    for (int64_t r = std::max<int64_t>(row - radius, 0); r <= std::min(row + radius, height - 1); ++r) {
      for (int64_t c = std::max<int64_t>(column - radius, 0); c <= std::min(column + radius, width - 1); ++c) {
        holes += !known(b, r, c);
        ++inside;
      }
    }
    using C = values::Computed<T>;
    const C area = static_cast<C>(border == Border::valid ? inside : window * window);
    return values::rounded<T>(known(b, row, column) ? static_cast<C>(holes) / area : C(0));
  }

  // Every `stride`th pixel, since the plain loop takes its time over large windows.
  void compare_with_loop(int64_t window, Border border, int64_t stride) const {
    int64_t wrong = 0;
    for (int64_t i = 0; i < batch * height * width; i += stride) {
      const T expected = weight_of(i / (height * width), i / width % height, i % width, window, border);
      wrong += !values::same_bits(&weight[i], &expected);
    }
    CHECK(wrong == 0, wrong << " weights differ, [" << batch << ", " << height << ", " << width << "], window "
                            << window << ", border " << static_cast<int>(border));
  }
};

struct Size {
  int64_t batch, height, width, window, stride;
};

// Tails of warps, blocks and segments of rows; windows of one pixel, wider than the image, and beyond all bounds.
inline constexpr Size kSizes[] = {
    {1, 1, 1, 7, 1},     {2, 1, 1, 1, 1},       {3, 5, 4, 1, 1},     {2, 32, 32, 7, 1},    {2, 33, 31, 7, 1},
    {1, 3, 257, 3, 1},   {1, 63, 9, 3, 1},      {1, 64, 33, 7, 3},   {2, 3, 255, 7, 1},    {2, 65, 25, 7, 3},
    {1, 200, 20, 7, 3},  {1, 130, 9, 99, 7},    {1, 300, 3, 61, 1},  {2, 3, 1000, 61, 17}, {1, 65, 257, 7, 13},
    {2, 40, 40, 79, 31}, {2, 40, 40, 1001, 31}, {1, 1, 300, 255, 1}, {1, 300, 1, 255, 1},  {2, 20, 30, 1000000001, 41},
    {0, 8, 8, 7, 1},     {2, 0, 8, 7, 1},       {2, 8, 0, 7, 1},
};

}  // namespace context_weight_case
