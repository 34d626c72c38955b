// context_loss: the weighted distance of G's image to the image on known pixels, and its gradient before G's tanh.
// Yeh et al., "Semantic image inpainting with deep generative models", CVPR 2017, eq. 4; theirs is L1.
#pragma once

#include "../../common/isa.h"
#include "../../common/params.h"

namespace inpaintx {

// Their values are their places in the reference's NORMS. What a new one lacks, its name and its case here or its
// function in math.h, does not compile.
enum class Norm : int64_t { l1, l2, huber };

// Null for a value that is no norm.
constexpr const char* name_of(Norm norm) {
  switch (norm) {
    case Norm::l1:
      return "l1";
    case Norm::l2:
      return "l2";
    case Norm::huber:
      return "huber";
  }
  return nullptr;
}

template <Norm norm>
struct NormConstant {
  static constexpr Norm value = norm;
};

// Calls body(NormConstant<norm>()), so that a loop is compiled for each norm.
template <class Body>
static inline void with_norm(Norm norm, Body body) {
  switch (norm) {
    case Norm::l1:
      return body(NormConstant<Norm::l1>());
    case Norm::l2:
      return body(NormConstant<Norm::l2>());
    case Norm::huber:
      return body(NormConstant<Norm::huber>());
  }
}

struct ContextLossArgs {
  View<const void*> x;
  View<const void*> y;
  View<const void*> w;      // channel stride 0
  View<const void*> prior;  // data null: no prior gradient
  View<void*> grad;
  void* loss;  // [batch]: float64 for float64 input, float32 otherwise
  int64_t batch;
  int64_t channels;
  int64_t pixels;
  Norm norm;
  double delta;  // huber only
};

namespace cpu {

// How context_loss walks a sample: rows of contiguous gradient, cut into chunks, the chunks grouped into segments.
// It depends on the sample's shape and layout alone, so a sum never depends on threads or batch mates.
struct Walk {
  bool interleaved;  // channels last: one row of pixels x channels, else one row of pixels per channel
  int64_t length;    // of a row
  int64_t chunks_per_row;
  int64_t chunks;  // of a sample
  int64_t segments;
};

constexpr int64_t kChunk = 1152;           // elements summed before they are added in double; a multiple of 3 and 128
constexpr int64_t kChunksPerSegment = 16;  // what one thread does at least

constexpr Walk walk_of(const ContextLossArgs& a) {
  Walk walk{};
  walk.interleaved = a.channels > 1 && a.grad.channel == 1 && a.grad.pixel == a.channels;
  walk.length = walk.interleaved ? a.pixels * a.channels : a.pixels;
  walk.chunks_per_row = (walk.length + kChunk - 1) / kChunk;
  walk.chunks = walk.chunks_per_row * (walk.interleaved ? 1 : a.channels);
  walk.segments = (walk.chunks + kChunksPerSegment - 1) / kChunksPerSegment;
  return walk;
}

// Segments begin .. end - 1, counted through all samples; sums[segment] is its part of the loss.
// grad must be contiguous along the rows of walk_of.
using ContextLossLoop = void(Dtype, const ContextLossArgs&, int64_t begin, int64_t end, double* sums);
INPAINTX_LOOP(ContextLossLoop, context_loss);

}  // namespace cpu

namespace cuda {

// dtype: float32, float16 or bfloat16; loss is float32.
int context_loss(Dtype dtype, const ContextLossArgs& args, void* stream);

}  // namespace cuda

}  // namespace inpaintx
