// The kernel of image_loss against the plain sums that define it; and what the layers do with a bias that is yet to
// come.
#include <cmath>
#include <limits>

#include "../../../csrc/ops/image_loss/cuda.cu"
#include "check.h"
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

// One channel, three, and a second round of channels; both kernels; more than one tile of columns, bands that are not
// full, a second round of features, a map of one pixel.
const Shape kShapes[] = {{1, 1, 1, 1, 1, 4},  {2, 16, 4, 8, 3, 4}, {2, 5, 3, 7, 3, 5},   {1, 64, 2, 9, 1, 5},
                         {3, 33, 5, 3, 1, 4}, {1, 3, 2, 67, 2, 4}, {1, 34, 1, 33, 4, 5}, {0, 4, 2, 2, 3, 4}};

template <class S>
struct Call {
  Shape shape;
  int64_t pixels, parts;
  Buffer<S> maps;
  Buffer<float> weight, bias, maps_bias, y, w, grad, loss;
  bool biased = true;

  explicit Call(const Shape& s, std::size_t shift = 1)
      : shape(s),
        pixels(4 * s.height * s.width),
        parts(cuda::pieces(s.width, 32) * cuda::pieces(s.height, 2)),
        maps(s.batch * s.height * s.width * s.features, shift),
        weight(s.features * s.channels * s.kernel * s.kernel, shift),
        bias(s.channels, shift),
        maps_bias(s.features, shift),
        y(s.batch * s.channels * pixels, shift),
        w(s.batch * pixels, shift),
        grad(y.size(), shift, 77.0f),
        loss(s.batch * parts, shift, 77.0f) {
    std::mt19937 random(5);
    maps.fill_uniform(random, -1, 1);
    weight.fill_uniform(random, -0.5f, 0.5f);
    for (auto* buffer : {&bias, &maps_bias, &y}) buffer->fill_uniform(random, -1, 1);
    w.fill_uniform(random, 0, 2);
    for (std::size_t i = 0; i < w.size(); i += 3) w[i] = 0.0f;
  }

  ImageLossArgs args(Norm norm, double delta) {
    ImageLossArgs a{};
    a.layer = {maps.data(),
               nullptr,
               grad.data(),
               weight.data(),
               biased ? bias.data() : nullptr,
               shape.batch,
               shape.features,
               shape.height,
               shape.width,
               shape.channels,
               shape.kernel,
               0.0};
    if (biased) a.layer.maps_bias = maps_bias.data();
    a.y = y.data(), a.w = w.data(), a.loss = loss.data(), a.norm = norm, a.delta = delta;
    return a;
  }

  int run(Norm norm = Norm::l1, double delta = 0.25) {
    return cuda::image_loss(values::kDtype<S>, args(norm, delta), nullptr);
  }

  // What the layer gives, before its tanh: what each value of the maps adds to each pixel.
  std::vector<double> sums() const {
    std::vector<double> result(y.size());
    for (std::size_t i = 0; i < result.size(); ++i) result[i] = biased ? bias[i / pixels % shape.channels] : 0.0f;
    const int64_t k = shape.kernel, padding = (k - 1) / 2;
    for (int64_t m = 0; m < static_cast<int64_t>(maps.size()); ++m) {
      const int64_t f = m % shape.features, j = m / shape.features % shape.width;
      const int64_t i = m / shape.features / shape.width % shape.height;
      const int64_t b = m / shape.features / shape.width / shape.height;
      double value = values::number(maps[m]);
      if (biased) value = std::max(0.0, value + maps_bias[f]);
      for (int64_t t = 0; t < shape.channels * k * k; ++t) {
        const int64_t c = t / (k * k), v = 2 * i - padding + t / k % k, u = 2 * j - padding + t % k;
        if (v < 0 || v >= 2 * shape.height || u < 0 || u >= 2 * shape.width) continue;
        result[(b * shape.channels + c) * pixels + v * 2 * shape.width + u] +=
            value * weight[f * shape.channels * k * k + t];
      }
    }
    return result;
  }

  void compare(Norm norm, double delta) const {
    const std::vector<double> before = sums();
    std::vector<double> losses(shape.batch);
    double worst = 0;
    for (std::size_t i = 0; i < before.size(); ++i) {
      const int64_t b = static_cast<int64_t>(i) / pixels / shape.channels;
      const double weight_here = w[b * pixels + static_cast<int64_t>(i) % pixels];
      const double x = std::tanh(before[i]), d = x - y[i], size = std::fabs(d);
      const double sign = d > 0 ? 1 : d < 0 ? -1 : 0;
      const double rho = norm == Norm::l1   ? size
                         : norm == Norm::l2 ? d * d
                         : size <= delta    ? d * d / 2
                                            : delta * (size - delta / 2);
      const double slope = norm == Norm::l1 ? sign : norm == Norm::l2 ? 2 * d : size <= delta ? d : delta * sign;
      // At the edge of a sign, rounding may choose the other one.
      const bool edge = norm == Norm::l1 && size < 1e-5;
      if (weight_here != 0) losses[b] += weight_here * rho;
      if (!edge) worst = std::max(worst, std::fabs(grad[i] - weight_here * slope * (1 - x * x)));
    }
    CHECK(worst < 2e-5, name_of(norm) << ", " << shape << ", biased " << biased << ": off by " << worst);
    for (int64_t b = 0; b < shape.batch; ++b) {
      double sum = 0;
      for (int64_t p = 0; p < parts; ++p) sum += loss[b * parts + p];
      CHECK(std::fabs(sum - losses[b]) < 1e-5 * (1 + losses[b]),
            name_of(norm) << ", " << shape << ", biased " << biased << ": " << sum << " and " << losses[b]);
    }
  }
};

}  // namespace

TEST(image_loss_is_the_layer_its_tanh_and_the_loss) {
  values::for_each_type([](auto zero) {
    for (const Shape& shape : kShapes) {
      for (const Norm norm : {Norm::l1, Norm::l2, Norm::huber}) {
        for (const bool biased : {true, false}) {
          Call<decltype(zero)> call(shape, biased ? 1 : 0);
          call.biased = biased;
          CHECK(call.run(norm) == cudaSuccess);
          call.compare(norm, 0.25);
        }
      }
    }
  });
}

TEST(image_loss_is_one_launch_with_the_same_bits_in_any_order_of_threads_and_any_batch) {
  const Shape shape = {3, 33, 5, 35, 3, 5};
  Shape one = shape;
  one.batch = 1;
  Call<float> expected(shape);
  const int before = shim::launches();
  CHECK(expected.run() == cudaSuccess);
  CHECK(shim::launches() == before + 1);
  values::for_each_order([&] {
    Call<float> call(shape);
    CHECK(call.run() == cudaSuccess);
    CHECK(values::same_bits(call.grad.data(), expected.grad.data(), call.grad.size()));
    CHECK(values::same_bits(call.loss.data(), expected.loss.data(), call.loss.size()));
  });
  Call<float> last(one), all(shape);
  const auto copy = [](auto& to, const auto& from) {
    std::copy_n(from.data() + from.size() - to.size(), to.size(), to.data());
  };
  copy(last.maps, all.maps), copy(last.weight, all.weight), copy(last.bias, all.bias);
  copy(last.maps_bias, all.maps_bias), copy(last.y, all.y), copy(last.w, all.w);
  CHECK(last.run() == cudaSuccess);
  CHECK(values::same_bits(last.grad.data(), expected.grad.data() + 2 * last.grad.size(), last.grad.size()));
  CHECK(values::same_bits(last.loss.data(), expected.loss.data() + 2 * last.loss.size(), last.loss.size()));
}

TEST(image_loss_selects_the_hole_away_and_shows_a_known_nan) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  Call<float> clean({2, 5, 3, 7, 3, 4}), dirty({2, 5, 3, 7, 3, 4}), known({2, 5, 3, 7, 3, 4});
  for (std::size_t i = 0; i < dirty.y.size(); ++i) {
    const std::size_t pixel = i / (3 * dirty.pixels) * dirty.pixels + i % dirty.pixels;
    if (dirty.w[pixel] == 0) dirty.y[i] = nan;
  }
  known.y[1] = nan, known.w[1] = 1.0f;
  CHECK(clean.run() == cudaSuccess && dirty.run() == cudaSuccess && known.run() == cudaSuccess);
  CHECK(values::same_bits(clean.grad.data(), dirty.grad.data(), clean.grad.size()));
  CHECK(values::same_bits(clean.loss.data(), dirty.loss.data(), clean.loss.size()));
  CHECK(std::isnan(known.loss[0]) && !std::isnan(known.loss[known.parts]));
}

TEST(image_loss_refuses_what_it_has_no_kernel_for) {
  Call<float> call({1, 1, 1, 1, 1, 4});
  ImageLossArgs args = call.args(Norm::l1, 1.0);
  CHECK(cuda::image_loss(Dtype::float64, args, nullptr) == cudaErrorInvalidValue);
  args.layer.batch = INT64_C(1) << 31;
  CHECK(cuda::image_loss(Dtype::float32, args, nullptr) == cudaErrorInvalidValue);
}
