// The numpy-facing solvers without numpy: harmonic and biharmonic interpolation, and distances to the known pixels.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

#include "../../../csrc/solvers/biharmonic.h"
#include "../../../csrc/solvers/distance.h"
#include "../../../csrc/solvers/hole.h"
#include "../../../csrc/solvers/membrane.h"
#include "../../../csrc/solvers/multigrid.h"
#include "../../../csrc/solvers/plate.h"
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

// For each pixel, the sum of its differences from its neighbours inside the picture.
std::vector<double> laplacian(const std::vector<double>& u, const Size& size) {
  std::vector<double> result(u.size(), 0.0);
  for (std::ptrdiff_t i = 0; i < size.pixels(); ++i) {
    const std::ptrdiff_t row = i / size.width, column = i % size.width;
    const auto add = [&](bool inside, std::ptrdiff_t j) { result[i] += inside ? u[i] - u[j] : 0.0; };
    add(row > 0, i - size.width);
    add(row < size.height - 1, i + size.width);
    add(column > 0, i - 1);
    add(column < size.width - 1, i + 1);
  }
  return result;
}

// The largest value, over the hole, of the product of L + tension for each of these tensions, L the Laplacian.
template <class T>
double worst_residual(const Buffer<T>& filled, const Buffer<bool>& known, const Size& size, int channels,
                      const std::vector<double>& tensions) {
  double worst = 0;
  for (int c = 0; c < channels; ++c) {
    std::vector<double> u;
    for (std::ptrdiff_t i = 0; i < size.pixels(); ++i) {
      u.push_back(filled[i * channels + c]);
    }
    for (const double tension : tensions) {
      std::vector<double> product = laplacian(u, size);
      for (std::size_t i = 0; i < u.size(); ++i) {
        product[i] += tension * u[i];
      }
      u = std::move(product);
    }
    for (std::ptrdiff_t i = 0; i < size.pixels(); ++i) {
      worst = known[i] ? worst : std::max(worst, std::fabs(u[i]));
    }
  }
  return worst;
}

// A picture of noise in [0, 1] with NaN under the hole.
template <class T>
Buffer<T> noise(const Buffer<bool>& known, const Size& size, int channels) {
  Buffer<T> values(size.pixels() * channels, 0);
  std::mt19937 random(9);
  for (std::ptrdiff_t i = 0; i < size.pixels() * channels; ++i) {
    const T value = values::uniform(random, 0, 1);
    values[i] = known[i / channels] ? value : std::numeric_limits<T>::quiet_NaN();
  }
  return values;
}

template <class T>
void check_known(const Buffer<T>& values, const Buffer<T>& filled, const Buffer<bool>& known, const Size& size,
                 int channels) {
  for (std::ptrdiff_t i = 0; i < size.pixels() * channels; ++i) {
    if (known[i / channels]) {
      CHECK(values::same_bits(&filled[i], &values[i]), "known pixel " << i << " of " << size);
    }
  }
}

template <class T>
void check_membrane(const Size& size, int kind, int channels) {
  const Buffer<bool> known = make_known(size, kind);
  const Buffer<T> values = noise<T>(known, size, channels);
  Buffer<T> filled(size.pixels() * channels, 0);
  inpaintx::membrane(values.data(), known.data(), filled.data(), size.height, size.width, channels);
  check_known(values, filled, known, size, channels);
  for (std::ptrdiff_t i = 0; i < size.pixels() * channels; ++i) {
    CHECK(filled[i] >= 0 && filled[i] <= 1, filled[i] << " in " << size << ", kind " << kind);
  }
  CHECK(worst_residual(filled, known, size, channels, {0}) < 4e-5, size << ", kind " << kind);
}

// An error of e in one pixel makes a residual of 20 e there, and 4 tension e more.
template <class T>
void check_biharmonic(const Size& size, int kind, int channels, double tension) {
  const Buffer<bool> known = make_known(size, kind);
  const Buffer<T> values = noise<T>(known, size, channels);
  Buffer<T> filled(size.pixels() * channels, 0);
  inpaintx::biharmonic(values.data(), known.data(), filled.data(), size.height, size.width, channels, tension);
  check_known(values, filled, known, size, channels);
  const double worst = worst_residual(filled, known, size, channels, {tension, 0});
  CHECK(worst < 1e-4 * (1 + tension / 5), worst << " in " << size << ", kind " << kind << ", tension " << tension);
}

// What conjugate gradients rest on: for any x and y in the hole, x B y = y B x, x A y = y A x, and both are positive
// for x = y.
template <class Problem, class... More>
void check_symmetric_and_definite(const Size& size, int kind, More... more) {
  const Buffer<bool> known = make_known(size, kind);
  std::vector<char> hole;
  for (std::ptrdiff_t i = 0; i < size.pixels(); ++i) {
    hole.push_back(!known[i]);
  }
  Problem problem(hole, size.height, size.width, more...);
  const inpaintx::Grid& grid = problem.grid();
  std::mt19937 random(3);
  std::vector<double> x(grid.size, 0.0), y(grid.size, 0.0), product_x(grid.size, 0.0), product_y(grid.size, 0.0);
  for_each_unknown(grid, [&](std::ptrdiff_t i) {
    x[i] = values::uniform(random, -1, 1);
    y[i] = values::uniform(random, -1, 1);
  });
  const auto dot = [&](const std::vector<double>& a, const std::vector<double>& b) {
    double sum = 0;
    for_each_unknown(grid, [&](std::ptrdiff_t i) { sum += a[i] * b[i]; });
    return sum;
  };
  const auto check = [&](const char* what, const std::vector<double>& of_x, const std::vector<double>& of_y) {
    const double xx = dot(x, of_x), yy = dot(y, of_y), difference = dot(y, of_x) - dot(x, of_y);
    CHECK(grid.runs.empty() || (xx > 0 && yy > 0), what << " of " << size << ", kind " << kind);
    CHECK(std::fabs(difference) <= 1e-9 * (xx + yy), what << " of " << size << ", kind " << kind << ": " << difference);
  };
  problem.multiply(x, product_x);
  problem.multiply(y, product_y);
  check("A", product_x, product_y);
  const std::vector<double> preconditioned_x = problem.precondition(x);  // a copy: the next call overwrites it
  check("B", preconditioned_x, problem.precondition(y));
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

TEST(biharmonic_is_biharmonic_in_the_hole_and_the_picture_where_known) {
  for (const Size& size : kSizes) {
    for (int kind = 0; kind < kKinds; ++kind) {
      check_biharmonic<float>(size, kind, 1, 0.0);
      check_biharmonic<float>(size, kind, 3, 0.25);
      check_biharmonic<double>(size, kind, 2, 0.0);
      check_biharmonic<double>(size, kind, 1, 40.0);
    }
  }
}

TEST(biharmonic_continues_a_cubic) {
  // Two known lines around the hole determine it; cubics are biharmonic.
  const Size size{50, 70};
  Buffer<double> values(size.pixels(), 0), filled(size.pixels(), 0);
  Buffer<bool> known(size.pixels(), 0);
  const auto cubic = [&](std::ptrdiff_t i) {
    const double y = 0.02 * (i / size.width) - 0.5, x = 0.02 * (i % size.width) - 0.6;
    return x * x * x - 2 * x * y * y + y * y + x - 3;
  };
  for (std::ptrdiff_t i = 0; i < size.pixels(); ++i) {
    const std::ptrdiff_t row = i / size.width, column = i % size.width;
    known[i] = row < 2 || row >= 48 || column < 2 || column >= 68;
    values[i] = known[i] ? cubic(i) : 0.0;
  }
  inpaintx::biharmonic(values.data(), known.data(), filled.data(), size.height, size.width, 1);
  double worst = 0;
  for (std::ptrdiff_t i = 0; i < size.pixels(); ++i) {
    worst = std::max(worst, std::fabs(filled[i] - cubic(i)));
  }
  CHECK(worst < 1e-5, worst);
}

TEST(tension_leads_from_the_plate_to_the_membrane) {
  const Size size{33, 31};
  const Buffer<bool> known = make_known(size, 1);
  const Buffer<double> values = noise<double>(known, size, 1);
  Buffer<double> membrane(size.pixels(), 0), plate(size.pixels(), 0);
  inpaintx::membrane(values.data(), known.data(), membrane.data(), size.height, size.width, 1);
  double before = std::numeric_limits<double>::infinity();
  for (const double tension : {0.0, 0.1, 10.0, 1e6}) {
    inpaintx::biharmonic(values.data(), known.data(), plate.data(), size.height, size.width, 1, tension);
    double apart = 0;
    for (std::ptrdiff_t i = 0; i < size.pixels(); ++i) {
      apart = std::max(apart, std::fabs(plate[i] - membrane[i]));
    }
    CHECK(apart < 0.8 * before, apart << " with tension " << tension << ", before " << before);
    before = apart;
  }
  CHECK(before < 1e-4, before);
}

TEST(picture_without_a_hole_stays) {
  Buffer<float> values(12, 0), filled(12, 0), plate(12, 0);
  Buffer<bool> known(12, 0, true);
  std::mt19937 random(2);
  values.fill_uniform(random, 0, 1);
  inpaintx::membrane(values.data(), known.data(), filled.data(), 3, 4, 1);
  CHECK(values::same_bits(values.data(), filled.data(), 12));
  inpaintx::biharmonic(values.data(), known.data(), plate.data(), 3, 4, 1);
  CHECK(values::same_bits(values.data(), plate.data(), 12));
}

TEST(matrices_and_their_preconditioners_are_symmetric_and_definite) {
  for (const Size& size : kSizes) {
    for (int kind = 0; kind < kKinds; ++kind) {
      check_symmetric_and_definite<inpaintx::Multigrid>(size, kind);
      for (const double tension : {0.0, 0.25, 40.0}) {
        check_symmetric_and_definite<inpaintx::Plate>(size, kind, tension);
      }
    }
  }
}

TEST(holes_are_cut_apart_where_enough_lines_are_known) {
  // Columns 0 and 1, 3, 6 and 7: one known line in between, then two.
  const inpaintx::Size size{4, 9, 1};
  Buffer<bool> known(4 * 9, 0, true);
  for (const std::ptrdiff_t column : {0, 1, 3, 6, 7}) {
    known[9 + column] = false;
  }
  const auto check = [&](std::ptrdiff_t rim, const std::vector<inpaintx::Box>& expected) {
    const std::vector<inpaintx::Box> boxes = inpaintx::boxes_of_hole(known.data(), size, rim);
    CHECK(boxes == expected, boxes.size() << " boxes, rim " << rim);
  };
  check(1, {{{0, 3}, {0, 3}}, {{0, 3}, {2, 5}}, {{0, 3}, {5, 9}}});
  check(2, {{{0, 4}, {0, 6}}, {{0, 4}, {4, 9}}});
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
