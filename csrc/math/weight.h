// One pixel of context_weight.
#pragma once

#include "common.h"
#include "params.h"

namespace inpaintx::math {

template <class T>
INPAINTX_FN bool is_known(T mask) {
  return mask > T(0.5);
}

// Yeh et al., "Semantic image inpainting with deep generative models", CVPR 2017, eq. 3: the share of hole in the window.
// holes: how many pixels of the window inside the image are hole; inside: how many there are.
template <class T>
INPAINTX_FN T weight_element(bool known, int32_t holes, int64_t inside, int64_t window, Border border) {
  const int64_t area = border == Border::valid ? inside : window * window;
  return known ? static_cast<T>(holes) / static_cast<T>(area) : T(0);
}

// How many of the positions center - radius .. center + radius lie in 0 .. length - 1.
INPAINTX_FN int64_t inside_count(int64_t center, int64_t radius, int64_t length) {
  const int64_t first = center > radius ? center - radius : 0;
  const int64_t end = center + radius + 1 < length ? center + radius + 1 : length;
  return end - first;
}

}  // namespace inpaintx::math
