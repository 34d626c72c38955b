// image_loss: image_up's blocks, whose pixels go through tanh and loss before they are written. Each block sums the
// loss of its part of the image in an order of its own, and writes it to a place of its own: who reads the parts adds
// them up, so that there are neither atomics nor another launch.
#include "../../common/reduce.cuh"
#include "../layers/image_up.cuh"
#include "math.h"
#include "op.h"

namespace inpaintx::cuda {
namespace {

template <int kernel, class T>
__global__ void __launch_bounds__(kUpThreads) image_loss_kernel(ImageLossArgs a, unsigned tiles, unsigned bands) {
  const auto* y = static_cast<const float*>(a.y);
  const auto* w = static_cast<const float*>(a.w);
  auto* grad = static_cast<float*>(a.layer.image);
  const auto delta = static_cast<float>(a.delta);
  float sum = 0.0f;
  up_tile<kernel, T>(a.layer, tiles, bands, [&](int64_t place, int64_t of_sample, float value) {
    const auto element = math::image_element(a.norm, value, y[place], w[of_sample], delta);
    grad[place] = element.grad;
    sum += element.loss;
  });
  sum = block_sum(sum);
  if (threadIdx.x == 0) {
    static_cast<float*>(a.loss)[blockIdx.x] = sum;
  }
}

}  // namespace

int image_loss(Dtype dtype, const ImageLossArgs& args, void* stream) {
  return launch_up(dtype, args.layer, [&](auto side, auto zero, unsigned blocks, unsigned tiles, unsigned bands) {
    LAUNCH((image_loss_kernel<decltype(side)::value, decltype(zero)>), blocks, kUpThreads,
           static_cast<cudaStream_t>(stream), args, tiles, bands);
  });
}

}  // namespace inpaintx::cuda
