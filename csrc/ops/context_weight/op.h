// context_weight: how much a pixel counts: a known one the share of hole in the window around it, others nothing.
// Yeh et al., "Semantic image inpainting with deep generative models", CVPR 2017, eq. 3.
#pragma once

#include "../../common/isa.h"
#include "../../common/params.h"

namespace inpaintx {

// Their values are their places in the reference's BORDERS. A name is null for a value that is none of them.
enum class Border : int64_t { valid, zero };

constexpr const char* name_of(Border border) {
  switch (border) {
    case Border::valid:
      return "valid";
    case Border::zero:
      return "zero";
  }
  return nullptr;
}

// mask, weight: [batch, height, width], contiguous, one dtype; known where mask > 0.5.
struct ContextWeightArgs {
  const void* mask;
  void* weight;
  int64_t batch;
  int64_t height;
  int64_t width;
  int64_t window;  // odd
  Border border;
};

namespace cpu {

// How far a window reaches sideways, at most: beyond the image it sees nothing.
constexpr int64_t reach_of(const ContextWeightArgs& a) { return a.window / 2 < a.width ? a.window / 2 : a.width; }

constexpr int64_t weight_scratch(const ContextWeightArgs& a) { return 3 * a.width + 2 * reach_of(a) + 1; }

// Samples begin .. end - 1; scratch: weight_scratch integers, for one thread alone.
using ContextWeightLoop = void(Dtype, const ContextWeightArgs&, int64_t begin, int64_t end, int32_t* scratch);
INPAINTX_LOOP(ContextWeightLoop, context_weight);

}  // namespace cpu

namespace cuda {

// dtype: float32, float16 or bfloat16. scratch: batch * height * width int32, for the hole counts between the row and
// the column pass; the caller's, who may free it on the same stream at once.
int context_weight(Dtype dtype, const ContextWeightArgs& args, int32_t* scratch, void* stream);

}  // namespace cuda

}  // namespace inpaintx
