// Sums over a block, in an order that depends on nothing but the block's size. Blocks are whole warps.
#pragma once

#include "launch.cuh"

namespace inpaintx::cuda {

constexpr unsigned kAllLanes = 0xffffffffu;

// The sum over the warp, in lane 0.
__device__ __forceinline__ float warp_sum(float value) {
  for (int distance = kWarp / 2; distance > 0; distance /= 2) {
    value += __shfl_down_sync(kAllLanes, value, distance);
  }
  return value;
}

// The sum over the block, in thread 0. Once a kernel: its shared memory is not guarded against a second call.
__device__ __forceinline__ float block_sum(float value) {
  __shared__ float sums[kWarp];
  const int lane = threadIdx.x % kWarp;
  const int warp = threadIdx.x / kWarp;
  value = warp_sum(value);
  if (lane == 0) {
    sums[warp] = value;
  }
  __syncthreads();
  if (warp == 0) {
    value = warp_sum(lane < static_cast<int>(blockDim.x) / kWarp ? sums[lane] : 0.0f);
  }
  return value;
}

// Each lane's value added to those of all lanes below it.
__device__ __forceinline__ int32_t warp_prefix_sum(int32_t value) {
  const int lane = threadIdx.x % kWarp;
  for (int distance = 1; distance < kWarp; distance *= 2) {
    const int32_t below = __shfl_up_sync(kAllLanes, value, distance);
    value += lane >= distance ? below : 0;
  }
  return value;
}

}  // namespace inpaintx::cuda
