// The layers, for every instruction set that this machine runs, against the plain sums that define them.
#include <cmath>
#include <limits>

#include "../../../csrc/ops/layers/math.h"
#include "../../../csrc/ops/layers/op.h"
#include "check.h"
#include "isas.h"
#include "values.h"

namespace {

using namespace inpaintx;
using values::Buffer;

struct Shape {
  int64_t batch, features, height, width, channels, kernel;
};

std::ostream& operator<<(std::ostream& out, const Shape& s) {
  return out << "[" << s.batch << ", " << s.features << ", " << s.height << ", " << s.width << "], " << s.channels
             << " channels, kernel " << s.kernel;
}

// One channel and three, both kernels, rows and columns of vectors that are not full, a map of one pixel.
const Shape kShapes[] = {{1, 1, 1, 1, 1, 4},  {2, 16, 4, 8, 3, 4},  {2, 5, 3, 7, 3, 5}, {1, 64, 2, 9, 1, 5},
                         {3, 33, 5, 3, 1, 4}, {1, 80, 6, 16, 3, 4}, {0, 4, 2, 2, 3, 4}};

template <class S, class T>
struct Call {
  Shape shape;
  Buffer<S> maps, gate;
  Buffer<T> image, weight, bias;

  explicit Call(const Shape& s, bool down)
      : shape(s),
        maps(pixels() * s.features, 1),
        gate(pixels() * s.features, 1),
        image(pixels() * 4 * s.channels, 1),
        weight(s.features * taps(), 1),
        bias(down ? s.features : s.channels, 1) {
    std::mt19937 random(7);
    fill(maps, random);
    fill(gate, random);
    fill(image, random);
    fill(weight, random);
    fill(bias, random);
  }

  int64_t pixels() const { return shape.batch * shape.height * shape.width; }
  int64_t taps() const { return shape.channels * shape.kernel * shape.kernel; }

  template <class E>
  static void fill(Buffer<E>& buffer, std::mt19937& random) {
    for (std::size_t i = 0; i < buffer.size(); ++i)
      math::store(&buffer[i], static_cast<T>(values::uniform(random, -1, 1)));
  }

  // Weights as the loops want them, [taps, features] or [features, taps], rows filled up with zeros.
  std::vector<T> packed(bool down) const {
    const int64_t columns = cpu::padded(down ? shape.features : taps());
    std::vector<T> result((down ? taps() : shape.features) * columns, T(0));
    for (int64_t f = 0; f < shape.features; ++f) {
      for (int64_t t = 0; t < taps(); ++t) result[down ? t * columns + f : f * columns + t] = weight[f * taps() + t];
    }
    return result;
  }

  // Runs `loop` over all rows in pieces of `piece`.
  template <class Loop>
  void run(Loop loop, Dtype dtype, bool down, bool gated, double slope, int64_t piece) {
    const std::vector<T> weights = packed(down);
    const ImageLayerArgs args = {maps.data(),    gated ? gate.data() : nullptr,
                                 image.data(),   weights.data(),
                                 bias.data(),    shape.batch,
                                 shape.features, shape.height,
                                 shape.width,    shape.channels,
                                 shape.kernel,   slope};
    std::vector<T> scratch(down ? cpu::down_scratch(args) : cpu::up_scratch(args), T(99));
    const int64_t rows = shape.batch * shape.height;
    for (int64_t row = 0; row < rows; row += piece) loop(dtype, args, row, std::min(row + piece, rows), scratch.data());
  }

  // visit(place in maps, place in image, place in weight) for each product that there is in the convolution.
  template <class Visit>
  void each_product(Visit visit) const {
    const int64_t padding = (shape.kernel - 1) / 2, h = 2 * shape.height, w = 2 * shape.width;
    for (int64_t pixel = 0; pixel < pixels(); ++pixel) {
      const int64_t b = pixel / (shape.height * shape.width), i = pixel / shape.width % shape.height,
                    j = pixel % shape.width;
      for (int64_t t = 0; t < taps(); ++t) {
        const int64_t c = t / (shape.kernel * shape.kernel);
        const int64_t y = 2 * i - padding + t / shape.kernel % shape.kernel, x = 2 * j - padding + t % shape.kernel;
        if (y < 0 || y >= h || x < 0 || x >= w) continue;
        const int64_t at_image = ((b * shape.channels + c) * h + y) * w + x;
        for (int64_t f = 0; f < shape.features; ++f) visit(pixel * shape.features + f, at_image, f * taps() + t);
      }
    }
  }
};

template <class S, class T>
double tolerance() {
  return std::is_same_v<T, double> ? 1e-13 : 2e-5;
}

// Of a value stored as S: half a unit in the last of bfloat16's 8 bits.
template <class S>
double stored(double value) {
  return std::is_same_v<S, math::bfloat16> ? std::fabs(value) / 256 : 0;
}

template <class S, class T>
void check_down(cpu::Isa isa, Dtype dtype) {
  for (const Shape& shape : kShapes) {
    for (const bool gated : {false, true}) {
      for (const double slope : {0.0, 0.2}) {
        Call<S, T> call(shape, true);
        std::vector<double> sums(call.maps.size());
        for (std::size_t i = 0; i < sums.size(); ++i) sums[i] = call.bias[i % shape.features];
        call.each_product([&](int64_t m, int64_t i, int64_t w) { sums[m] += double(call.image[i]) * call.weight[w]; });
        call.run(cpu::image_down[isa], dtype, true, gated, slope, 1 << 20);
        double worst = 0;
        for (std::size_t i = 0; i < sums.size(); ++i) {
          const double gate = gated ? math::widened(call.gate[i]) : sums[i];
          const double expected = gate > 0 ? sums[i] : slope * sums[i];
          worst = std::max(worst, std::fabs(math::widened(call.maps[i]) - expected) - stored<S>(expected));
        }
        CHECK(worst < (tolerance<S, T>()), cpu::name_of(isa) << ", " << shape << ": off by " << worst);
        Call<S, T> again(shape, true);
        again.run(cpu::image_down[isa], dtype, true, gated, slope, 1);
        CHECK(values::same_bits(call.maps.data(), again.maps.data(), sums.size()), "in pieces, " << shape);
      }
    }
  }
}

template <class S, class T>
void check_up(cpu::Isa isa, Dtype dtype) {
  for (const Shape& shape : kShapes) {
    for (const bool gated : {false, true}) {
      Call<S, T> call(shape, false);
      std::vector<double> sums(call.image.size());
      const int64_t image_pixels = 4 * shape.height * shape.width;
      for (std::size_t i = 0; i < sums.size(); ++i) sums[i] = call.bias[i / image_pixels % shape.channels];
      call.each_product([&](int64_t m, int64_t i, int64_t w) {
        const double value = math::widened(call.maps[m]);
        sums[i] += (!gated || math::widened(call.gate[m]) > 0 ? value : 0.2 * value) * call.weight[w];
      });
      call.run(cpu::image_up[isa], dtype, false, gated, 0.2, 1 << 20);
      double worst = 0;
      for (std::size_t i = 0; i < sums.size(); ++i) worst = std::max(worst, std::fabs(call.image[i] - sums[i]));
      CHECK(worst < (tolerance<S, T>()), cpu::name_of(isa) << ", " << shape << ": off by " << worst);
      for (const int64_t piece : {1, 2, 3}) {
        Call<S, T> again(shape, false);
        again.run(cpu::image_up[isa], dtype, false, gated, 0.2, piece);
        CHECK(values::same_bits(call.image.data(), again.image.data(), sums.size()), "in pieces, " << shape);
      }
    }
  }
}

float rounded_to_bfloat16(float value) {
  math::bfloat16 stored;
  math::store(&stored, value);
  return math::widened(stored);
}

}  // namespace

TEST(every_instruction_set_has_the_plain_sums_of_image_down) {
  isas::for_each([](cpu::Isa isa) {
    check_down<float, float>(isa, Dtype::float32);
    check_down<double, double>(isa, Dtype::float64);
    check_down<math::bfloat16, float>(isa, Dtype::bfloat16);
  });
}

TEST(every_instruction_set_has_the_plain_sums_of_image_up) {
  isas::for_each([](cpu::Isa isa) {
    check_up<float, float>(isa, Dtype::float32);
    check_up<double, double>(isa, Dtype::float64);
    check_up<math::bfloat16, float>(isa, Dtype::bfloat16);
  });
}

TEST(gate_scales_or_selects_what_is_not_behind_a_positive_gate) {
  isas::for_each([](cpu::Isa isa) {
    const float infinity = std::numeric_limits<float>::infinity();
    for (const int64_t n : {0, 1, 37}) {
      Buffer<float> x(n, 1), gate(n, 2);
      for (int64_t i = 0; i < n; ++i) x[i] = i == 4 ? infinity : i + 1.0f, gate[i] = i % 3 - 1.0f;
      Buffer<float> leaked = x;
      cpu::gate[isa](Dtype::float32, x.data(), gate.data(), n, 0.0);
      cpu::gate[isa](Dtype::float32, leaked.data(), gate.data(), n, 0.25);
      for (int64_t i = 0; i < n; ++i) {
        const float value = i == 4 ? infinity : i + 1.0f;
        CHECK(x[i] == (i % 3 == 2 ? value : 0.0f), cpu::name_of(isa) << " at " << i);
        CHECK(leaked[i] == (i % 3 == 2 ? value : 0.25f * value), cpu::name_of(isa) << " at " << i);
      }
    }
  });
}

TEST(bfloat16_rounds_to_the_nearest_and_ties_to_even) {
  CHECK(rounded_to_bfloat16(1.0f) == 1.0f);
  CHECK(rounded_to_bfloat16(1.0f + 0x1p-8f) == 1.0f);                       // a tie, down to even
  CHECK(rounded_to_bfloat16(1.0f + 3 * 0x1p-8f) == 1.0f + 0x1p-6f);         // a tie, up to even
  CHECK(rounded_to_bfloat16(1.0f + 0x1p-8f + 0x1p-20f) == 1.0f + 0x1p-7f);  // just above a tie
  CHECK(rounded_to_bfloat16(-3.0e38f) < -2.9e38f);
  CHECK(std::isinf(rounded_to_bfloat16(std::numeric_limits<float>::max())));
  CHECK(std::isnan(rounded_to_bfloat16(std::numeric_limits<float>::quiet_NaN())));
  CHECK(std::isnan(rounded_to_bfloat16(std::nanf("0xFFFF"))));
}
