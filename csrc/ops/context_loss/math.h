// One element of context_loss.
#pragma once

#include "../../common/math.h"
#include "op.h"

namespace inpaintx::math {

template <class T>
struct LossAndGrad {
  T loss;
  T grad;
};

// Of each norm, rho(d) and rho'(d).
template <class T>
INPAINTX_FN LossAndGrad<T> l1(T d) {
  return {magnitude(d), static_cast<T>(d > T(0)) - static_cast<T>(d < T(0))};
}

template <class T>
INPAINTX_FN LossAndGrad<T> l2(T d) {
  return {d * d, d + d};
}

// By way of c = clamped(d): c (d - c/2) is d^2/2 inside and delta (|d| - delta/2) outside.
template <class T>
INPAINTX_FN LossAndGrad<T> huber(T d, T delta) {
  const T c = clamped(d, delta);
  return {c * (d - T(0.5) * c), c};
}

template <Norm norm, class T>
INPAINTX_FN LossAndGrad<T> rho(T d, T delta) {
  switch (norm) {
    case Norm::l1:
      return l1(d);
    case Norm::l2:
      return l2(d);
    case Norm::huber:
      return huber(d, delta);
  }
  __builtin_unreachable();
}

// The weighted loss of one pixel and channel, and its gradient with respect to what goes into G's tanh:
// d tanh(a)/da = 1 - tanh(a)^2. Where w is 0 the data term is selected away, so that NaN under the hole stays there.
template <Norm norm, class T>
INPAINTX_FN LossAndGrad<T> context_element(T x, T y, T w, T prior, T delta) {
  const LossAndGrad<T> r = rho<norm>(x - y, delta);
  const T loss = w * r.loss;
  const T grad = w * r.grad;
  const bool known = w != T(0);
  return {known ? loss : T(0), ((known ? grad : T(0)) + prior) * (T(1) - x * x)};
}

// The same where the norm is not worth a kernel of its own.
template <class T>
INPAINTX_FN LossAndGrad<T> context_element(Norm norm, T x, T y, T w, T prior, T delta) {
  switch (norm) {
    case Norm::l1:
      return context_element<Norm::l1>(x, y, w, prior, delta);
    case Norm::l2:
      return context_element<Norm::l2>(x, y, w, prior, delta);
    case Norm::huber:
      return context_element<Norm::huber>(x, y, w, prior, delta);
  }
  __builtin_unreachable();
}

}  // namespace inpaintx::math
