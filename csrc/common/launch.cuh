// How kernels are launched. The tests bring a LAUNCH and a cuda_runtime.h of their own, to run the kernels on the CPU.
#pragma once

#include <cuda_runtime.h>

#include <algorithm>
#include <cstdint>

#ifndef LAUNCH
// A kernel whose name holds a comma goes in parentheses.
#define LAUNCH(kernel, grid, block, stream, ...) kernel<<<(grid), (block), 0, (stream)>>>(__VA_ARGS__)
#endif

namespace inpaintx::cuda {

constexpr int kWarp = 32;
constexpr int64_t kMaxBlocks = 0x7fffffff;  // of a grid's x dimension; y and z have too few for a large batch

// Whole warps, enough to give each of the items a thread, at least one warp and at most `most` threads.
inline unsigned block_size(int64_t items, int64_t most) {
  return static_cast<unsigned>(std::clamp<int64_t>((items + kWarp - 1) / kWarp * kWarp, kWarp, most));
}

}  // namespace inpaintx::cuda
