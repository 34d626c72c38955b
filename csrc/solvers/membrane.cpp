#include "membrane.h"

#include <algorithm>
#include <limits>
#include <utility>
#include <vector>

#include "conjugate_gradients.h"
#include "hole.h"
#include "multigrid.h"

namespace inpaintx {
namespace {

// Of the range of the values around the hole; the error is at most a few times that.
constexpr double relative_tolerance = 1e-6;

// Calls body(pixel) for each known neighbour of a pixel.
template <typename Body>
void for_each_known_neighbour(const bool* known, const Size& size, std::ptrdiff_t row, std::ptrdiff_t column,
                              Body body) {
  const std::ptrdiff_t pixel = row * size.width + column;
  const std::pair<bool, std::ptrdiff_t> neighbours[] = {{column > 0, pixel - 1},
                                                        {column + 1 < size.width, pixel + 1},
                                                        {row > 0, pixel - size.width},
                                                        {row + 1 < size.height, pixel + size.width}};
  for (const auto& [inside, neighbour] : neighbours) {
    if (inside && known[neighbour]) {
      body(neighbour);
    }
  }
}

// The box has its rim, and a hole. Solves for the difference from the middle of the values around, so that their
// offset costs no precision, and keeps the result between the lowest and the highest of them, where the exact one is.
template <typename T>
void fill_box(const T* values, const bool* known, T* filled, const Size& size, const Box& box) {
  Multigrid multigrid(hole_in(known, size, box), box.height(), box.width());
  const Grid& grid = multigrid.grid();
  const auto cell = [&](std::ptrdiff_t row, std::ptrdiff_t column) {
    return grid.index(row - box.rows.begin, column - box.columns.begin);
  };
  for (std::ptrdiff_t channel = 0; channel < size.channels; ++channel) {
    const auto at = [&](std::ptrdiff_t pixel) { return pixel * size.channels + channel; };
    double low = std::numeric_limits<double>::infinity();
    double high = -low;
    for_each_hole_pixel(known, size, box, [&](std::ptrdiff_t row, std::ptrdiff_t column) {
      for_each_known_neighbour(known, size, row, column, [&](std::ptrdiff_t pixel) {
        low = std::min<double>(low, values[at(pixel)]);
        high = std::max<double>(high, values[at(pixel)]);
      });
    });
    const double middle = low + (high - low) / 2;
    std::vector<double> right_side(grid.size, 0.0);
    for_each_hole_pixel(known, size, box, [&](std::ptrdiff_t row, std::ptrdiff_t column) {
      for_each_known_neighbour(known, size, row, column, [&](std::ptrdiff_t pixel) {
        right_side[cell(row, column)] += values[at(pixel)] - middle;
      });
    });
    const std::vector<double> u =
        conjugate_gradients(multigrid, std::move(right_side), relative_tolerance * (high - low));
    for_each_hole_pixel(known, size, box, [&](std::ptrdiff_t row, std::ptrdiff_t column) {
      const double value = std::clamp(u[cell(row, column)] + middle, low, high);
      filled[at(row * size.width + column)] = static_cast<T>(value);
    });
  }
}

}  // namespace

template <typename T>
void membrane(const T* values, const bool* known, T* filled, std::ptrdiff_t height, std::ptrdiff_t width,
              std::ptrdiff_t channels) {
  const Size size{height, width, channels};
  std::copy(values, values + height * width * channels, filled);
  for (const Box& box : boxes_of_hole(known, size, 1)) {
    fill_box(values, known, filled, size, box);
  }
}

template void membrane(const float*, const bool*, float*, std::ptrdiff_t, std::ptrdiff_t, std::ptrdiff_t);
template void membrane(const double*, const bool*, double*, std::ptrdiff_t, std::ptrdiff_t, std::ptrdiff_t);

}  // namespace inpaintx
