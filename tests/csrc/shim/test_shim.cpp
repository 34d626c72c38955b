// The shim itself: what it imitates, and that it catches what a GPU would not forgive.
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime.h>

#include <cmath>
#include <stdexcept>
#include <vector>

#include "check.h"

namespace {

// It finds the races that are here on purpose, and takes a block that never ends for one; either ends the run.
#if defined(__SANITIZE_THREAD__)
constexpr bool kUnderTsan = true;
#else
constexpr bool kUnderTsan = false;
#endif

constexpr shim::Order kOrders[] = {shim::Order::forward, shim::Order::backward, shim::Order::shuffled};

__global__ void where_am_i(int* seen) {
  const unsigned block = blockIdx.x + gridDim.x * (blockIdx.y + gridDim.y * blockIdx.z);
  const unsigned thread = threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z);
  ++seen[block * blockDim.x * blockDim.y * blockDim.z + thread];
}

__global__ void reverse_in_block(int* values) {
  __shared__ int shared[96];
  shared[threadIdx.x] = values[blockIdx.x * 96 + threadIdx.x];
  __syncthreads();
  values[blockIdx.x * 96 + threadIdx.x] = shared[95 - threadIdx.x];
}

__global__ void reverse_without_barrier(int* values) {
  __shared__ int shared[96];
  shared[threadIdx.x] = values[blockIdx.x * 96 + threadIdx.x];
  values[blockIdx.x * 96 + threadIdx.x] = shared[95 - threadIdx.x];
}

// Warps hand a value on, round after round; without the second barrier one may overwrite what another has yet to read.
template <bool with_second_barrier>
__global__ void pass_round(int* sums) {
  __shared__ int shared[3];
  int sum = 0;
  for (int round = 0; round < 4; ++round) {
    if (threadIdx.x % 32 == 0) {
      shared[threadIdx.x / 32] = round;
    }
    __syncthreads();
    sum += shared[(threadIdx.x / 32 + 1) % 3];
    if (with_second_barrier) {
      __syncthreads();
    }
  }
  sums[threadIdx.x] = sum;
}

__global__ void shuffle_all(int* down, int* up, int* swapped) {
  const int value = 100 + static_cast<int>(threadIdx.x);
  down[threadIdx.x] = __shfl_down_sync(0xffffffffu, value, 16);
  up[threadIdx.x] = __shfl_up_sync(0xffffffffu, value, 1);
  swapped[threadIdx.x] = __shfl_xor_sync(0xffffffffu, value, 1);
}

__global__ void half_reach_the_barrier() {
  if (threadIdx.x < 16) {
    __syncthreads();
  }
}

__global__ void half_a_warp_shuffles(int* out) {
  if (threadIdx.x < 16) {
    out[threadIdx.x] = __shfl_xor_sync(0xffffffffu, 1, 1);
  }
}

__global__ void shuffle_under_a_partial_mask(int* out) { out[threadIdx.x] = __shfl_xor_sync(0xffffu, 1, 1); }

}  // namespace

TEST(every_thread_of_every_block_runs_once) {
  for (const shim::Order order : kOrders) {
    shim::set_order(order);
    std::vector<int> seen(2 * 3 * 4 * 5 * 6 * 7, 0);
    LAUNCH(where_am_i, dim3(2, 3, 4), dim3(5, 6, 7), nullptr, seen.data());
    for (const int times : seen) {
      CHECK(times == 1);
    }
  }
  shim::set_order(shim::Order::forward);
}

TEST(a_barrier_makes_shared_memory_agree_in_any_order) {
  for (const shim::Order order : kOrders) {
    shim::set_order(order);
    std::vector<int> values(3 * 96);
    for (int i = 0; i < 3 * 96; ++i) {
      values[i] = i;
    }
    LAUNCH(reverse_in_block, 3, 96, nullptr, values.data());
    for (int i = 0; i < 3 * 96; ++i) {
      CHECK(values[i] == i / 96 * 96 + 95 - i % 96);
    }
  }
  shim::set_order(shim::Order::forward);
}

TEST(a_missing_barrier_shows) {
  if (kUnderTsan) return;
  std::vector<int> values(96);
  for (int i = 0; i < 96; ++i) {
    values[i] = i + 1000;
  }
  LAUNCH(reverse_without_barrier, 1, 96, nullptr, values.data());
  int wrong = 0;
  for (int i = 0; i < 96; ++i) {
    wrong += values[i] != 1095 - i;
  }
  CHECK(wrong > 0);
}

TEST(a_warp_that_runs_ahead_shows) {
  if (kUnderTsan) return;
  for (const shim::Order order : kOrders) {
    shim::set_order(order);
    std::vector<int> right(96), wrong(96);
    LAUNCH(pass_round<true>, 1, 96, nullptr, right.data());
    LAUNCH(pass_round<false>, 1, 96, nullptr, wrong.data());
    CHECK(right == std::vector<int>(96, 6));
    CHECK(wrong != right);
  }
  shim::set_order(shim::Order::forward);
}

TEST(shuffles_move_values_between_lanes) {
  std::vector<int> down(64), up(64), swapped(64);
  LAUNCH(shuffle_all, 1, 64, nullptr, down.data(), up.data(), swapped.data());
  for (int i = 0; i < 64; ++i) {
    const int lane = i % 32;
    CHECK(down[i] == 100 + (lane < 16 ? i + 16 : i));
    CHECK(up[i] == 100 + (lane > 0 ? i - 1 : i));
    CHECK(swapped[i] == 100 + (i ^ 1));
  }
}

TEST(what_would_hang_or_be_undefined_throws) {
  if (kUnderTsan) return;
  std::vector<int> out(32);
  CHECK_THROWS(LAUNCH(half_reach_the_barrier, 1, 32, nullptr), std::logic_error);
  CHECK_THROWS(LAUNCH(half_a_warp_shuffles, 1, 32, nullptr, out.data()), std::logic_error);
  CHECK_THROWS(LAUNCH(shuffle_under_a_partial_mask, 1, 32, nullptr, out.data()), std::logic_error);
}

TEST(a_grid_that_cuda_refuses_is_refused) {
  const auto error_of = [](dim3 grid, dim3 block) {
    LAUNCH(half_reach_the_barrier, grid, block, nullptr);
    return cudaGetLastError();
  };
  CHECK(error_of(0, 16) == cudaErrorInvalidConfiguration);
  CHECK(error_of(1, 0) == cudaErrorInvalidConfiguration);
  CHECK(error_of(1, 1025) == cudaErrorInvalidConfiguration);
  CHECK(error_of(dim3(1, 65536), 16) == cudaErrorInvalidConfiguration);
  CHECK(error_of(1, 16) == cudaSuccess);
}

TEST(half_and_bfloat16_round_to_nearest_even) {
  for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
    const auto pattern = static_cast<std::uint16_t>(bits);
    const float as_half = __half2float({pattern});
    const float as_bfloat = __bfloat162float({pattern});
    CHECK(std::isnan(as_half) || __float2half_rn(as_half).bits == pattern, "half " << bits);
    CHECK(std::isnan(as_bfloat) || __float2bfloat16_rn(as_bfloat).bits == pattern, "bfloat16 " << bits);
  }
  CHECK(std::isnan(__half2float(__float2half_rn(NAN))));
  CHECK(std::isnan(__bfloat162float(__float2bfloat16_rn(NAN))));
  // 1 + 2^-11 lies halfway between two halves, 1 + 3·2^-11 between the next two; so 2^-8 for bfloat16.
  CHECK(__half2float(__float2half_rn(1.0f + 0x1p-11f)) == 1.0f);
  CHECK(__half2float(__float2half_rn(1.0f + 0x3p-11f)) == 1.0f + 0x1p-9f);
  CHECK(__bfloat162float(__float2bfloat16_rn(1.0f + 0x1p-8f)) == 1.0f);
  CHECK(__bfloat162float(__float2bfloat16_rn(1.0f + 0x3p-8f)) == 1.0f + 0x1p-6f);
  CHECK(__half2float(__float2half_rn(65519.0f)) == 65504.0f);
  CHECK(std::isinf(__half2float(__float2half_rn(65520.0f))));
  CHECK(__half2float(__float2half_rn(0x1p-25f)) == 0.0f);
  CHECK(__half2float(__float2half_rn(0x1.8p-25f)) == 0x1p-24f);
}
