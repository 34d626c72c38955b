// The layers, for every instruction set that this machine runs and as kernels, against the plain sums that define them.
#include <cmath>
#include <limits>

#include "../../../csrc/ops/layers/cuda.cu"
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

// One channel and three, both kernels, rows and columns of vectors that are not full, a map of one pixel, no maps and
// no features, with which the bias alone is left.
const Shape kShapes[] = {{1, 1, 1, 1, 1, 4},  {2, 16, 4, 8, 3, 4},  {2, 5, 3, 7, 3, 5}, {1, 64, 2, 9, 1, 5},
                         {3, 33, 5, 3, 1, 4}, {1, 80, 6, 16, 3, 4}, {0, 4, 2, 2, 3, 4}, {2, 0, 2, 2, 1, 4}};

// The CPU's bfloat16 and the types of the kernels alike.
template <class S>
auto read(S stored) {
  if constexpr (std::is_same_v<S, math::bfloat16>) {
    return math::widened(stored);
  } else {
    return values::number(stored);
  }
}

template <class S, class T>
void write(S* to, T value) {
  if constexpr (std::is_same_v<S, math::bfloat16>) {
    math::store(to, value);
  } else {
    *to = values::rounded<S>(value);
  }
}

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
    for (std::size_t i = 0; i < buffer.size(); ++i) write(&buffer[i], static_cast<T>(values::uniform(random, -1, 1)));
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

  ImageLayerArgs with_weights(const T* weights, bool gated, double slope) {
    return {maps.data(),    gated ? gate.data() : nullptr,
            image.data(),   weights,
            bias.data(),    shape.batch,
            shape.features, shape.height,
            shape.width,    shape.channels,
            shape.kernel,   slope};
  }

  // Runs `loop` over all rows in pieces of `piece`.
  template <class Loop>
  void run(Loop loop, Dtype dtype, bool down, bool gated, double slope, int64_t piece) {
    const std::vector<T> weights = packed(down);
    const ImageLayerArgs args = with_weights(weights.data(), gated, slope);
    std::vector<T> scratch(down ? cpu::down_scratch(args) : cpu::up_scratch(args), T(99));
    const int64_t rows = shape.batch * shape.height;
    for (int64_t row = 0; row < rows; row += piece) loop(dtype, args, row, std::min(row + piece, rows), scratch.data());
    const bool uses_all = rows > 0 && (down || gated || sizeof(S) != sizeof(T));
    CHECK(!uses_all || scratch.back() != T(99), "there is more scratch than is used");
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

// Of a value stored as S: half a unit in the last of bfloat16's 8 bits, or of float16's 11.
template <class S>
double stored(double value) {
  if (std::is_same_v<S, float> || std::is_same_v<S, double>) return 0;
  return std::fabs(value) / (std::is_same_v<S, __half> ? 2048 : 256);
}

// What image_down is to give, for the maps in their order.
template <class S, class T>
std::vector<double> down_sums(const Call<S, T>& call, bool gated, double slope) {
  std::vector<double> sums(call.maps.size());
  for (std::size_t i = 0; i < sums.size(); ++i) sums[i] = call.bias[i % call.shape.features];
  call.each_product([&](int64_t m, int64_t i, int64_t w) { sums[m] += double(call.image[i]) * call.weight[w]; });
  for (std::size_t i = 0; i < sums.size(); ++i) {
    const double gate = gated ? read(call.gate[i]) : sums[i];
    if (!(gate > 0)) sums[i] *= slope;
  }
  return sums;
}

// What image_up is to give.
template <class S, class T>
std::vector<double> up_sums(const Call<S, T>& call, bool gated, double slope) {
  std::vector<double> sums(call.image.size());
  const int64_t image_pixels = 4 * call.shape.height * call.shape.width;
  for (std::size_t i = 0; i < sums.size(); ++i) sums[i] = call.bias[i / image_pixels % call.shape.channels];
  call.each_product([&](int64_t m, int64_t i, int64_t w) {
    const double value = read(call.maps[m]);
    sums[i] += (!gated || read(call.gate[m]) > 0 ? value : slope * value) * call.weight[w];
  });
  return sums;
}

// How far values are off beyond what storing them costs.
template <class S>
double worst_of(const Buffer<S>& values, const std::vector<double>& expected) {
  double worst = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    worst = std::max(worst, std::fabs(read(values[i]) - expected[i]) - stored<S>(expected[i]));
  }
  return worst;
}

template <class S, class T>
void check_down(cpu::Isa isa, Dtype dtype) {
  for (const Shape& shape : kShapes) {
    for (const bool gated : {false, true}) {
      for (const double slope : {0.0, 0.2}) {
        Call<S, T> call(shape, true);
        const std::vector<double> sums = down_sums(call, gated, slope);
        call.run(cpu::image_down[isa], dtype, true, gated, slope, 1 << 20);
        const double worst = worst_of(call.maps, sums);
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
      const std::vector<double> sums = up_sums(call, gated, 0.2);
      call.run(cpu::image_up[isa], dtype, false, gated, 0.2, 1 << 20);
      const double worst = worst_of(call.image, sums);
      CHECK(worst < (tolerance<S, T>()), cpu::name_of(isa) << ", " << shape << ": off by " << worst);
      for (const int64_t piece : {1, 2, 3}) {
        Call<S, T> again(shape, false);
        again.run(cpu::image_up[isa], dtype, false, gated, 0.2, piece);
        CHECK(values::same_bits(call.image.data(), again.image.data(), sums.size()), "in pieces, " << shape);
      }
    }
  }
}

// As the kernels want them: the weights as they are.
template <class S>
int run_kernel(Call<S, float>& call, bool down, bool gated, double slope) {
  const ImageLayerArgs args = call.with_weights(call.weight.data(), gated, slope);
  return (down ? cuda::image_down : cuda::image_up)(values::kDtype<S>, args, nullptr);
}

// Beside those of the loops, more than one tile of columns and a second round of channels.
const Shape kKernelShapes[] = {{1, 3, 2, 67, 2, 4}, {1, 34, 1, 33, 4, 5}};

template <class Visit>
void each_kernel_shape(Visit visit) {
  for (const Shape& shape : kShapes) visit(shape);
  for (const Shape& shape : kKernelShapes) visit(shape);
}

struct Gating {
  int64_t n, features, spacing;
  std::size_t shift;
  bool gated, biased;
  double slope;
};

std::ostream& operator<<(std::ostream& out, const Gating& g) {
  return out << g.n << " values, " << g.features << " features, " << g.spacing << " apart, gated " << g.gated
             << ", biased " << g.biased << ", slope " << g.slope << ", shift " << g.shift;
}

// Nothing, less than a pack, whole ones and more than a block; biases of each value, of runs, and one of all.
template <class Visit>
void each_gating(Visit visit) {
  const int64_t sizes[][3] = {{0, 1, 1},    {1, 1, 1},  {7, 7, 1},  {64, 16, 1}, {4099, 4099, 1},
                              {420, 20, 1}, {60, 3, 5}, {60, 5, 2}, {64, 2, 8},  {2310, 7, 11}};
  for (const auto& [n, features, spacing] : sizes) {
    for (const std::size_t shift : {0, 1}) {
      for (const double slope : {0.0, 0.2}) {
        for (const int of : {0, 1, 2, 3}) visit(Gating{n, features, spacing, shift, of % 2 == 0, of / 2 == 0, slope});
      }
    }
  }
}

template <class S, class T>
struct Gated {
  Gating g;
  Buffer<S> x, gate, before;
  Buffer<T> bias;

  explicit Gated(const Gating& gating)
      : g(gating), x(g.n, g.shift), gate(g.n, g.shift), before(g.n, 0), bias(g.features, 1) {
    std::mt19937 random(3);
    Call<S, T>::fill(x, random), Call<S, T>::fill(gate, random), Call<S, T>::fill(bias, random);
    std::copy_n(x.data(), g.n, before.data());
  }

  GateArgs args() {
    return {x.data(), g.gated ? gate.data() : nullptr, g.biased ? bias.data() : nullptr, g.n, g.features, g.spacing,
            g.slope};
  }

  void compare(const char* what) const {
    int64_t wrong = 0;
    for (int64_t i = 0; i < g.n; ++i) {
      const T value = read(before[i]) + (g.biased ? bias[i / g.spacing % g.features] : T(0));
      const bool open = (g.gated ? read(gate[i]) : value) > 0;
      S expected;
      write(&expected, open ? value : g.slope == 0 ? T(0) : static_cast<T>(g.slope) * value);
      wrong += !values::same_bits(&x[i], &expected);
    }
    CHECK(wrong == 0, what << ": " << wrong << " differ, " << g);
  }
};

template <class S, class T>
void check_gate(cpu::Isa isa, Dtype dtype) {
  each_gating([&](const Gating& g) {
    for (const int64_t piece : {int64_t(1) << 20, int64_t(13)}) {
      Gated<S, T> call(g);
      for (int64_t i = 0; i < g.n; i += piece) cpu::gate[isa](dtype, call.args(), i, std::min(i + piece, g.n));
      call.compare(cpu::name_of(isa));
    }
  });
}

float rounded_to_bfloat16(float value) {
  math::bfloat16 stored;
  math::store(&stored, value);
  return math::widened(stored);
}

}  // namespace

TEST(the_kernels_of_the_image_layers_have_the_plain_sums) {
  values::for_each_type([](auto zero) {
    using S = decltype(zero);
    each_kernel_shape([](const Shape& shape) {
      for (const bool gated : {false, true}) {
        Call<S, float> down(shape, true), up(shape, false);
        const std::vector<double> sums = down_sums(down, gated, 0.2);
        CHECK(run_kernel(down, true, gated, 0.2) == cudaSuccess);
        CHECK(worst_of(down.maps, sums) < (tolerance<S, float>()), "down, " << shape << ", gated " << gated);
        CHECK(run_kernel(up, false, gated, 0.2) == cudaSuccess);
        CHECK(worst_of(up.image, up_sums(up, gated, 0.2)) < (tolerance<S, float>()),
              "up, " << shape << ", gated " << gated);
      }
    });
  });
}

// run(call, args, down), whose arguments have no bias and select.
template <class Run>
void check_without_bias(const char* what, Run run) {
  const Shape shape = {2, 5, 3, 7, 3, 4};
  for (const bool down : {true, false}) {
    Call<float, float> call(shape, down), plain(shape, down);
    for (std::size_t i = 0; i < plain.bias.size(); ++i) plain.bias[i] = 0.0f;
    ImageLayerArgs args = call.with_weights(call.weight.data(), true, 0.0);
    args.bias = nullptr;
    const auto sums = down ? down_sums(plain, true, 0.0) : up_sums(plain, true, 0.0);
    run(call, args, down);
    const double worst = worst_of(down ? call.maps : call.image, sums);
    CHECK(worst < (tolerance<float, float>()), what << ", down " << down << ": off by " << worst);
  }
}

TEST(the_kernels_of_the_image_layers_do_without_bias_and_select_at_slope_0) {
  check_without_bias("kernel", [](auto&, const ImageLayerArgs& args, bool down) {
    CHECK((down ? cuda::image_down : cuda::image_up)(Dtype::float32, args, nullptr) == cudaSuccess);
  });
}

TEST(every_instruction_sets_image_layers_do_without_bias_and_select_at_slope_0) {
  isas::for_each([](cpu::Isa isa) {
    check_without_bias(cpu::name_of(isa), [isa](auto& call, ImageLayerArgs args, bool down) {
      const auto weights = call.packed(down);
      args.weights = weights.data();
      std::vector<float> scratch(down ? cpu::down_scratch(args) : cpu::up_scratch(args), 99.0f);
      (down ? cpu::image_down : cpu::image_up)[isa](Dtype::float32, args, 0, args.batch * args.height, scratch.data());
    });
  });
}

TEST(the_kernels_of_the_image_layers_give_the_same_bits_in_any_order_of_threads_and_any_batch) {
  // Two rounds of features and of channels, two tiles of columns.
  const Shape shape = {2, 33, 2, 33, 4, 4};
  Shape one = shape;
  one.batch = 1;
  for (const bool down : {true, false}) {
    Call<float, float> expected(shape, down);
    CHECK(run_kernel(expected, down, true, 0.2) == cudaSuccess);
    const auto result = [&](auto& call) -> auto& { return down ? call.maps : call.image; };
    values::for_each_order([&] {
      Call<float, float> call(shape, down);
      CHECK(run_kernel(call, down, true, 0.2) == cudaSuccess);
      CHECK(values::same_bits(result(call).data(), result(expected).data(), result(call).size()));
    });
    Call<float, float> first(one, down), all(shape, down);
    const auto copy = [](auto& to, const auto& from) { std::copy_n(from.data(), to.size(), to.data()); };
    copy(first.maps, all.maps), copy(first.gate, all.gate), copy(first.image, all.image);
    copy(first.weight, all.weight), copy(first.bias, all.bias);
    CHECK(run_kernel(first, down, true, 0.2) == cudaSuccess);
    CHECK(values::same_bits(result(first).data(), result(expected).data(), result(first).size()));
  }
}

TEST(the_kernel_of_gate_is_the_plain_loop_for_any_length_order_and_alignment) {
  values::for_each_type([](auto zero) {
    using S = decltype(zero);
    each_gating([](const Gating& g) {
      Gated<S, float> call(g);
      CHECK(cuda::gate(values::kDtype<S>, call.args(), nullptr) == cudaSuccess);
      call.compare("kernel");
    });
  });
}

TEST(the_kernel_of_gate_has_a_thread_for_each_pack_and_for_each_element_of_the_rest) {
  const auto blocks_for = [](int64_t n, std::size_t shift, bool gated) {
    Gated<float, float> call({n, 1, 1, shift, gated, false, 0.0});
    CHECK(cuda::gate(Dtype::float32, call.args(), nullptr) == cudaSuccess);
    return gridDim.x;
  };
  for (const bool gated : {true, false}) {
    CHECK(blocks_for(4096, 0, gated) == 4 && blocks_for(4099, 0, gated) == 5, "packs of 4, blocks of 256");
    CHECK(blocks_for(4096, 1, gated) == 16 && blocks_for(4099, 1, gated) == 17, "memory that no pack may be read from");
  }
}

TEST(every_instruction_set_has_the_plain_loops_gate) {
  isas::for_each([](cpu::Isa isa) {
    check_gate<float, float>(isa, Dtype::float32);
    check_gate<double, double>(isa, Dtype::float64);
    check_gate<math::bfloat16, float>(isa, Dtype::bfloat16);
  });
}

TEST(the_kernels_of_the_layers_refuse_what_they_are_not_for) {
  Call<float, float> call({1, 1, 1, 1, 1, 4}, true);
  ImageLayerArgs args = call.with_weights(call.weight.data(), false, 0.0);
  CHECK(cuda::image_down(Dtype::float64, args, nullptr) == cudaErrorInvalidValue);
  GateArgs gating{call.maps.data(), nullptr, nullptr, 1, 1, 1, 0.0};
  CHECK(cuda::gate(Dtype::float64, gating, nullptr) == cudaErrorInvalidValue);
  args.batch = INT64_C(1) << 31;
  CHECK(cuda::image_down(Dtype::float32, args, nullptr) == cudaErrorInvalidValue);
  CHECK(cuda::image_up(Dtype::float32, args, nullptr) == cudaErrorInvalidValue);
  gating.n = args.batch;
  CHECK(cuda::gate(Dtype::float32, gating, nullptr) == cudaErrorInvalidValue);
}

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

TEST(rows_of_weights_and_lines_are_as_long_as_they_must_be) {
  CHECK(cpu::padded(0) == 0 && cpu::padded(1) == 16 && cpu::padded(16) == 16 && cpu::padded(17) == 32);
  ImageLayerArgs args{};
  for (const int64_t kernel : {4, 5}) {
    args.width = 7, args.kernel = kernel;
    CHECK(cpu::line_length(args) == 6 * 2 + kernel, "up to the last tap of the last of 7 columns");
  }
}

TEST(what_blocks_share_out_is_cut_into_whole_pieces_and_a_rest) {
  CHECK(cuda::pieces(0, 32) == 0 && cuda::pieces(1, 32) == 1 && cuda::pieces(32, 32) == 1);
  CHECK(cuda::pieces(33, 32) == 2 && cuda::pieces(64, 32) == 2 && cuda::pieces(5, 2) == 3);
  ImageLayerArgs args{};
  args.width = 65, args.height = 5;
  CHECK(cuda::up_parts(args) == 3 * 3, "tiles of 32 columns by bands of 2 rows");
}

TEST(gate_scales_or_selects_what_is_not_behind_a_positive_gate) {
  isas::for_each([](cpu::Isa isa) {
    const float infinity = std::numeric_limits<float>::infinity();
    for (const int64_t n : {0, 1, 37}) {
      Buffer<float> x(n, 1), gate(n, 2);
      for (int64_t i = 0; i < n; ++i) x[i] = i == 4 ? infinity : i + 1.0f, gate[i] = i % 3 - 1.0f;
      Buffer<float> leaked = x;
      cpu::gate[isa](Dtype::float32, {x.data(), gate.data(), nullptr, n, 1, 1, 0.0}, 0, n);
      cpu::gate[isa](Dtype::float32, {leaked.data(), gate.data(), nullptr, n, 1, 1, 0.25}, 0, n);
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
  const float infinity = std::numeric_limits<float>::infinity();
  CHECK(rounded_to_bfloat16(infinity) == infinity && rounded_to_bfloat16(-infinity) == -infinity);
  CHECK(std::isnan(rounded_to_bfloat16(std::numeric_limits<float>::quiet_NaN())));
  CHECK(std::isnan(rounded_to_bfloat16(std::nanf("0xFFFF"))));
  for (const uint32_t bits : {0x7F800001u, 0xFF800001u, 0x7FFFFFFFu}) {  // beside the infinities, and the last
    float nan;
    std::memcpy(&nan, &bits, sizeof nan);
    CHECK(std::isnan(rounded_to_bfloat16(nan)), bits);
  }
}

// A bias that the maps, or the gate, lack yet: as if it had been added to them before. The values are so coarse that
// every type holds the sums.
template <class S, class T, class Run>
void check_lacking_bias(const char* what, Run run) {
  for (const Shape& shape : {Shape{2, 5, 3, 7, 3, 4}, Shape{1, 34, 2, 33, 1, 5}}) {
    for (const bool down : {true, false}) {
      for (const bool gated : {true, false}) {
        if (down && !gated) continue;
        Call<S, T> lacking(shape, down), added(shape, down);
        Buffer<T> lack(shape.features, 1);
        std::mt19937 random(9);
        Call<S, T>::fill(lack, random);
        const auto coarse = [](double value) { return static_cast<T>(std::round(value * 8) / 8); };
        for (std::size_t f = 0; f < lack.size(); ++f) lack[f] = coarse(lack[f]);
        Buffer<S>& to = down ? lacking.gate : lacking.maps;
        Buffer<S>& whole = down ? added.gate : added.maps;
        for (std::size_t i = 0; i < to.size(); ++i) {
          write(&to[i], coarse(read(to[i])));
          write(&whole[i], static_cast<T>(read(to[i]) + lack[i % shape.features]));
        }
        if (!gated) added.gate = added.maps;
        run(lacking, down, gated, lack.data());
        run(added, down, true, static_cast<const T*>(nullptr));
        const std::size_t count = down ? lacking.maps.size() : lacking.image.size();
        CHECK(down ? values::same_bits(lacking.maps.data(), added.maps.data(), count)
                   : values::same_bits(lacking.image.data(), added.image.data(), count),
              what << ", " << shape << ", down " << down << ", gated " << gated);
      }
    }
  }
}

TEST(the_kernels_of_the_image_layers_add_a_bias_that_is_lacking) {
  values::for_each_type([](auto zero) {
    using S = decltype(zero);
    check_lacking_bias<S, float>("kernel", [](auto& call, bool down, bool gated, const float* lack) {
      ImageLayerArgs args = call.with_weights(call.weight.data(), gated, 0.2);
      args.maps_bias = lack;
      CHECK((down ? cuda::image_down : cuda::image_up)(values::kDtype<S>, args, nullptr) == cudaSuccess);
    });
  });
}

TEST(every_instruction_sets_image_layers_add_a_bias_that_is_lacking) {
  isas::for_each([](cpu::Isa isa) {
    const auto run = [isa](Dtype dtype) {
      return [isa, dtype](auto& call, bool down, bool gated, const auto* lack) {
        const auto weights = call.packed(down);
        ImageLayerArgs args = call.with_weights(weights.data(), gated, 0.2);
        args.maps_bias = lack;
        using T = std::decay_t<decltype(*lack)>;
        std::vector<T> scratch(down ? cpu::down_scratch(args) : cpu::up_scratch(args), T(99));
        const int64_t rows = call.shape.batch * call.shape.height;
        (down ? cpu::image_down : cpu::image_up)[isa](dtype, args, 0, rows, scratch.data());
      };
    };
    check_lacking_bias<float, float>(cpu::name_of(isa), run(Dtype::float32));
    check_lacking_bias<double, double>(cpu::name_of(isa), run(Dtype::float64));
    check_lacking_bias<math::bfloat16, float>(cpu::name_of(isa), run(Dtype::bfloat16));
  });
}
