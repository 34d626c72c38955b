#include "grid.h"

#include <algorithm>

namespace inpaintx {

Grid::Grid(const std::vector<char>& hole, std::ptrdiff_t height, std::ptrdiff_t width)
    : height(height),
      width(width),
      stride(width + margin),
      size(static_cast<std::size_t>((height + 2 * margin) * stride + margin)),
      unknown(size, 0) {
  for (std::ptrdiff_t row = 0; row < height; ++row) {
    const char* in_row = &hole[row * width];
    for (std::ptrdiff_t end = 0; end < width;) {
      const std::ptrdiff_t begin = std::find(in_row + end, in_row + width, char{1}) - in_row;
      end = std::find(in_row + begin, in_row + width, char{0}) - in_row;
      if (begin < end) {
        runs.push_back({row, begin, index(row, begin), index(row, end)});
        std::fill(&unknown[index(row, begin)], &unknown[index(row, end)], char{1});
      }
    }
  }
}

Grid coarsened(const Grid& fine) {
  const std::ptrdiff_t height = (fine.height + 1) / 2;
  const std::ptrdiff_t width = (fine.width + 1) / 2;
  std::vector<char> hole(static_cast<std::size_t>(height * width), 0);
  for_each_cell(
      fine, [&](std::ptrdiff_t, std::ptrdiff_t row, std::ptrdiff_t column) { hole[row / 2 * width + column / 2] = 1; });
  return Grid(hole, height, width);
}

}  // namespace inpaintx
