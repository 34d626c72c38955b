// The loops of the networks' own layers: one source (layers.cpp), compiled once per instruction set like loops.h.
// These compute much for each byte they move, so they take fused multiply-adds and the widest registers there are, and
// round by instruction set; but never by threads or batch mates.
#pragma once

#include "../math/params.h"

namespace inpaintx::cpu {

// Rows of packed weights are filled up with zeros to a multiple of this.
constexpr int64_t kColumns = 16;

constexpr int64_t padded(int64_t columns) { return (columns + kColumns - 1) / kColumns * kColumns; }

constexpr int64_t taps(const ImageLayerArgs& a) { return a.channels * a.kernel * a.kernel; }

// A row of maps needs this much of each row of the image.
constexpr int64_t line_length(const ImageLayerArgs& a) { return 2 * a.width + a.kernel - 2; }

// Scratch, in elements of T, for one thread alone.
constexpr int64_t down_scratch(const ImageLayerArgs& a) {
  return a.width * padded(a.features) + a.channels * a.kernel * line_length(a);
}
constexpr int64_t up_scratch(const ImageLayerArgs& a) {
  return 3 * (a.width + 2) * padded(taps(a)) + a.width * a.features;
}

struct Layers {
  const char* name;
  // n elements in place, from any memory: values become gated by gate. Not for float16.
  void (*gate)(Dtype, void* values, const void* gate, int64_t n, double slope);
  // Rows begin .. end - 1 of the maps, counted through all samples; weights: [channels, kernel, kernel, padded(features)].
  void (*image_down)(Dtype, const ImageLayerArgs&, int64_t begin, int64_t end, void* scratch);
  // The two rows of the image for each of the rows begin .. end - 1 of the maps, counted alike;
  // weights: [features, padded(channels * kernel * kernel)].
  void (*image_up)(Dtype, const ImageLayerArgs&, int64_t begin, int64_t end, void* scratch);
};

namespace baseline {
extern const Layers layers;
}
namespace avx2 {  // these two on x86-64 only
extern const Layers layers;
}
namespace avx512 {
extern const Layers layers;
}

// The layers in use: for the widest registers that this CPU has, or what INPAINTX_CPU names if it runs here.
const Layers& layers();

}  // namespace inpaintx::cpu
