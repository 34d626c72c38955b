// The part of the CUDA runtime that csrc uses, on the CPU, so that its kernels run where there is no GPU.
// This folder comes first on the include path of the C++ tests; the kernels themselves know nothing of it.
//
// A block's threads are fibers on one thread of the CPU, switched at barriers and warp shuffles only. Each warp runs as
// far ahead of the others as barriers let it, in an order that a test can turn round or shuffle: a kernel whose result
// depends on that order has a race.
#pragma once

#include <cstdint>
#include <cstring>
#include <functional>
#include <type_traits>

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __launch_bounds__(...)
// One block runs at a time, so its shared memory may be static.
#define __shared__ static

struct uint3 {
  unsigned x, y, z;
};

struct dim3 {
  unsigned x, y, z;
  constexpr dim3(unsigned x_ = 1, unsigned y_ = 1, unsigned z_ = 1) : x(x_), y(y_), z(z_) {}
};

extern uint3 threadIdx;
extern uint3 blockIdx;
extern dim3 blockDim;
extern dim3 gridDim;

enum cudaError_t {
  cudaSuccess = 0,
  cudaErrorInvalidValue = 1,
  cudaErrorInvalidConfiguration = 9,
  cudaErrorInvalidDevice = 101
};
using cudaStream_t = struct ShimStream*;

cudaError_t cudaGetLastError();
const char* cudaGetErrorString(cudaError_t error);

// Two devices, 0 and 1, that run everything.
cudaError_t cudaGetDevice(int* device);
cudaError_t cudaSetDevice(int device);

struct cudaFuncAttributes {
  int binaryVersion, ptxVersion;
};
// Device 0 has code of its own; for device 1 the driver had to make it from PTX of an older one.
inline cudaError_t cudaFuncGetAttributes(cudaFuncAttributes* attributes, void (*)()) {
  int device;
  cudaGetDevice(&device);
  *attributes = device == 0 ? cudaFuncAttributes{90, 90} : cudaFuncAttributes{110, 75};
  return cudaSuccess;
}

namespace shim {

enum class Order { forward, backward, shuffled };

// The order in which the warps of a block run between two barriers, the lanes of a warp, and the blocks of a grid.
void set_order(Order order);

// How many kernels have been launched so far.
int launches();

// Runs the kernel for every thread of the grid. Throws std::logic_error where a GPU would hang or be undefined: a
// barrier that only some threads of the block reach, a shuffle that only some lanes of a warp reach.
void launch(dim3 grid, dim3 block, const std::function<void()>& kernel);

void sync_threads();
std::uint64_t shuffle(std::uint64_t value, unsigned source_lane);
unsigned lane();

template <typename T>
T shuffle_as(unsigned mask, T value, unsigned source_lane) {
  static_assert(std::is_trivially_copyable_v<T> && sizeof(T) <= sizeof(std::uint64_t));
  if (mask != 0xffffffffu) {
    // Shuffles among part of a warp are not needed by the kernels, and so not imitated.
    source_lane = ~0u;
  }
  std::uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof(T));
  bits = shuffle(bits, source_lane);
  std::memcpy(&value, &bits, sizeof(T));
  return value;
}

}  // namespace shim

inline void __syncthreads() { shim::sync_threads(); }

template <typename T>
T __shfl_down_sync(unsigned mask, T value, unsigned delta) {
  const unsigned source = shim::lane() + delta;
  return shim::shuffle_as(mask, value, source < 32 ? source : shim::lane());
}

template <typename T>
T __shfl_up_sync(unsigned mask, T value, unsigned delta) {
  return shim::shuffle_as(mask, value, shim::lane() >= delta ? shim::lane() - delta : shim::lane());
}

template <typename T>
T __shfl_xor_sync(unsigned mask, T value, unsigned lanes) {
  return shim::shuffle_as(mask, value, shim::lane() ^ lanes);
}

// Where the two worlds meet: csrc/common/launch.cuh defines LAUNCH for nvcc unless it is there already.
#define LAUNCH(kernel, grid, block, stream, ...) \
  ((void)(stream), shim::launch((grid), (block), [&] { kernel(__VA_ARGS__); }))
