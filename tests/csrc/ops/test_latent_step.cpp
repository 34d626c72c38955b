// The kernel and the CPU loops of latent_step_, against a plain loop over its math.h.
#include <limits>

#include "../../../csrc/ops/latent_step/cuda.cu"
#include "check.h"
#include "isas.h"
#include "latent_step_case.h"
#include "values.h"

namespace {

using namespace inpaintx;
using namespace latent_step_case;

template <class T>
int run(Batch<T>& batch, const StepOptions& step_options) {
  const LatentStepArgs args = batch.args(step_options);
  return cuda::latent_step(values::kDtype<T>, args, nullptr);
}

template <class T>
void check_latent_step(cpu::Isa isa) {
  for (const int64_t nz : {0, 1, 7, 100, 257}) {
    compare_with_loop<T>(5, nz, nz % 2, [&](auto& batch, const StepOptions& options) {
      cpu::latent_step[isa](values::kDtype<T>, batch.args(options), 0, 2);
      cpu::latent_step[isa](values::kDtype<T>, batch.args(options), 2, 5);
    });
  }
}

}  // namespace

TEST(latent_step_is_the_plain_loop) {
  values::for_each_type([&](auto zero) {
    using T = decltype(zero);
    const auto step = [](Batch<T>& batch, const StepOptions& o) { CHECK(run(batch, o) == cudaSuccess); };
    for (const int64_t nz : {0, 1, 31, 32, 100, 256, 257, 1000}) {
      compare_with_loop<T>(5, nz, nz % 2, step);
    }
    compare_with_loop<T>(1, 100, 0, step);
    compare_with_loop<T>(0, 100, 0, step);
  });
}

// In float64, where the order of operations costs nothing; with an eps and a bound that count.
TEST(latent_step_is_adam_and_nesterovs_momentum_as_published) {
  for (const Optimizer optimizer : kOptimizers) {
    const StepOptions o = {optimizer, Clip::none, 0.02, 0.8, 0.95, 0.05, 0.75};
    Batch<double> batch(4, 9), before(4, 9);
    std::vector<double> z(36), m(36, 0.0), v(36, 0.0);
    std::copy_n(batch.z.data(), 36, z.data());
    batch.step = before.step = {0, 0, 0, 0};
    for (int t = 1; t <= 5; ++t) {
      cpu::latent_step[cpu::Isa::baseline](Dtype::float64, batch.args(o), 0, 4);
      for (int64_t at = 0; at < 36; ++at) {
        const double g = before.grad[at];
        if (optimizer == Optimizer::adam) {
          m[at] = o.beta1 * m[at] + (1 - o.beta1) * g, v[at] = o.beta2 * v[at] + (1 - o.beta2) * g * g;
          const double mean = m[at] / (1 - std::pow(o.beta1, t)), square = v[at] / (1 - std::pow(o.beta2, t));
          z[at] -= o.lr * mean / (std::sqrt(square) + o.eps);
        } else {
          m[at] = o.beta1 * m[at] + g;
          z[at] -= o.lr * (g + o.beta1 * m[at]);
        }
        const double expected = before.active[at / 9] ? z[at] : before.z[at];
        CHECK(std::fabs(batch.z[at] - expected) < 1e-13, "step " << t << ": " << batch.z[at] << " for " << expected);
      }
    }
  }
}

TEST(clipping_leaves_what_is_in_the_box_and_draws_anew_or_clamps_what_is_not) {
  const double bound = 0.75;
  for (const Clip clip : kClips) {
    const auto clipped = [&](double z) { return math::clipped(z, clip, bound, 5, 3, 1); };
    for (const double inside : {-bound, -0.5, 0.0, bound}) CHECK(clipped(inside) == inside);
  }
  for (const double sign : {-1.0, 1.0}) {
    CHECK(math::clipped(sign * 0.8, Clip::clamp, bound, 5, 3, 1) == sign * bound);
    CHECK(math::clipped(sign * 0.8, Clip::none, bound, 5, 3, 1) == sign * 0.8);
    const double drawn = math::clipped(sign * 0.8, Clip::stochastic, bound, 5, 3, 1);
    CHECK(drawn == math::symmetric_uniform<double>(5, 3, 1) * bound);
  }
}

TEST(latent_step_counts_each_active_sample_once_in_any_order_of_threads) {
  Batch<float> expected(6, 300);
  expected.step_plainly(options(Optimizer::adam, Clip::stochastic));
  values::for_each_order([&] {
    Batch<float> batch(6, 300);
    const int before = shim::launches();
    CHECK(run(batch, options(Optimizer::adam, Clip::stochastic)) == cudaSuccess);
    CHECK(shim::launches() == before + 1);
    CHECK(same(batch, expected));
  });
}

TEST(latent_step_leaves_inactive_samples_alone) {
  const Batch<float> before(5, 100);
  Batch<float> after(5, 100);
  CHECK(run(after, options(Optimizer::adam, Clip::clamp)) == cudaSuccess);
  for (int64_t b = 0; b < 5; ++b) {
    const bool moved = !values::same_bits(&before.z[b * 100], &after.z[b * 100], 100);
    CHECK(moved == before.active[b], "sample " << b);
    CHECK(after.step[b] == before.step[b] + before.active[b], "sample " << b);
  }
}

TEST(latent_step_keeps_codes_in_their_box) {
  values::for_each_type([&](auto zero) {
    using T = decltype(zero);
    for (const Optimizer optimizer : kOptimizers) {
      Batch<T> clamped(3, 100), stochastic(3, 100), free(3, 100);
      int on_the_edge = 0, beyond = 0;
      for (int i = 0; i < 5; ++i) {
        run(clamped, options(optimizer, Clip::clamp));
        run(stochastic, options(optimizer, Clip::stochastic));
        run(free, options(optimizer, Clip::none));
      }
      for (int64_t at = 0; at < 300; ++at) {
        CHECK(std::fabs(values::number(clamped.z[at])) <= 1.0f);
        CHECK(std::fabs(values::number(stochastic.z[at])) <= 1.0f);
        on_the_edge += std::fabs(values::number(clamped.z[at])) == 1.0f;
        beyond += std::fabs(values::number(free.z[at])) > 1.0f;
      }
      CHECK(on_the_edge > 0 && beyond > 0);
    }
  });
}

TEST(latent_step_draws_by_the_samples_seed_wherever_it_stands_in_the_batch) {
  Batch<float> batch(5, 100), alone(1, 100);
  alone.z = Buffer<float>(100, 0), alone.grad = Buffer<float>(100, 0);
  std::copy_n(&batch.z[400], 100, alone.z.data());
  std::copy_n(&batch.grad[400], 100, alone.grad.data());
  alone.seed[0] = batch.seed[4], alone.step[0] = batch.step[4];
  const StepOptions o = options(Optimizer::nesterov, Clip::stochastic);
  CHECK(run(batch, o) == cudaSuccess && run(alone, o) == cudaSuccess);
  CHECK(values::same_bits(alone.z.data(), &batch.z[400], 100));
  Batch<float> other_seed(5, 100);
  other_seed.seed[4] += 1;
  CHECK(run(other_seed, o) == cudaSuccess);
  CHECK(!values::same_bits(&other_seed.z[400], &batch.z[400], 100));
  CHECK(values::same_bits(&other_seed.z[0], &batch.z[0], 400));
}

TEST(latent_step_shows_a_gradient_that_is_not_a_number) {
  for (const Clip clip : kClips) {
    Batch<float> batch(1, 40);
    batch.grad[3] = std::numeric_limits<float>::quiet_NaN();
    CHECK(run(batch, options(Optimizer::adam, clip)) == cudaSuccess);
    for (int64_t at = 0; at < 40; ++at) {
      CHECK(std::isnan(batch.z[at]) == (at == 3));
    }
  }
}

TEST(latent_step_refuses_what_it_has_no_kernel_for) {
  Batch<float> batch(1, 1);
  LatentStepArgs args = batch.args(options(Optimizer::adam, Clip::clamp));
  CHECK(cuda::latent_step(Dtype::float64, args, nullptr) == cudaErrorInvalidValue);
  args.batch = INT64_C(1) << 31;
  CHECK(cuda::latent_step(Dtype::float32, args, nullptr) == cudaErrorInvalidValue);
}

TEST(every_instruction_set_has_the_plain_loops_latent_step) {
  isas::for_each([](cpu::Isa isa) {
    check_latent_step<float>(isa);
    check_latent_step<double>(isa);
  });
}
