// One call of context_loss, and what a plain loop makes of it.
#pragma once

#include <cmath>
#include <ostream>
#include <vector>

#include "../../../csrc/ops/context_loss/math.h"
#include "check.h"
#include "values.h"

namespace context_loss_case {

using namespace inpaintx;
using values::Buffer;

// Every norm that there is.
inline const std::vector<Norm> kNorms = [] {
  std::vector<Norm> norms;
  for (int64_t value = 0; name_of(static_cast<Norm>(value)); ++value) norms.push_back(static_cast<Norm>(value));
  return norms;
}();
inline constexpr double kDelta = 0.3;

struct Shape {
  int64_t batch, channels, pixels;
  int64_t elements() const { return channels * pixels; }
};

inline std::ostream& operator<<(std::ostream& out, const Shape& s) {
  return out << "[" << s.batch << ", " << s.channels << ", " << s.pixels << "]";
}

template <class Pointer>
View<Pointer> view(Pointer data, const Shape& shape, bool by_pixel) {
  return {data, shape.elements(), by_pixel ? 1 : shape.pixels, by_pixel ? shape.channels : 1};
}

// The inputs and outputs of one call. Values do not depend on the layout, only on the seed.
template <class T>
struct Call {
  Shape shape;
  bool x_by_pixel, y_by_pixel, with_prior;
  Buffer<T> x, y, w, prior, grad;
  std::vector<values::Computed<T>> loss;

  Call(const Shape& s, bool x_by_pixel_, bool y_by_pixel_, bool with_prior_, std::size_t shift, unsigned seed = 1)
      : shape(s),
        x_by_pixel(x_by_pixel_),
        y_by_pixel(y_by_pixel_),
        with_prior(with_prior_),
        x(s.batch * s.elements(), shift),
        y(s.batch * s.elements(), shift),
        w(s.batch * s.pixels, shift),
        prior(s.batch * s.elements(), shift),
        grad(s.batch * s.elements(), shift, values::rounded<T>(77.0f)),
        loss(s.batch, 77.0f) {
    std::mt19937 random(seed);
    each([&](int64_t at_x, int64_t at_y, int64_t) {
      x[at_x] = values::rounded<T>(values::uniform(random, -1, 1));
      y[at_y] = values::rounded<T>(values::uniform(random, -1, 1));
      prior[at_x] = values::rounded<T>(values::uniform(random, -0.1f, 0.1f));
    });
    for (int64_t i = 0; i < s.batch * s.pixels; ++i) {
      w[i] = values::rounded<T>(random() % 3 == 0 ? 0.0f : values::uniform(random, 0, 1));
    }
  }

  // visit(place in x and grad, place in y, place in w), sample by sample, channel by channel, pixel by pixel.
  template <class Visit>
  void each(Visit visit) const {
    const auto vx = view(x.data(), shape, x_by_pixel), vy = view(y.data(), shape, y_by_pixel);
    for (int64_t b = 0; b < shape.batch; ++b) {
      for (int64_t c = 0; c < shape.channels; ++c) {
        for (int64_t p = 0; p < shape.pixels; ++p) {
          visit(b * vx.batch + c * vx.channel + p * vx.pixel, b * vy.batch + c * vy.channel + p * vy.pixel,
                b * shape.pixels + p);
        }
      }
    }
  }

  ContextLossArgs args(Norm norm) {
    return {view<const void*>(x.data(), shape, x_by_pixel),
            view<const void*>(y.data(), shape, y_by_pixel),
            {w.data(), shape.pixels, 0, 1},
            view<const void*>(with_prior ? prior.data() : nullptr, shape, x_by_pixel),
            view<void*>(grad.data(), shape, x_by_pixel),
            loss.data(),
            shape.batch,
            shape.channels,
            shape.pixels,
            norm,
            kDelta};
  }
};

// What op.h and the paper say of one element, but for the norm's own rho: its test holds that to its derivative.
template <class T>
math::LossAndGrad<T> element(Norm norm, T x, T y, T w, T prior) {
  const T slope_of_tanh = T(1) - x * x;
  if (w == 0) return {T(0), prior * slope_of_tanh};
  math::LossAndGrad<T> rho{};
  with_norm(norm, [&](auto constant) { rho = math::rho<decltype(constant)::value>(x - y, static_cast<T>(kDelta)); });
  return {w * rho.loss, (w * rho.grad + prior) * slope_of_tanh};
}

// Gradients are the loop's bit for bit; losses are its sum in float64 up to the rounding of sums in float32.
template <class T>
void compare_with_loop(const Call<T>& call, Norm norm) {
  using values::number;
  const int64_t elements = call.shape.elements();
  std::vector<double> loss(call.shape.batch, 0.0);
  int64_t wrong = 0, visited = 0;
  call.each([&](int64_t at_x, int64_t at_y, int64_t at_w) {
    const auto expected = element(norm, number(call.x[at_x]), number(call.y[at_y]), number(call.w[at_w]),
                                  call.with_prior ? number(call.prior[at_x]) : values::Computed<T>(0));
    loss[visited++ / elements] += expected.loss;
    const T grad = values::rounded<T>(expected.grad);
    wrong += !values::same_bits(&call.grad[at_x], &grad);
  });
  CHECK(wrong == 0, wrong << " gradients of " << visited << " differ, " << call.shape);
  for (int64_t b = 0; b < call.shape.batch; ++b) {
    CHECK(std::fabs(call.loss[b] - loss[b]) <= 1e-6 * (1.0 + loss[b]), call.loss[b] << " for " << loss[b]);
  }
}

}  // namespace context_loss_case
