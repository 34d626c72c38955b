#include "distance.h"

#include <cmath>
#include <limits>
#include <vector>

namespace inpaintx {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

// heights[row * width + column] = squared distance to the nearest known pixel of the same column, or infinity.
std::vector<double> squared_distance_in_columns(const bool* known, std::ptrdiff_t height, std::ptrdiff_t width) {
  std::vector<double> squared(static_cast<std::size_t>(height * width), infinity);
  std::vector<std::ptrdiff_t> last_known(static_cast<std::size_t>(width), -1);
  const auto visit = [&](std::ptrdiff_t row) {
    for (std::ptrdiff_t column = 0; column < width; ++column) {
      const std::ptrdiff_t pixel = row * width + column;
      if (known[pixel]) {
        last_known[column] = row;
      }
      if (last_known[column] >= 0) {
        const auto steps = static_cast<double>(row - last_known[column]);
        squared[pixel] = std::fmin(squared[pixel], steps * steps);
      }
    }
  };
  for (std::ptrdiff_t row = 0; row < height; ++row) {
    visit(row);
  }
  last_known.assign(last_known.size(), -1);
  for (std::ptrdiff_t row = height - 1; row >= 0; --row) {
    visit(row);
  }
  return squared;
}

// The parabolas x -> (x - q)^2 + heights[q] that are lowest somewhere, from left to right.
struct Envelope {
  explicit Envelope(std::ptrdiff_t width) {
    origins.reserve(width);
    starts.reserve(width);
  }
  void build(const double* heights, std::ptrdiff_t width) {
    origins.clear();
    starts.clear();
    for (std::ptrdiff_t q = 0; q < width; ++q) {
      if (heights[q] == infinity) {
        continue;
      }
      double start = -infinity;
      while (!origins.empty()) {
        const std::ptrdiff_t p = origins.back();
        const double lift = heights[q] - heights[p] + static_cast<double>(q * q - p * p);
        start = lift / static_cast<double>(2 * (q - p));
        if (start > starts.back()) {
          break;
        }
        origins.pop_back();
        starts.pop_back();
        start = -infinity;
      }
      origins.push_back(q);
      starts.push_back(start);
    }
  }
  std::vector<std::ptrdiff_t> origins;
  std::vector<double> starts;  // from where on each is the lowest
};

}  // namespace

void distance_to_known(const bool* known, float* distance, std::ptrdiff_t height, std::ptrdiff_t width) {
  const std::vector<double> squared = squared_distance_in_columns(known, height, width);
  Envelope envelope(width);
  for (std::ptrdiff_t row = 0; row < height; ++row) {
    const double* heights = squared.data() + row * width;
    envelope.build(heights, width);
    std::size_t lowest = 0;
    for (std::ptrdiff_t x = 0; x < width; ++x) {
      while (lowest + 1 < envelope.starts.size() && envelope.starts[lowest + 1] < static_cast<double>(x)) {
        ++lowest;
      }
      const std::ptrdiff_t q = envelope.origins[lowest];
      const auto along = static_cast<double>(x - q);
      distance[row * width + x] = static_cast<float>(std::sqrt(along * along + heights[q]));
    }
  }
}

}  // namespace inpaintx
