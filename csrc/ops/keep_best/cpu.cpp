// The CPU loop of keep_best, for the instruction set INPAINTX_ISA; common/isa.h says what must not stand here.
#include "math.h"
#include "op.h"

namespace inpaintx::cpu::INPAINTX_ISA {
namespace {

template <class T>
void keep_samples(const KeepBestArgs& a, int64_t begin, int64_t end) {
  for (int64_t b = begin; b < end; ++b) {
    if (!math::kept<T>(a, b)) continue;
    const T* z = static_cast<const T*>(a.z) + b * a.nz;
    T* best = static_cast<T*>(a.best_z) + b * a.nz;
    for (int64_t i = 0; i < a.nz; ++i) best[i] = z[i];
  }
}

}  // namespace

void keep_best(Dtype dtype, const KeepBestArgs& a, int64_t begin, int64_t end) {
  (dtype == Dtype::float64 ? keep_samples<double> : keep_samples<float>)(a, begin, end);
}

}  // namespace inpaintx::cpu::INPAINTX_ISA
