// image_loss: G's last layer, its tanh, the contextual loss of the image and its gradient before the tanh, in one pass.
// As layers/op.h and context_loss/op.h have them. On the CPU, where nothing is gained by it, those ops one by one.
#pragma once

#include "../../common/params.h"
#include "../context_loss/op.h"
#include "../layers/op.h"

namespace inpaintx {

struct ImageLossArgs {
  ImageLayerArgs layer;  // its image is the gradient; slope 0
  const void* y;         // like the gradient
  const void* w;         // [batch, 2 height, 2 width]
  void* loss;            // [batch, parts]: float32, the parts as cuda::up_parts counts them
  Norm norm;
  double delta;  // huber only
};

namespace cuda {

// dtype, of the maps: float32, float16 or bfloat16; all others are float32.
int image_loss(Dtype dtype, const ImageLossArgs& args, void* stream);

}  // namespace cuda

}  // namespace inpaintx
