// Harmonic interpolation of a picture's known pixels into its hole.
#pragma once

#include <cstddef>

namespace inpaintx {

// values, filled: [height, width, channels]; known: [height, width], at least one pixel of it true. In `filled`, known
// pixels are copies of those in `values`; in the hole the Laplacian is 0, with zero flux over the picture's border,
// to about a millionth of the range of the values around. What `values` holds in the hole is not read into the result.
template <typename T>
void membrane(const T* values, const bool* known, T* filled, std::ptrdiff_t height, std::ptrdiff_t width,
              std::ptrdiff_t channels);

}  // namespace inpaintx
