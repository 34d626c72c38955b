// gate_, image_down_, image_up: (leaky) ReLU and its derivative, and the convolution with stride 2 from image to maps
// and back: DCGAN's first and last layers (Radford, Metz and Chintala, ICLR 2016), on the CPU only.
//
// These compute much for each byte they move, so they take fused multiply-adds and the widest registers there are, and
// round by instruction set; but never by threads or batch mates.
#pragma once

#include "../../common/isa.h"
#include "../../common/params.h"

namespace inpaintx {

// gate: each of n values, and its bias where there is one, gated; the bias of value i is that of feature
// i / spacing % features.
struct GateArgs {
  void* values;
  const void* gates;  // in the values' order, or null: each gates itself
  const void* bias;   // [features], float64 for float64 values, float32 otherwise; or null
  int64_t n;
  int64_t features;
  int64_t spacing;
  double slope;
};

// image_up and image_down: the convolution with stride 2 between feature maps and the image, padded by (kernel - 1) /
// 2, in one direction or the other. Computed in T: float64 for float64 maps, float32 otherwise; image, weights and bias
// are T. On the CPU the weights are packed as its loops say; on CUDA they are [features, channels, kernel, kernel].
struct ImageLayerArgs {
  void* maps;        // [batch, height, width, features]
  const void* gate;  // like maps, or null
  void* image;       // [batch, channels, 2 height, 2 width]
  const void* weights;
  const void* bias;  // down: [features], up: [channels]; or null
  int64_t batch;
  int64_t features;
  int64_t height;
  int64_t width;
  int64_t channels;
  int64_t kernel;  // 4 or 5
  double slope;
  // [features] or null. down: what the gate lacks yet; up: what the maps lack, which then gate themselves, where there
  // is no gate.
  const void* maps_bias = nullptr;
};

namespace cpu {

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

// Values begin .. end - 1, from any memory. Not for float16.
using GateLoop = void(Dtype, const GateArgs&, int64_t begin, int64_t end);
INPAINTX_LOOP(GateLoop, gate);

// Rows begin .. end - 1 of the maps, counted through all samples; weights: [channels, kernel, kernel,
// padded(features)].
using ImageLayerLoop = void(Dtype, const ImageLayerArgs&, int64_t begin, int64_t end, void* scratch);
INPAINTX_LOOP(ImageLayerLoop, image_down);

// The two rows of the image for each of the rows begin .. end - 1 of the maps, counted alike;
// weights: [features, padded(channels * kernel * kernel)].
INPAINTX_LOOP(ImageLayerLoop, image_up);

}  // namespace cpu

// dtype, of the maps: float32, float16 or bfloat16.
namespace cuda {

constexpr int kTile = 32;   // columns of the maps that a block keeps or makes at a time
constexpr int kUpRows = 2;  // rows of the maps that a block of image_up has: a weight that was read serves both

constexpr int64_t pieces(int64_t count, int64_t size) { return (count + size - 1) / size; }

// Parts that image_up's blocks cut the image of a sample into.
constexpr int64_t up_parts(const ImageLayerArgs& a) { return pieces(a.width, kTile) * pieces(a.height, kUpRows); }

int gate(Dtype dtype, const GateArgs& args, void* stream);

int image_down(Dtype dtype, const ImageLayerArgs& args, void* stream);

int image_up(Dtype dtype, const ImageLayerArgs& args, void* stream);

}  // namespace cuda

}  // namespace inpaintx
