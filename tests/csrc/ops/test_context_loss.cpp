// The kernel and the CPU loops of context_loss, against a plain loop over its math.h.
#include <limits>

#include "../../../csrc/ops/context_loss/cuda.cu"
#include "check.h"
#include "context_loss_case.h"
#include "isas.h"
#include "values.h"

namespace {

using namespace inpaintx;
using namespace context_loss_case;

template <class T>
int run(Call<T>& call, Norm norm) {
  const ContextLossArgs args = call.args(norm);
  return cuda::context_loss(values::kDtype<T>, args, nullptr);
}

// In pieces of `piece` segments, as the threads of a pool would have it.
template <class T>
void run(cpu::Isa isa, Call<T>& call, Norm norm, int64_t piece) {
  const ContextLossArgs args = call.args(norm);
  const int64_t segments = cpu::walk_of(args).segments;
  std::vector<double> sums(args.batch * segments, 77.0);
  for (int64_t begin = 0; begin < args.batch * segments; begin += piece) {
    cpu::context_loss[isa](values::kDtype<T>, args, begin, std::min(begin + piece, args.batch * segments), sums.data());
  }
  for (int64_t b = 0; b < args.batch; ++b) {
    double loss = 0;
    for (int64_t segment = 0; segment < segments; ++segment) {
      loss += sums[b * segments + segment];
    }
    call.loss[b] = static_cast<T>(loss);
  }
}

template <class T>
void check_context_loss(cpu::Isa isa) {
  const Shape shapes[] = {{0, 3, 16},  {2, 3, 0},    {1, 1, 1},    {3, 3, 1},    {3, 3, 35},   {2, 4, 64},
                          {2, 2, 577}, {5, 1, 1152}, {2, 3, 1153}, {2, 3, 4096}, {1, 1, 40001}};
  int variant = 0;
  for (const auto& shape : shapes) {
    for (const bool x_by_pixel : {false, true}) {
      for (const bool y_by_pixel : {false, true}) {
        const Norm norm = kNorms[variant++ % kNorms.size()];
        Call<T> whole(shape, x_by_pixel, y_by_pixel, variant % 2 == 0, variant % 4);
        run(isa, whole, norm, 1 << 20);
        compare_with_loop(whole, norm);
        Call<T> in_pieces(shape, x_by_pixel, y_by_pixel, variant % 2 == 0, variant % 4);
        run(isa, in_pieces, norm, 1);
        CHECK(in_pieces.loss == whole.loss, cpu::name_of(isa) << " " << shape);
      }
    }
  }
}

}  // namespace

TEST(every_norm_has_a_rho_of_its_own_with_its_derivative) {
  CHECK(kNorms.size() >= 3);
  std::vector<std::vector<double>> seen;
  for (const Norm norm : kNorms) {
    std::vector<double> values;
    with_norm(norm, [&](auto constant) {
      const auto rho = [](double d) { return math::rho<decltype(constant)::value>(d, kDelta); };
      CHECK(rho(0.0).loss == 0.0 && rho(0.0).grad == 0.0, name_of(norm));
      for (const double d : {-1.7, -0.31, -0.29, -0.01, 0.02, 0.2, 0.4, 1.9}) {
        const double slope = (rho(d + 1e-6).loss - rho(d - 1e-6).loss) / 2e-6;
        CHECK(std::fabs(slope - rho(d).grad) < 1e-6, name_of(norm) << " at " << d << ": " << rho(d).grad);
        CHECK(rho(d).loss > 0.0 && rho(d).loss == rho(-d).loss, name_of(norm) << " at " << d);
        values.push_back(rho(d).loss);
      }
    });
    CHECK(std::find(seen.begin(), seen.end(), values) == seen.end(), name_of(norm) << " is another norm's");
    seen.push_back(values);
  }
}

TEST(context_loss_is_the_plain_loop_for_any_shape_layout_and_alignment) {
  const Shape shapes[] = {{1, 1, 1},    {3, 3, 1},    {2, 1, 7},    {2, 3, 8},    {3, 3, 35},   {2, 4, 64},
                          {5, 1, 1024}, {2, 3, 1023}, {1, 3, 4099}, {2, 3, 4096}, {1, 1, 40001}};
  values::for_each_type([&](auto zero) {
    for (const Shape& shape : shapes) {
      for (const bool x_by_pixel : {false, true}) {
        for (const bool y_by_pixel : {false, true}) {
          for (const std::size_t shift : {0, 1}) {
            Call<decltype(zero)> call(shape, x_by_pixel, y_by_pixel, shift == 0, shift);
            const Norm norm = kNorms[(shape.pixels + x_by_pixel + shift) % kNorms.size()];
            CHECK(run(call, norm) == cudaSuccess);
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
        CHECK(run(call, norm) == cudaSuccess);
        compare_with_loop(call, norm);
      }
    }
  });
}

TEST(context_loss_of_nothing) {
  Call<float> no_samples({0, 3, 16}, false, false, true, 0);
  const int before = shim::launches();
  CHECK(run(no_samples, Norm::l1) == cudaSuccess);
  CHECK(shim::launches() == before);
  Call<float> no_pixels({2, 3, 0}, false, false, true, 0);
  CHECK(run(no_pixels, Norm::l1) == cudaSuccess);
  CHECK(no_pixels.loss[0] == 0.0f && no_pixels.loss[1] == 0.0f);
}

TEST(context_loss_is_one_launch) {
  Call<float> call({8, 3, 4096}, false, false, true, 0);
  const int before = shim::launches();
  CHECK(run(call, Norm::l1) == cudaSuccess);
  CHECK(shim::launches() == before + 1);
}

TEST(context_loss_is_the_same_bits_in_any_order_alone_and_misaligned) {
  values::for_each_type([&](auto zero) {
    using T = decltype(zero);
    for (const Shape& shape : {Shape{4, 3, 1000}, Shape{3, 3, 4096}, Shape{5, 1, 77}}) {
      Call<T> first(shape, false, false, true, 0);
      CHECK(run(first, Norm::l2) == cudaSuccess);
      values::for_each_order([&] {
        Call<T> again(shape, false, false, true, 0);
        CHECK(run(again, Norm::l2) == cudaSuccess);
        CHECK(again.loss == first.loss, shape);
      });
      Call<T> shifted(shape, false, false, true, 3);
      CHECK(run(shifted, Norm::l2) == cudaSuccess);
      CHECK(shifted.loss == first.loss, shape);
      for (int64_t b = 0; b < shape.batch; ++b) {
        Call<T> alone({1, shape.channels, shape.pixels}, false, false, true, 0);
        std::copy_n(first.x.data() + b * shape.elements(), shape.elements(), alone.x.data());
        std::copy_n(first.y.data() + b * shape.elements(), shape.elements(), alone.y.data());
        std::copy_n(first.w.data() + b * shape.pixels, shape.pixels, alone.w.data());
        CHECK(run(alone, Norm::l2) == cudaSuccess);
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
        if (values::number(dirty.w[at_w]) == 0.0f) {
          dirty.y[at_y] = values::rounded<T>(garbage[at_y % 2]);
        }
      });
      CHECK(run(clean, norm) == cudaSuccess && run(dirty, norm) == cudaSuccess);
      CHECK(clean.loss == dirty.loss);
      CHECK(values::same_bits(clean.grad.data(), dirty.grad.data(), clean.grad.size()));
    }
  });
}

TEST(context_loss_of_a_spread_out_view) {
  // Every second pixel of every second sample: no axis is dense, and nothing between may be touched.
  const Shape shape{2, 3, 21};
  Call<float> dense(shape, false, false, true, 0), spread({4, 3, 42}, false, false, true, 0);
  const auto halve = [](auto v) {
    v.batch *= 2, v.pixel *= 2;
    return v;
  };
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
  CHECK(run(dense, Norm::l1) == cudaSuccess);
  CHECK(cuda::context_loss(Dtype::float32, args, nullptr) == cudaSuccess);
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
  CHECK(layout_of({2, 2, 16}, true, true, 0).by_pixel);
  Call<float> call({2, 3, 16}, true, true, true, 0);
  ContextLossArgs wider = call.args(Norm::l1);
  wider.y.pixel = 4;
  CHECK(!cuda::layout_of<float>(wider).packed, "part of the pixels of a wider image");
  const cuda::Layout one_channel = layout_of({2, 1, 16}, true, true, 0);  // whose stride is 1 in channels-last memory
  CHECK(one_channel.packed && one_channel.w_packed && !one_channel.by_pixel);
}

TEST(context_loss_loads_no_packs_of_planar_images_with_gaps) {
  const auto packed = [](const Shape& shape, int64_t channel, int64_t pixel) {
    Call<float> call({shape.batch, shape.channels, 2 * shape.pixels}, false, false, false, 0);
    ContextLossArgs args = call.args(Norm::l1);
    args.x.channel = args.y.channel = args.grad.channel = channel;
    args.x.pixel = args.y.pixel = args.grad.pixel = pixel;
    args.pixels = shape.pixels;
    return cuda::layout_of<float>(args).packed;
  };
  CHECK(packed({2, 2, 16}, 16, 1) && packed({2, 3, 16}, 16, 1), "planes side by side");
  CHECK(!packed({2, 2, 16}, 24, 1) && !packed({2, 3, 16}, 24, 1), "part of the rows of taller images");
  CHECK(!packed({2, 3, 16}, 16, 2) && !packed({2, 1, 16}, 16, 2), "every second pixel");
}

TEST(context_loss_has_a_thread_for_each_pack_as_far_as_a_block_goes) {
  const auto threads_for = [](const Shape& shape) {
    Call<float> call(shape, false, false, false, 0);
    CHECK(run(call, Norm::l1) == cudaSuccess);
    return blockDim.x;
  };
  CHECK(threads_for({1, 1, 1}) == 32 && threads_for({1, 1, 128}) == 32 && threads_for({1, 1, 129}) == 64);
  CHECK(threads_for({1, 3, 1000}) == 768 && threads_for({1, 1, 5000}) == 1024);
}

TEST(context_loss_refuses_what_it_cannot_number) {
  Call<float> call({1, 1, 1}, false, false, false, 0);
  ContextLossArgs args = call.args(Norm::l1);
  CHECK(cuda::context_loss(Dtype::float64, args, nullptr) == cudaErrorInvalidValue);
  args.pixels = (INT64_C(1) << 31) + 1;
  CHECK(cuda::context_loss(Dtype::float32, args, nullptr) == cudaErrorInvalidValue);
  args.channels = 3, args.pixels = INT64_C(1) << 30;
  CHECK(cuda::context_loss(Dtype::float32, args, nullptr) == cudaErrorInvalidValue);
  args.channels = args.pixels = 1, args.batch = INT64_C(1) << 31;
  CHECK(cuda::context_loss(Dtype::float32, args, nullptr) == cudaErrorInvalidValue);
}

TEST(a_walk_has_neither_chunks_nor_segments_of_nothing) {
  const auto walk_of = [](const Shape& shape, bool by_pixel) {
    Call<float> call(shape, by_pixel, by_pixel, false, 0);
    return cpu::walk_of(call.args(Norm::l1));
  };
  CHECK(walk_of({1, 3, 0}, false).chunks == 0 && walk_of({1, 3, 0}, false).segments == 0);
  CHECK(walk_of({1, 3, 1152}, false).chunks == 3 && walk_of({1, 3, 1153}, false).chunks == 6);
  CHECK(walk_of({1, 3, 384}, true).chunks == 1 && walk_of({1, 3, 385}, true).chunks == 2);
  CHECK(walk_of({1, 1, 16 * 1152}, false).segments == 1 && walk_of({1, 1, 16 * 1152 + 1}, false).segments == 2);
}

TEST(every_instruction_set_reads_images_and_a_weight_of_any_strides) {
  // The images are part of the pixels of wider ones, the weight every second one of another.
  const int64_t wide = 5;
  isas::for_each([&](cpu::Isa isa) {
    for (const Shape& shape : {Shape{2, 2, 40}, Shape{2, 3, 500}, Shape{1, 4, 33}}) {
      for (const bool by_pixel : {false, true}) {
        Call<float> dense(shape, by_pixel, true, true, 0), spread(shape, by_pixel, true, true, 0);
        const int64_t pixels = shape.batch * shape.pixels;
        Buffer<float> x(pixels * wide, 0, 99.0f), y(pixels * wide, 0, 99.0f), prior(pixels * wide, 0, 99.0f);
        Buffer<float> w(pixels * 2, 0, 99.0f);
        dense.each([&](int64_t at_x, int64_t at_y, int64_t at_w) {
          const int64_t at = at_y / shape.channels * wide + at_y % shape.channels;
          x[at] = dense.x[at_x], y[at] = dense.y[at_y], prior[at] = dense.prior[at_x], w[2 * at_w] = dense.w[at_w];
        });
        run(isa, dense, Norm::l2, 1 << 20);
        ContextLossArgs args = spread.args(Norm::l2);
        const auto view = [&](const float* data) { return View<const void*>{data, shape.pixels * wide, 1, wide}; };
        args.x = view(x.data()), args.y = view(y.data()), args.prior = view(prior.data());
        args.w = {w.data(), shape.pixels * 2, 0, 2};
        std::vector<double> sums(shape.batch * cpu::walk_of(args).segments);
        cpu::context_loss[isa](Dtype::float32, args, 0, static_cast<int64_t>(sums.size()), sums.data());
        CHECK(values::same_bits(spread.grad.data(), dense.grad.data(), dense.grad.size()), shape << ", " << by_pixel);
      }
    }
  });
}

TEST(every_instruction_set_has_the_plain_loops_context_loss) {
  isas::for_each([](cpu::Isa isa) {
    check_context_loss<float>(isa);
    check_context_loss<double>(isa);
  });
}
