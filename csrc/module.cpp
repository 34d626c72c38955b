// What the library calls with numpy arrays: `inpaintx._native`. Values are checked by inpaintx/solvers.py; here only
// what would read or write out of bounds.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <algorithm>
#include <cstddef>
#include <stdexcept>

#include "solvers/biharmonic.h"
#include "solvers/distance.h"
#include "solvers/membrane.h"

namespace py = pybind11;

namespace {

template <typename T>
using Array = py::array_t<T, py::array::c_style>;

void require_known_pixel(const Array<bool>& known) {
  if (known.ndim() != 2) {
    throw std::invalid_argument("known must have the shape [H, W]");
  }
  const bool* end = known.data() + known.size();
  if (std::find(known.data(), end, true) == end) {
    throw std::invalid_argument("no pixel is known");
  }
}

// `fill` is a solver that fills the hole: membrane or biharmonic. `more` is what it takes besides.
template <typename T, typename Fill, typename... More>
Array<T> interpolate(Fill fill, const Array<T>& values, const Array<bool>& known, More... more) {
  require_known_pixel(known);
  if (values.ndim() != 3 || values.shape(0) != known.shape(0) || values.shape(1) != known.shape(1)) {
    throw std::invalid_argument("values must have the shape [H, W, C], with known's H and W");
  }
  Array<T> filled({values.shape(0), values.shape(1), values.shape(2)});
  T* out = filled.mutable_data();
  const py::gil_scoped_release release;
  fill(values.data(), known.data(), out, values.shape(0), values.shape(1), values.shape(2), more...);
  return filled;
}

template <typename T>
void define_for(py::module_& module) {
  module.def(
      "membrane",
      [](const Array<T>& values, const Array<bool>& known) {
        return interpolate(inpaintx::membrane<T>, values, known);
      },
      py::arg("values").noconvert(), py::arg("known").noconvert());
  module.def(
      "biharmonic",
      [](const Array<T>& values, const Array<bool>& known, double tension) {
        return interpolate(inpaintx::biharmonic<T>, values, known, tension);
      },
      py::arg("values").noconvert(), py::arg("known").noconvert(), py::arg("tension") = 0.0);
}

Array<float> distance_to_known(const Array<bool>& known) {
  require_known_pixel(known);
  Array<float> distance({known.shape(0), known.shape(1)});
  float* out = distance.mutable_data();
  const py::gil_scoped_release release;
  inpaintx::distance_to_known(known.data(), out, known.shape(0), known.shape(1));
  return distance;
}

py::dict build_info() {
  py::dict info;
#if defined(__clang__)
  info["compiler"] = "clang " __clang_version__;
#elif defined(__GNUC__)
  info["compiler"] = "gcc " __VERSION__;
#elif defined(_MSC_VER)
  info["compiler"] = "msvc " PYBIND11_TOSTRING(_MSC_VER);
#else
  info["compiler"] = "unknown";
#endif
  info["standard"] = static_cast<long>(__cplusplus);
#ifdef INPAINTX_NATIVE_FLAGS
  info["flags"] = INPAINTX_NATIVE_FLAGS;
#else
  info["flags"] = "unknown";
#endif
  info["pybind11"] = PYBIND11_TOSTRING(PYBIND11_VERSION_MAJOR) "." PYBIND11_TOSTRING(PYBIND11_VERSION_MINOR);
  return info;
}

}  // namespace

PYBIND11_MODULE(_native, module) {
  module.doc() = "Native solvers on numpy arrays; see inpaintx.ops.solvers for the documented face.";
  define_for<float>(module);
  define_for<double>(module);
  module.def("distance_to_known", &distance_to_known, py::arg("known").noconvert());
  module.def("build_info", &build_info, "The compiler, the C++ standard and the flags that this was built with.");
}
