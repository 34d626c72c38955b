// Biharmonic interpolation of a picture's known pixels into its hole.
#pragma once

#include <cstddef>

namespace inpaintx {

// As `membrane`, but in the hole the Laplacian of the Laplacian is 0, both with zero flux over the picture's border.
// The result continues the known pixels' slopes, too, so that it may leave their range. With tension, in 1 / pixel², it
// does so only near them, and is harmonic further in: L (L + tension) u = 0.
template <typename T>
void biharmonic(const T* values, const bool* known, T* filled, std::ptrdiff_t height, std::ptrdiff_t width,
                std::ptrdiff_t channels, double tension = 0.0);

}  // namespace inpaintx
