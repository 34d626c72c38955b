// The CPU loop of context_weight, for the instruction set INPAINTX_ISA; common/isa.h says what must not stand here.
#include "math.h"
#include "op.h"

namespace inpaintx::cpu::INPAINTX_ISA {
namespace {

// The window as a running sum over rows, then as differences of a prefix sum along the row: O(pixels) for any window.
// The prefix sum is continued at both ends by the window's reach, so that no position is special.
template <class T>
void weight_sample(const T* __restrict__ mask, T* __restrict__ weight, const ContextWeightArgs& a,
                   int32_t* __restrict__ scratch) {
  const int64_t h = a.height, w = a.width, radius = a.window / 2, reach = reach_of(a);
  int32_t* __restrict__ column = scratch;          // holes in the window's rows, for each column
  int32_t* __restrict__ inside = scratch + w;      // columns of the window inside the image
  int32_t* __restrict__ prefix = scratch + 2 * w;  // w + 2 reach + 1 of them
  const auto add_row = [&](int64_t row, int32_t sign) {
    if (row < 0 || row >= h) return;
    const T* __restrict__ pixels = mask + row * w;
    for (int64_t x = 0; x < w; ++x) column[x] += math::is_known(pixels[x]) ? 0 : sign;
  };
  for (int64_t x = 0; x < w; ++x) {
    column[x] = 0;
    inside[x] = static_cast<int32_t>(math::inside_count(x, radius, w));
  }
  for (int64_t row = 0; row < radius && row < h; ++row) add_row(row, 1);
  for (int64_t x = 0; x <= reach; ++x) prefix[x] = 0;
  for (int64_t y = 0; y < h; ++y) {
    add_row(y + radius, 1);
    add_row(y - radius - 1, -1);
    int32_t sum = 0;
    for (int64_t x = 0; x < w; ++x) prefix[reach + 1 + x] = sum += column[x];
    for (int64_t x = 0; x < reach; ++x) prefix[reach + 1 + w + x] = sum;

    const auto rows = static_cast<int32_t>(math::inside_count(y, radius, h));
    const bool valid = a.border == Border::valid;
    const T whole = static_cast<T>(math::window_area(0, a.window, Border::zero));
    const T* __restrict__ pixels = mask + y * w;
    T* __restrict__ weights = weight + y * w;
    const int32_t* __restrict__ right = prefix + 2 * reach + 1;
    for (int64_t x = 0; x < w; ++x) {
      const T area = valid ? static_cast<T>(rows * inside[x]) : whole;
      weights[x] = math::hole_share(math::is_known(pixels[x]), right[x] - prefix[x], area);
    }
  }
}

template <class T>
void weight_dtype(const ContextWeightArgs& a, int64_t begin, int64_t end, int32_t* scratch) {
  for (int64_t b = begin; b < end; ++b) {
    const int64_t offset = b * a.height * a.width;
    weight_sample(static_cast<const T*>(a.mask) + offset, static_cast<T*>(a.weight) + offset, a, scratch);
  }
}

}  // namespace

void context_weight(Dtype dtype, const ContextWeightArgs& a, int64_t begin, int64_t end, int32_t* scratch) {
  (dtype == Dtype::float64 ? weight_dtype<double> : weight_dtype<float>)(a, begin, end, scratch);
}

}  // namespace inpaintx::cpu::INPAINTX_ISA
