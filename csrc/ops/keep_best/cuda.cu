// keep_best_: one block a sample. Its first thread notes what the sample has come to, and all of them copy its code
// where that is the best one now.
#include "../../common/element.cuh"
#include "../../common/launch.cuh"
#include "math.h"
#include "op.h"

namespace inpaintx::cuda {
namespace {

constexpr int kMaxThreads = 128;

template <class T>
__global__ void __launch_bounds__(kMaxThreads) keep_best_kernel(KeepBestArgs args) {
  const int64_t sample = blockIdx.x;
  __shared__ bool better;
  if (threadIdx.x == 0) {
    better = math::kept<float>(args, sample);
  }
  __syncthreads();
  if (!better) {
    return;
  }
  for (int64_t index = threadIdx.x; index < args.nz; index += blockDim.x) {
    const int64_t at = sample * args.nz + index;
    static_cast<T*>(args.best_z)[at] = static_cast<const T*>(args.z)[at];
  }
}

}  // namespace

int keep_best(Dtype dtype, const KeepBestArgs& args, void* stream) {
  if (args.batch == 0) {
    return cudaSuccess;
  }
  if (args.batch > kMaxBlocks) {
    return cudaErrorInvalidValue;
  }
  return with_type(dtype, [&](auto zero) {
    LAUNCH(keep_best_kernel<decltype(zero)>, static_cast<unsigned>(args.batch), block_size(args.nz, kMaxThreads),
           static_cast<cudaStream_t>(stream), args);
  });
}

}  // namespace inpaintx::cuda
