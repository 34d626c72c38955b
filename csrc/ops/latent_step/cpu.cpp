// The CPU loop of latent_step, for the instruction set INPAINTX_ISA; common/isa.h says what must not stand here.
#include "math.h"
#include "op.h"

namespace inpaintx::cpu::INPAINTX_ISA {
namespace {

template <Optimizer optimizer, Clip clip, class T>
void step_run(T* __restrict__ z, const T* __restrict__ grad, T* __restrict__ m, T* __restrict__ v, int64_t n,
              const math::StepScale<T>& s) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) {
    T next;
    if constexpr (optimizer == Optimizer::adam) {
      next = math::adam_element(z[i], grad[i], m[i], v[i], s);
    } else {
      next = math::nesterov_element(z[i], grad[i], m[i], s);
    }
    z[i] = clip == Clip::clamp ? math::clamped(next, s.bound) : next;
  }
}

// Neighbours that have done as many steps are one run: they share their scale, whose pow() is dear, and the loop's
// tail.
template <Optimizer optimizer, class T>
void step_samples(const LatentStepArgs& a, int64_t begin, int64_t end) {
  const Clip clip = a.options.clip;
  for (int64_t b = begin, next = begin; b < end; b = next) {
    const int64_t t = a.step[b] + 1;
    for (next = b; next < end && a.active[next] && a.step[next] + 1 == t; ++next) a.step[next] = t;
    if (next == b) {  // not active
      ++next;
      continue;
    }
    const math::StepScale<T> scale = math::step_scale<T>(a.options, t);
    T* z = static_cast<T*>(a.z) + b * a.nz;
    const T* grad = static_cast<const T*>(a.grad) + b * a.nz;
    T* m = static_cast<T*>(a.m) + b * a.nz;
    T* v = optimizer == Optimizer::adam ? static_cast<T*>(a.v) + b * a.nz : nullptr;
    const int64_t n = (next - b) * a.nz;
    (clip == Clip::clamp ? step_run<optimizer, Clip::clamp, T> : step_run<optimizer, Clip::none, T>)(z, grad, m, v, n,
                                                                                                     scale);
    if (clip == Clip::stochastic) {  // few elements leave the box, so a second pass beats hashing for all
      for (int64_t i = 0; i < n; ++i) z[i] = math::redrawn(z[i], scale.bound, a.seed[b + i / a.nz], t, i % a.nz);
    }
  }
}

template <class T>
void step_dtype(const LatentStepArgs& a, int64_t begin, int64_t end) {
  const bool adam = a.options.optimizer == Optimizer::adam;
  (adam ? step_samples<Optimizer::adam, T> : step_samples<Optimizer::nesterov, T>)(a, begin, end);
}

}  // namespace

void latent_step(Dtype dtype, const LatentStepArgs& a, int64_t begin, int64_t end) {
  (dtype == Dtype::float64 ? step_dtype<double> : step_dtype<float>)(a, begin, end);
}

}  // namespace inpaintx::cpu::INPAINTX_ISA
