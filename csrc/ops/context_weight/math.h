// One pixel of context_weight.
#pragma once

#include "../../common/math.h"
#include "op.h"

namespace inpaintx::math {

template <class T>
INPAINTX_FN bool is_known(T mask) {
  return mask > T(0.5);
}

// Yeh et al., "Semantic image inpainting with deep generative models", CVPR 2017, eq. 3: the share of hole in the
// window. holes: how many pixels of the window inside the image are hole; area: by how many to divide.
template <class T>
INPAINTX_FN T hole_share(bool known, int32_t holes, T area) {
  return known ? static_cast<T>(holes) / area : T(0);
}

// inside: how many pixels of the window lie inside the image.
INPAINTX_FN int64_t window_area(int64_t inside, int64_t window, Border border) {
  return border == Border::valid ? inside : window * window;
}

template <class T>
INPAINTX_FN T weight_element(bool known, int32_t holes, int64_t inside, int64_t window, Border border) {
  return hole_share(known, holes, static_cast<T>(window_area(inside, window, border)));
}

// How many of the positions center - radius .. center + radius lie in 0 .. length - 1.
INPAINTX_FN int64_t inside_count(int64_t center, int64_t radius, int64_t length) {
  const int64_t first = center > radius ? center - radius : 0;
  const int64_t end = center + radius + 1 < length ? center + radius + 1 : length;
  return end - first;
}

}  // namespace inpaintx::math
