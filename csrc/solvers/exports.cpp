// What inpaintx/ops/solver_library.py calls with ctypes: arrays as pointers and sizes. No symbol of Python's, so that
// one file serves every version of it. Shapes and dtypes are checked there.
#include <cstddef>
#include <exception>
#include <new>
#include <string>

#include "biharmonic.h"
#include "distance.h"
#include "membrane.h"

#if defined(_WIN32)
#define INPAINTX_EXPORT extern "C" __declspec(dllexport)
#else
#define INPAINTX_EXPORT extern "C" __attribute__((visibility("default")))
#endif

namespace {

// Null where `solve` came to its end, else what went wrong: valid until this thread's next call. No exception may leave
// for a caller that is not C++.
template <typename Solve>
const char* error_of(Solve solve) {
  static thread_local std::string text;
  try {
    solve();
    return nullptr;
  } catch (const std::bad_alloc&) {
    text = "there is not enough memory for it";
  } catch (const std::exception& error) {
    text = error.what();
  }
  return text.c_str();
}

}  // namespace

#define INPAINTX_SOLVERS_OF(T)                                                                               \
  INPAINTX_EXPORT const char* inpaintx_membrane_##T(const T* values, const bool* known, T* filled,           \
                                                    std::ptrdiff_t height, std::ptrdiff_t width,             \
                                                    std::ptrdiff_t channels) {                               \
    return error_of([=] { inpaintx::membrane(values, known, filled, height, width, channels); });            \
  }                                                                                                          \
  INPAINTX_EXPORT const char* inpaintx_biharmonic_##T(const T* values, const bool* known, T* filled,         \
                                                      std::ptrdiff_t height, std::ptrdiff_t width,           \
                                                      std::ptrdiff_t channels, double tension) {             \
    return error_of([=] { inpaintx::biharmonic(values, known, filled, height, width, channels, tension); }); \
  }

INPAINTX_SOLVERS_OF(float)
INPAINTX_SOLVERS_OF(double)

INPAINTX_EXPORT const char* inpaintx_distance_to_known(const bool* known, float* distance, std::ptrdiff_t height,
                                                       std::ptrdiff_t width) {
  return error_of([=] { inpaintx::distance_to_known(known, distance, height, width); });
}
