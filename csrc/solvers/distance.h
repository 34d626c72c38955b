// Exact Euclidean distance transform (Felzenszwalb and Huttenlocher, 2012, Theory of Computing 8, algorithm 1).
#pragma once

#include <cstddef>

namespace inpaintx {

// known, distance: [height, width], at least one pixel of `known` true. Each hole pixel's distance, in pixels, to the
// nearest known one; 0 where known.
void distance_to_known(const bool* known, float* distance, std::ptrdiff_t height, std::ptrdiff_t width);

}  // namespace inpaintx
