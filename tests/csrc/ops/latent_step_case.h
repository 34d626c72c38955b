// One batch in the middle of a latent search, and what a plain loop over its math.h makes of a step.
#pragma once

#include <cmath>
#include <vector>

#include "../../../csrc/ops/latent_step/math.h"
#include "check.h"
#include "values.h"

namespace latent_step_case {

using namespace inpaintx;
using values::Buffer;

inline constexpr Optimizer kOptimizers[] = {Optimizer::adam, Optimizer::nesterov};
inline constexpr Clip kClips[] = {Clip::clamp, Clip::stochastic, Clip::none};

// Steps so large that many codes leave the box.
inline StepOptions options(Optimizer optimizer, Clip clip) { return {optimizer, clip, 0.3, 0.9, 0.99, 1e-8, 1.0}; }

template <class T>
struct Batch {
  int64_t batch, nz;
  Buffer<T> z, grad, m, v;
  std::vector<int64_t> step, seed;
  Buffer<bool> active;

  Batch(int64_t batch_, int64_t nz_, std::size_t shift = 0)
      : batch(batch_),
        nz(nz_),
        z(batch * nz, shift),
        grad(batch * nz, shift),
        m(batch * nz, shift),
        v(batch * nz, shift),
        active(batch, 0) {
    std::mt19937 random(7);
    z.fill_uniform(random, -1, 1);
    grad.fill_uniform(random, -2, 2);
    for (int64_t b = 0; b < batch; ++b) {
      step.push_back(b / 2 % 3);  // some neighbours alike: the CPU takes them in one run
      seed.push_back(static_cast<int64_t>(random()) << 20);
      active[b] = b % 4 != 1;
    }
  }

  LatentStepArgs args(const StepOptions& step_options) {
    const bool adam = step_options.optimizer == Optimizer::adam;
    return {z.data(), grad.data(), m.data(),    adam ? v.data() : nullptr, step.data(), seed.data(), active.data(),
            batch,    nz,          step_options};
  }

  // What the op does, one element after the other.
  void step_plainly(const StepOptions& o) {
    using values::number;
    using values::rounded;
    for (int64_t b = 0; b < batch; ++b) {
      if (!active[b]) {
        continue;
      }
      const auto scale = math::step_scale<values::Computed<T>>(o, ++step[b]);
      for (int64_t index = 0; index < nz; ++index) {
        const int64_t at = b * nz + index;
        auto momentum = number(m[at]), variance = number(v[at]);
        const auto moved = o.optimizer == Optimizer::adam
                               ? math::adam_element(number(z[at]), number(grad[at]), momentum, variance, scale)
                               : math::nesterov_element(number(z[at]), number(grad[at]), momentum, scale);
        m[at] = rounded<T>(momentum);
        v[at] = rounded<T>(variance);
        z[at] = rounded<T>(math::clipped(moved, o.clip, scale.bound, seed[b], step[b], index));
      }
    }
  }
};

template <class T>
bool same(const Batch<T>& a, const Batch<T>& b) {
  const auto same_bits = [](const Buffer<T>& p, const Buffer<T>& q) {
    return values::same_bits(p.data(), q.data(), p.size());
  };
  return same_bits(a.z, b.z) && same_bits(a.grad, b.grad) && same_bits(a.m, b.m) && same_bits(a.v, b.v) &&
         a.step == b.step && a.seed == b.seed;
}

// Takes a few steps both ways: `step(batch, options)` is the op under test.
template <class T, class Step>
void compare_with_loop(int64_t batch, int64_t nz, std::size_t shift, Step step) {
  for (const Optimizer optimizer : kOptimizers) {
    for (const Clip clip : kClips) {
      Batch<T> tested(batch, nz, shift), expected(batch, nz, shift);
      for (int i = 0; i < 3; ++i) {
        step(tested, options(optimizer, clip));
        expected.step_plainly(options(optimizer, clip));
        CHECK(same(tested, expected), "batch " << batch << ", nz " << nz << ", optimizer "
                                               << static_cast<int>(optimizer) << ", clip " << static_cast<int>(clip)
                                               << ", step " << i);
      }
    }
  }
}

}  // namespace latent_step_case
