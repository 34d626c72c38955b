// Biharmonic interpolation of a picture's known pixels into its hole.
#pragma once

#include <cstddef>

namespace inpaintx {

// As `membrane`, but in the hole the Laplacian of the Laplacian is 0, both with zero flux over the picture's border.
// The result continues the known pixels' slopes, too, so that it may leave their range.
template <typename T>
void biharmonic(const T* values, const bool* known, T* filled, std::ptrdiff_t height, std::ptrdiff_t width,
                std::ptrdiff_t channels);

}  // namespace inpaintx
