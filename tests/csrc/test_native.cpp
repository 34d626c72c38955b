// The numpy-facing solvers without numpy: harmonic interpolation, and distances to the known pixels.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "../../csrc/native/distance.hpp"
#include "../../csrc/native/membrane.hpp"
#include "check.h"
#include "values.h"

namespace {

using values::Buffer;

struct Size {
  std::ptrdiff_t height, width;
  std::ptrdiff_t pixels() const { return height * width; }
};

std::ostream& operator<<(std::ostream& out, const Size& s) { return out << "[" << s.height << ", " << s.width << "]"; }

constexpr Size kSizes[] = {{1, 2}, {2, 1}, {1, 40}, {40, 1}, {7, 5}, {16, 16}, {33, 31}, {64, 65}, {20, 90}};

// Holes of every kind that a picture may have: scattered pixels, a half, a frame, strokes one pixel wide.
constexpr int kKinds = 4;

Buffer<bool> make_known(const Size& size, int kind) {
  Buffer<bool> known(size.pixels(), 0);
  std::mt19937 random(5);
  for (std::ptrdiff_t i = 0; i < size.pixels(); ++i) {
    const std::ptrdiff_t row = i / size.width, column = i % size.width;
    const bool frame = row == 0 || column == 0 || row == size.height - 1 || column == size.width - 1;
    const bool choices[kKinds] = {random() % 5 == 0, column < size.width / 2, !frame, (row + column) % 6 != 0};
    known[i] = choices[kind];
  }
  known[size.pixels() / 2] = true;  // one at least
  return known;
}

// The largest difference, over the hole, between a pixel and the mean of its neighbours inside the picture.
template <class T>
double worst_residual(const Buffer<T>& filled, const Buffer<bool>& known, const Size& size, int channels) {
  double worst = 0;
  for (std::ptrdiff_t i = 0; i < size.pixels(); ++i) {
    const std::ptrdiff_t row = i / size.width, column = i % size.width;
    for (int c = 0; c < channels && !known[i]; ++c) {
      double sum = 0;
      int neighbours = 0;
      const auto add = [&](bool inside, std::ptrdiff_t j) {
        if (inside) {
          sum += filled[j * channels + c];
          ++neighbours;
        }
      };
      add(row > 0, i - size.width);
      add(row < size.height - 1, i + size.width);
      add(column > 0, i - 1);
      add(column < size.width - 1, i + 1);
      worst = std::max(worst, std::fabs(sum / neighbours - filled[i * channels + c]));
    }
  }
  return worst;
}

template <class T>
void check_membrane(const Size& size, int kind, int channels) {
  const Buffer<bool> known = make_known(size, kind);
  Buffer<T> values(size.pixels() * channels, 0), filled(size.pixels() * channels, 0);
  std::mt19937 random(9);
  T low = 1, high = 0;
  for (std::ptrdiff_t i = 0; i < size.pixels() * channels; ++i) {
    const T value = values::uniform(random, 0, 1);
    values[i] = known[i / channels] ? value : std::numeric_limits<T>::quiet_NaN();
    low = known[i / channels] ? std::min(low, value) : low;
    high = known[i / channels] ? std::max(high, value) : high;
  }
  inpaintx::membrane(values.data(), known.data(), filled.data(), size.height, size.width, channels);
  for (std::ptrdiff_t i = 0; i < size.pixels() * channels; ++i) {
    if (known[i / channels]) {
      CHECK(values::same_bits(&filled[i], &values[i]), "known pixel " << i << " of " << size << ", kind " << kind);
    } else {
      CHECK(filled[i] >= low - T(1e-5) && filled[i] <= high + T(1e-5), filled[i] << " in " << size << ", kind " << kind);
    }
  }
  CHECK(worst_residual(filled, known, size, channels) < 1e-5, size << ", kind " << kind);
}

}  // namespace

TEST(membrane_is_harmonic_in_the_hole_and_the_picture_where_known) {
  for (const Size& size : kSizes) {
    for (int kind = 0; kind < kKinds; ++kind) {
      check_membrane<float>(size, kind, 1);
      check_membrane<float>(size, kind, 3);
      check_membrane<double>(size, kind, 2);
    }
  }
}

TEST(membrane_continues_a_ramp) {
  // A hole inside the picture with a linear picture around it: linear functions are harmonic.
  const Size size{50, 70};
  Buffer<double> values(size.pixels(), 0), filled(size.pixels(), 0);
  Buffer<bool> known(size.pixels(), 0);
  const auto ramp = [&](std::ptrdiff_t i) { return 0.01 * (i / size.width) - 0.02 * (i % size.width) + 3; };
  for (std::ptrdiff_t i = 0; i < size.pixels(); ++i) {
    const std::ptrdiff_t row = i / size.width, column = i % size.width;
    known[i] = row < 5 || row >= 45 || column < 8 || column >= 66;
    values[i] = known[i] ? ramp(i) : 0.0;
  }
  inpaintx::membrane(values.data(), known.data(), filled.data(), size.height, size.width, 1);
  double worst = 0;
  for (std::ptrdiff_t i = 0; i < size.pixels(); ++i) {
    worst = std::max(worst, std::fabs(filled[i] - ramp(i)));
  }
  CHECK(worst < 1e-5, worst);
}

TEST(membrane_of_a_picture_without_a_hole_is_the_picture) {
  Buffer<float> values(12, 0), filled(12, 0);
  Buffer<bool> known(12, 0, true);
  std::mt19937 random(2);
  values.fill_uniform(random, 0, 1);
  inpaintx::membrane(values.data(), known.data(), filled.data(), 3, 4, 1);
  CHECK(values::same_bits(values.data(), filled.data(), 12));
}

TEST(distance_is_that_to_the_nearest_known_pixel) {
  for (const Size& size : kSizes) {
    for (int kind = 0; kind < kKinds; ++kind) {
      const Buffer<bool> known = make_known(size, kind);
      Buffer<float> distance(size.pixels(), 0, -1.0f);
      inpaintx::distance_to_known(known.data(), distance.data(), size.height, size.width);
      double worst = 0;
      for (std::ptrdiff_t i = 0; i < size.pixels(); i += size.pixels() > 1000 ? 7 : 1) {
        double nearest = std::numeric_limits<double>::infinity();
        for (std::ptrdiff_t j = 0; j < size.pixels(); ++j) {
          const double rows = i / size.width - j / size.width, columns = i % size.width - j % size.width;
          nearest = known[j] ? std::min(nearest, std::hypot(rows, columns)) : nearest;
        }
        worst = std::max(worst, std::fabs(distance[i] - nearest));
      }
      CHECK(worst < 1e-5, worst << " in " << size << ", kind " << kind);
    }
  }
}
