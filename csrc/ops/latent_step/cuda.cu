// latent_step_: one block a sample. Its first thread counts the step and works out, in float64, what all elements
// share.
#include "../../common/element.cuh"
#include "../../common/launch.cuh"
#include "math.h"
#include "op.h"

namespace inpaintx::cuda {
namespace {

constexpr int kMaxThreads = 256;

template <class T>
__global__ void __launch_bounds__(kMaxThreads) latent_step_kernel(LatentStepArgs args) {
  const int64_t sample = blockIdx.x;
  if (!args.active[sample]) {
    return;
  }
  __shared__ math::StepScale<float> scale;
  __shared__ int64_t step;
  if (threadIdx.x == 0) {
    step = ++args.step[sample];
    scale = math::step_scale<float>(args.options, step);
  }
  __syncthreads();
  const int64_t seed = args.seed[sample];
  for (int64_t index = threadIdx.x; index < args.nz; index += blockDim.x) {
    const int64_t at = sample * args.nz + index;
    T* z = static_cast<T*>(args.z) + at;
    T* m = static_cast<T*>(args.m) + at;
    const float grad = to_float(static_cast<const T*>(args.grad)[at]);
    float momentum = to_float(*m);
    float moved;
    if (args.options.optimizer == Optimizer::adam) {
      T* v = static_cast<T*>(args.v) + at;
      float variance = to_float(*v);
      moved = math::adam_element(to_float(*z), grad, momentum, variance, scale);
      store(v, variance);
    } else {
      moved = math::nesterov_element(to_float(*z), grad, momentum, scale);
    }
    store(m, momentum);
    store(z, math::clipped(moved, args.options.clip, scale.bound, seed, step, index));
  }
}

}  // namespace

int latent_step(Dtype dtype, const LatentStepArgs& args, void* stream) {
  if (args.batch == 0) {
    return cudaSuccess;
  }
  if (args.batch > kMaxBlocks) {
    return cudaErrorInvalidValue;
  }
  return with_type(dtype, [&](auto zero) {
    LAUNCH(latent_step_kernel<decltype(zero)>, static_cast<unsigned>(args.batch), block_size(args.nz, kMaxThreads),
           static_cast<cudaStream_t>(stream), args);
  });
}

}  // namespace inpaintx::cuda
