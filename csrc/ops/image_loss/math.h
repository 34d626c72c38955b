// One pixel and channel of image_loss.
#pragma once

#include "../../common/math.h"
#include "../context_loss/math.h"

namespace inpaintx::math {

INPAINTX_FN float hyperbolic_tangent(float a) { return tanhf(a); }

// Of what G's last layer gives, its loss and its gradient.
template <class T>
INPAINTX_FN LossAndGrad<T> image_element(Norm norm, T before_tanh, T y, T w, T delta) {
  return context_element(norm, hyperbolic_tangent(before_tanh), y, w, T(0), delta);
}

}  // namespace inpaintx::math
