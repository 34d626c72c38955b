// What a layer does to one element, and bfloat16, in which the CPU stores feature maps.
#pragma once

#include <string.h>

#include "../../common/math.h"

namespace inpaintx::math {

// (Leaky) ReLU of `value` where the gate is the value itself; its derivative applied to a gradient where the gate is
// the ReLU's output, whose sign is its input's. Slope 0 selects, so that an infinite gradient of a dead unit is no NaN.
template <class T>
INPAINTX_FN T gated(T value, T gate, T slope) {
  const T leaked = slope == T(0) ? T(0) : slope * value;
  return gate > T(0) ? value : leaked;
}

struct bfloat16 {
  uint16_t bits;
};

template <class T>
INPAINTX_FN T widened(T stored) {
  return stored;
}

INPAINTX_FN float widened(bfloat16 stored) {
  const uint32_t bits = static_cast<uint32_t>(stored.bits) << 16;
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

template <class T>
INPAINTX_FN void store(T* to, T value) {
  *to = value;
}

// To the nearest, ties to even; NaN stays NaN.
INPAINTX_FN void store(bfloat16* to, float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  const uint32_t rounded = (bits + 0x7FFF + (bits >> 16 & 1)) >> 16;
  const bool nan = (bits & 0x7FFFFFFF) > 0x7F800000;
  to->bits = static_cast<uint16_t>(nan ? 0x7FC0 : rounded);
}

}  // namespace inpaintx::math
