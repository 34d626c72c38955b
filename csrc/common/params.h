// What the arguments of every op are made of. An op's own are in its op.h: plain data, filled by its op.cpp and read by
// its loops on every device, so that a kernel takes them by value. Strides are in elements.
#pragma once

#include <stdint.h>

namespace inpaintx {

enum class Dtype : int { float32, float64, float16, bfloat16 };

// A tensor seen as [batch, channels, pixels]: element (b, c, p) is data[b * batch + c * channel + p * pixel].
template <class Pointer>
struct View {
  Pointer data;
  int64_t batch;
  int64_t channel;
  int64_t pixel;
};

}  // namespace inpaintx
