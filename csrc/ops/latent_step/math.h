// One element of latent_step_.
#pragma once

#include "../../common/math.h"
#include "../../common/philox.h"
#include "op.h"

namespace inpaintx::math {

// What one sample's elements share, in the type they are computed in (float32 also for the 16-bit types).
template <class T>
struct StepScale {
  T beta1, rest1;  // rest = 1 - beta
  T beta2, rest2;
  T size;  // the learning rate; for Adam over 1 - beta1^t
  T root;  // Adam: 1 / sqrt(1 - beta2^t)
  T eps;
  T bound;
};

// t: the sample's step count with this step in it, so 1 for the first.
template <class T>
INPAINTX_FN StepScale<T> step_scale(const StepOptions& o, int64_t t) {
  const bool adam = o.optimizer == Optimizer::adam;
  const double size = adam ? o.lr / (1.0 - pow(o.beta1, static_cast<double>(t))) : o.lr;
  const double root = adam ? 1.0 / sqrt(1.0 - pow(o.beta2, static_cast<double>(t))) : 1.0;
  return {static_cast<T>(o.beta1),       static_cast<T>(1.0 - o.beta1), static_cast<T>(o.beta2),
          static_cast<T>(1.0 - o.beta2), static_cast<T>(size),          static_cast<T>(root),
          static_cast<T>(o.eps),         static_cast<T>(o.bound)};
}

// Kingma and Ba, "Adam", ICLR 2015, algorithm 1, bias correction folded into size and root. Gives the new z, unclipped.
template <class T>
INPAINTX_FN T adam_element(T z, T grad, T& m, T& v, const StepScale<T>& s) {
  m = s.beta1 * m + s.rest1 * grad;
  v = s.beta2 * v + s.rest2 * (grad * grad);
  return z - s.size * (m / (square_root(v) * s.root + s.eps));
}

// Nesterov momentum in the form of torch.optim.SGD(nesterov=True). Gives the new z, unclipped.
template <class T>
INPAINTX_FN T nesterov_element(T z, T grad, T& m, const StepScale<T>& s) {
  m = s.beta1 * m + grad;
  return z - s.size * (grad + s.beta1 * m);
}

// Stochastic clipping (Lipton and Tripathi, "Precise recovery of latent vectors from GANs", 2017): what has left the
// box is drawn anew from it. NaN stays. t as in step_scale; index: the position in the sample's code.
template <class T>
INPAINTX_FN T redrawn(T z, T bound, int64_t seed, int64_t t, int64_t index) {
  return magnitude(z) > bound ? symmetric_uniform<T>(seed, t, index) * bound : z;
}

template <class T>
INPAINTX_FN T clipped(T z, Clip clip, T bound, int64_t seed, int64_t t, int64_t index) {
  switch (clip) {
    case Clip::clamp:
      return clamped(z, bound);
    case Clip::stochastic:
      return redrawn(z, bound, seed, t, index);
    case Clip::none:
      return z;
  }
  __builtin_unreachable();
}

}  // namespace inpaintx::math
