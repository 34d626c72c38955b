// The element types of the kernels. Whatever is stored, the arithmetic is in float32.
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime.h>

#include "params.h"

namespace inpaintx::cuda {

__device__ __forceinline__ float to_float(float value) { return value; }
__device__ __forceinline__ float to_float(__half value) { return __half2float(value); }
__device__ __forceinline__ float to_float(__nv_bfloat16 value) { return __bfloat162float(value); }

__device__ __forceinline__ void store(float* target, float value) { *target = value; }
__device__ __forceinline__ void store(__half* target, float value) { *target = __float2half_rn(value); }
__device__ __forceinline__ void store(__nv_bfloat16* target, float value) { *target = __float2bfloat16_rn(value); }

// As many elements as one load of 16 bytes brings.
template <class T>
constexpr int kPack = 16 / sizeof(T);

template <class T>
struct alignas(16) Pack {
  T values[kPack<T>];
};

// Calls launch(T{}) with the type that the kernels know the dtype by, and returns what came of the launch.
template <class Launch>
int with_type(Dtype dtype, Launch launch) {
  switch (dtype) {
    case Dtype::float32:
      launch(float{});
      break;
    case Dtype::float16:
      launch(__half{});
      break;
    case Dtype::bfloat16:
      launch(__nv_bfloat16{});
      break;
    case Dtype::float64:
      return cudaErrorInvalidValue;
  }
  return cudaGetLastError();
}

}  // namespace inpaintx::cuda
