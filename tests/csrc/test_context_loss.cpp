// The CUDA kernel of context_loss on the shim, against a plain loop over csrc/math.
#include "../../csrc/cuda/context_loss.cu"

#include <cmath>
#include <limits>

#include "check.h"
#include "values.h"

namespace {

using namespace inpaintx;
using values::Buffer;

constexpr Norm kNorms[] = {Norm::l1, Norm::l2, Norm::huber};
constexpr double kDelta = 0.3;

struct Shape {
  int64_t batch, channels, pixels;
  int64_t elements() const { return channels * pixels; }
};

std::ostream& operator<<(std::ostream& out, const Shape& s) {
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
  std::vector<float> loss;

  Call(const Shape& s, bool x_by_pixel_, bool y_by_pixel_, bool with_prior_, std::size_t shift, unsigned seed = 1)
      : shape(s), x_by_pixel(x_by_pixel_), y_by_pixel(y_by_pixel_), with_prior(with_prior_),
        x(s.batch * s.elements(), shift), y(s.batch * s.elements(), shift), w(s.batch * s.pixels, shift),
        prior(s.batch * s.elements(), shift), grad(s.batch * s.elements(), shift, 77.0f), loss(s.batch, 77.0f) {
    std::mt19937 random(seed);
    each([&](int64_t at_x, int64_t at_y, int64_t) {
      values::store(&x[at_x], values::uniform(random, -1, 1));
      values::store(&y[at_y], values::uniform(random, -1, 1));
      values::store(&prior[at_x], values::uniform(random, -0.1f, 0.1f));
    });
    for (int64_t i = 0; i < s.batch * s.pixels; ++i) {
      values::store(&w[i], random() % 3 == 0 ? 0.0f : values::uniform(random, 0, 1));
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
            loss.data(), shape.batch, shape.channels, shape.pixels, norm, kDelta};
  }

  int run(Norm norm) {
    const ContextLossArgs arguments = args(norm);
    return inpaintx_cuda_context_loss(values::kDtype<T>, &arguments, nullptr);
  }
};

math::LossAndGrad<float> element(Norm norm, float x, float y, float w, float prior) {
  const auto delta = static_cast<float>(kDelta);
  switch (norm) {
    case Norm::l1:
      return math::context_element<Norm::l1>(x, y, w, prior, delta);
    case Norm::l2:
      return math::context_element<Norm::l2>(x, y, w, prior, delta);
    default:
      return math::context_element<Norm::huber>(x, y, w, prior, delta);
  }
}

// Gradients are the loop's bit for bit; losses are its sum in float64 up to the rounding of sums in float32.
template <class T>
void compare_with_loop(Call<T>& call, Norm norm) {
  const int64_t elements = call.shape.elements();
  std::vector<double> loss(call.shape.batch, 0.0);
  int64_t wrong = 0, visited = 0;
  call.each([&](int64_t at_x, int64_t at_y, int64_t at_w) {
    const auto expected =
        element(norm, values::to_float(call.x[at_x]), values::to_float(call.y[at_y]), values::to_float(call.w[at_w]),
                call.with_prior ? values::to_float(call.prior[at_x]) : 0.0f);
    loss[visited++ / elements] += expected.loss;
    wrong += !values::same_bits(call.grad[at_x], values::rounded<T>(expected.grad));
  });
  CHECK(wrong == 0, wrong << " gradients of " << visited << " differ, " << call.shape);
  for (int64_t b = 0; b < call.shape.batch; ++b) {
    CHECK(std::fabs(call.loss[b] - loss[b]) <= 1e-6 * (1.0 + loss[b]), call.loss[b] << " for " << loss[b]);
  }
}

}  // namespace

TEST(context_loss_is_the_plain_loop_for_any_shape_layout_and_alignment) {
  const Shape shapes[] = {{1, 1, 1}, {3, 3, 1},   {2, 1, 7},   {2, 3, 8},    {3, 3, 35},    {2, 4, 64},
                          {5, 1, 1024}, {2, 3, 1023}, {1, 3, 4099}, {2, 3, 4096}, {1, 1, 40001}};
  values::for_each_type([&](auto zero) {
    for (const Shape& shape : shapes) {
      for (const bool x_by_pixel : {false, true}) {
        for (const bool y_by_pixel : {false, true}) {
          for (const std::size_t shift : {0, 1}) {
            Call<decltype(zero)> call(shape, x_by_pixel, y_by_pixel, shift == 0, shift);
            const Norm norm = kNorms[(shape.pixels + x_by_pixel + shift) % 3];
            CHECK(call.run(norm) == cudaSuccess);
            compare_with_loop(call, norm);
          }
        }
      }
    }
  });
}

TEST(context_loss_knows_every_norm_with_and_without_prior) {
  values::for_each_type([&](auto zero) {
    for (const Norm norm : kNorms) {
      for (const bool with_prior : {false, true}) {
        Call<decltype(zero)> call({2, 3, 100}, false, false, with_prior, 0);
        CHECK(call.run(norm) == cudaSuccess);
        compare_with_loop(call, norm);
      }
    }
  });
}

TEST(context_loss_of_nothing) {
  Call<float> no_samples({0, 3, 16}, false, false, true, 0);
  const int before = shim::launches();
  CHECK(no_samples.run(Norm::l1) == cudaSuccess);
  CHECK(shim::launches() == before);
  Call<float> no_pixels({2, 3, 0}, false, false, true, 0);
  CHECK(no_pixels.run(Norm::l1) == cudaSuccess);
  CHECK(no_pixels.loss[0] == 0.0f && no_pixels.loss[1] == 0.0f);
}

TEST(context_loss_is_one_launch) {
  Call<float> call({8, 3, 4096}, false, false, true, 0);
  const int before = shim::launches();
  CHECK(call.run(Norm::l1) == cudaSuccess);
  CHECK(shim::launches() == before + 1);
}

TEST(context_loss_is_the_same_bits_in_any_order_alone_and_misaligned) {
  values::for_each_type([&](auto zero) {
    using T = decltype(zero);
    for (const Shape& shape : {Shape{4, 3, 1000}, Shape{3, 3, 4096}, Shape{5, 1, 77}}) {
      Call<T> first(shape, false, false, true, 0);
      CHECK(first.run(Norm::l2) == cudaSuccess);
      values::for_each_order([&] {
        Call<T> again(shape, false, false, true, 0);
        CHECK(again.run(Norm::l2) == cudaSuccess);
        CHECK(again.loss == first.loss, shape);
      });
      Call<T> shifted(shape, false, false, true, 3);
      CHECK(shifted.run(Norm::l2) == cudaSuccess);
      CHECK(shifted.loss == first.loss, shape);
      for (int64_t b = 0; b < shape.batch; ++b) {
        Call<T> alone({1, shape.channels, shape.pixels}, false, false, true, 0);
        std::copy_n(first.x.data() + b * shape.elements(), shape.elements(), alone.x.data());
        std::copy_n(first.y.data() + b * shape.elements(), shape.elements(), alone.y.data());
        std::copy_n(first.w.data() + b * shape.pixels, shape.pixels, alone.w.data());
        CHECK(alone.run(Norm::l2) == cudaSuccess);
        CHECK(alone.loss[0] == first.loss[b], shape << " sample " << b);
      }
    }
  });
}

TEST(context_loss_never_reads_what_lies_under_the_hole) {
  values::for_each_type([&](auto zero) {
    using T = decltype(zero);
    for (const Norm norm : kNorms) {
      Call<T> clean({2, 3, 345}, false, false, true, 0), dirty({2, 3, 345}, false, false, true, 0);
      const float garbage[] = {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()};
      dirty.each([&](int64_t, int64_t at_y, int64_t at_w) {
        if (values::to_float(dirty.w[at_w]) == 0.0f) {
          values::store(&dirty.y[at_y], garbage[at_y % 2]);
        }
      });
      CHECK(clean.run(norm) == cudaSuccess && dirty.run(norm) == cudaSuccess);
      CHECK(clean.loss == dirty.loss);
      CHECK(std::memcmp(clean.grad.data(), dirty.grad.data(), clean.grad.size() * sizeof(T)) == 0);
    }
  });
}

TEST(context_loss_of_a_spread_out_view) {
  // Every second pixel of every second sample: no axis is dense, and nothing between may be touched.
  const Shape shape{2, 3, 21};
  Call<float> dense(shape, false, false, true, 0), spread({4, 3, 42}, false, false, true, 0);
  const auto halve = [](auto v) { v.batch *= 2, v.pixel *= 2; return v; };
  ContextLossArgs args = spread.args(Norm::l1);
  args.x = halve(args.x), args.y = halve(args.y), args.w = halve(args.w), args.prior = halve(args.prior);
  args.grad = halve(args.grad);
  args.batch = shape.batch, args.pixels = shape.pixels;
  for (int64_t i = 0; i < shape.batch * shape.elements(); ++i) {
    const int64_t at = i / shape.elements() * args.x.batch + i % shape.elements() / shape.pixels * args.x.channel +
                       i % shape.pixels * args.x.pixel;
    spread.x[at] = dense.x[i], spread.y[at] = dense.y[i], spread.prior[at] = dense.prior[i];
  }
  for (int64_t i = 0; i < shape.batch * shape.pixels; ++i) {
    spread.w[i / shape.pixels * args.w.batch + i % shape.pixels * args.w.pixel] = dense.w[i];
  }
  CHECK(dense.run(Norm::l1) == cudaSuccess);
  CHECK(inpaintx_cuda_context_loss(Dtype::float32, &args, nullptr) == cudaSuccess);
  CHECK(spread.loss[0] == dense.loss[0] && spread.loss[1] == dense.loss[1]);
  CHECK(spread.loss[2] == 77.0f && spread.loss[3] == 77.0f);
  int64_t written = 0;
  for (std::size_t i = 0; i < spread.grad.size(); ++i) {
    written += spread.grad[i] != 77.0f;
  }
  CHECK(written == shape.batch * shape.elements());
}

TEST(context_loss_loads_whole_packs_where_memory_allows) {
  const auto layout_of = [](const Shape& shape, bool x_by_pixel, bool y_by_pixel, std::size_t shift) {
    Call<float> call(shape, x_by_pixel, y_by_pixel, true, shift);
    return cuda::layout_of<float>(call.args(Norm::l1));
  };
  CHECK(layout_of({2, 3, 16}, false, false, 0).packed);
  CHECK(layout_of({2, 3, 16}, false, false, 0).w_packed);
  CHECK(layout_of({2, 3, 16}, true, true, 0).packed);
  CHECK(layout_of({2, 3, 16}, true, true, 0).by_pixel);
  CHECK(!layout_of({2, 3, 16}, true, true, 0).w_packed);
  CHECK(layout_of({1, 1, 15}, false, false, 0).packed);
  CHECK(!layout_of({2, 3, 16}, true, false, 0).packed);
  CHECK(!layout_of({2, 3, 16}, false, false, 1).packed);
  CHECK(!layout_of({2, 3, 15}, false, false, 0).packed);
}

TEST(context_loss_refuses_what_it_cannot_number) {
  Call<float> call({1, 1, 1}, false, false, false, 0);
  ContextLossArgs args = call.args(Norm::l1);
  CHECK(inpaintx_cuda_context_loss(Dtype::float64, &args, nullptr) == cudaErrorInvalidValue);
  args.pixels = (INT64_C(1) << 31) + 1;
  CHECK(inpaintx_cuda_context_loss(Dtype::float32, &args, nullptr) == cudaErrorInvalidValue);
  args.pixels = 1, args.batch = INT64_C(1) << 31;
  CHECK(inpaintx_cuda_context_loss(Dtype::float32, &args, nullptr) == cudaErrorInvalidValue);
}
