// What every op's math.h needs: one spelling of "inline, on host and device".
#pragma once

#include <math.h>
#include <stdint.h>

// Internal linkage on purpose: the CPU loops are compiled once per instruction set into one file, and a shared inline
// function would let the linker keep the AVX copy for everybody.
#if defined(__CUDACC__)
#define INPAINTX_FN static __host__ __device__ __forceinline__
#else
#define INPAINTX_FN [[maybe_unused]] static inline __attribute__((always_inline))
#endif

namespace inpaintx::math {

INPAINTX_FN float magnitude(float a) { return fabsf(a); }
INPAINTX_FN double magnitude(double a) { return fabs(a); }
INPAINTX_FN float square_root(float a) { return sqrtf(a); }
INPAINTX_FN double square_root(double a) { return sqrt(a); }

// a clipped to [-bound, bound]; NaN stays NaN, so that a diverged search shows.
template <class T>
INPAINTX_FN T clamped(T a, T bound) {
  return a < -bound ? -bound : (a > bound ? bound : a);
}

}  // namespace inpaintx::math
