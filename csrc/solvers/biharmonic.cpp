#include "biharmonic.h"

#include <algorithm>
#include <limits>
#include <utility>
#include <vector>

#include "conjugate_gradients.h"
#include "hole.h"
#include "plate.h"

namespace inpaintx {
namespace {

// Of the range of the known values in the box; the error is at most a few times that.
constexpr double relative_tolerance = 2e-7;

// The box has its rim, and a hole. Solves for the difference from the middle of the known values, so that their offset
// costs no precision.
template <typename T>
void fill_box(const T* values, const bool* known, T* filled, const Size& size, const Box& box, double tension) {
  const std::vector<char> hole = hole_in(known, size, box);
  Plate plate(hole, box.height(), box.width(), tension);
  const Grid pixels(std::vector<char>(hole.size(), 1), box.height(), box.width());
  for (std::ptrdiff_t channel = 0; channel < size.channels; ++channel) {
    const auto at = [&](std::ptrdiff_t row, std::ptrdiff_t column) {
      return ((box.rows.begin + row) * size.width + box.columns.begin + column) * size.channels + channel;
    };
    double low = std::numeric_limits<double>::infinity();
    double high = -low;
    for_each_cell(pixels, [&](std::ptrdiff_t i, std::ptrdiff_t row, std::ptrdiff_t column) {
      if (!plate.grid().unknown[i]) {
        low = std::min<double>(low, values[at(row, column)]);
        high = std::max<double>(high, values[at(row, column)]);
      }
    });
    const double middle = low + (high - low) / 2;
    std::vector<double> moved_over(pixels.size, 0.0);  // the known pixels, to the right side of the equation
    for_each_cell(pixels, [&](std::ptrdiff_t i, std::ptrdiff_t row, std::ptrdiff_t column) {
      if (!plate.grid().unknown[i]) {
        moved_over[i] = middle - values[at(row, column)];
      }
    });
    std::vector<double> right_side(pixels.size, 0.0);
    plate.multiply(moved_over, right_side);
    const std::vector<double> u = conjugate_gradients(plate, std::move(right_side), relative_tolerance * (high - low));
    for_each_cell(plate.grid(), [&](std::ptrdiff_t i, std::ptrdiff_t row, std::ptrdiff_t column) {
      filled[at(row, column)] = static_cast<T>(u[i] + middle);
    });
  }
}

}  // namespace

template <typename T>
void biharmonic(const T* values, const bool* known, T* filled, std::ptrdiff_t height, std::ptrdiff_t width,
                std::ptrdiff_t channels, double tension) {
  const Size size{height, width, channels};
  std::copy(values, values + height * width * channels, filled);
  for (const Box& box : boxes_of_hole(known, size, 2)) {
    fill_box(values, known, filled, size, box, tension);
  }
}

template void biharmonic(const float*, const bool*, float*, std::ptrdiff_t, std::ptrdiff_t, std::ptrdiff_t, double);
template void biharmonic(const double*, const bool*, double*, std::ptrdiff_t, std::ptrdiff_t, std::ptrdiff_t, double);

}  // namespace inpaintx
