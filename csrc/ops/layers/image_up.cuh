// What image_up does on CUDA, whatever becomes of the image's pixels: of image_up and image_loss alike.
#pragma once

#include <cstdint>

#include "../../common/element.cuh"
#include "../../common/launch.cuh"
#include "math.h"
#include "op.h"

namespace inpaintx::cuda {
namespace {

constexpr int kFeatures = 32;   // of the maps, that a block keeps or makes at a time
constexpr int kUpChannels = 3;  // at a time; the image of most models has no more
constexpr int kUpThreads = 2 * 2 * kTile;

// One block for the pixels of the image over a tile of columns of kUpRows rows of the maps, one thread for the pixels
// of one place in the 2 x 2 of a map's column. Pixel (2 i + y, 2 j + x) is the sum over rows i - 1 + y + s and columns
// j - 1 + x + t of the maps, each by tap (kernel - 1 - y - 2 s, kernel - 1 - x - 2 t), for as long as there is one.
// For each of them, finish(its place in the image, its place in an image of one channel, its value).
template <int kernel, class T, class Finish>
__device__ __forceinline__ void up_tile(const ImageLayerArgs& a, unsigned tiles, unsigned bands, Finish finish) {
  constexpr int area = kernel * kernel, steps = (kernel + 1) / 2;
  constexpr int rows = kUpRows + 2, columns = kTile + 2;  // one more on each side
  __shared__ float maps[rows][kFeatures][columns + 1];    // odd, so that a warp's writes meet all banks
  __shared__ float weights[kFeatures][kUpChannels][area];
  const int64_t first_column = blockIdx.x % tiles * kTile;
  const int64_t first_row = static_cast<int64_t>(blockIdx.x / tiles % bands) * kUpRows;
  const int64_t sample = blockIdx.x / tiles / bands;
  const int y = threadIdx.x / (2 * kTile), x = threadIdx.x % 2, column = threadIdx.x % (2 * kTile) / 2;
  const auto slope = static_cast<float>(a.slope);
  for (int64_t first_channel = 0; first_channel < a.channels; first_channel += kUpChannels) {
    float sums[kUpRows][kUpChannels] = {};
    for (int64_t first = 0; first < a.features; first += kFeatures) {
      __syncthreads();
      for (int i = threadIdx.x; i < rows * columns * kFeatures; i += kUpThreads) {
        const int f = i % kFeatures, c = i / kFeatures % columns, r = i / kFeatures / columns;
        const int64_t row = first_row - 1 + r, map_column = first_column - 1 + c;
        float value = 0.0f;
        if (row >= 0 && row < a.height && map_column >= 0 && map_column < a.width && first + f < a.features) {
          const int64_t place = ((sample * a.height + row) * a.width + map_column) * a.features + first + f;
          value = to_float(static_cast<const T*>(a.maps)[place]);
          if (a.maps_bias != nullptr) {
            value += static_cast<const float*>(a.maps_bias)[first + f];
          }
          if (a.gate != nullptr) {
            value = math::gated(value, to_float(static_cast<const T*>(a.gate)[place]), slope);
          } else if (a.maps_bias != nullptr) {
            value = math::gated(value, value, slope);
          }
        }
        maps[r][f][c] = value;
      }
      for (int i = threadIdx.x; i < kFeatures * kUpChannels * area; i += kUpThreads) {
        const int tap = i % area, c = i / area % kUpChannels, f = i / area / kUpChannels;
        const bool inside = first + f < a.features && first_channel + c < a.channels;
        const int64_t place = ((first + f) * a.channels + first_channel + c) * area + tap;
        weights[f][c][tap] = inside ? static_cast<const float*>(a.weights)[place] : 0.0f;
      }
      __syncthreads();
      for (int f = 0; f < kFeatures; ++f) {
#pragma unroll
        for (int s = 0; s < steps; ++s) {
#pragma unroll
          for (int t = 0; t < steps; ++t) {
            const int u = kernel - 1 - y - 2 * s, v = kernel - 1 - x - 2 * t;
            if (u < 0 || v < 0) {
              continue;
            }
#pragma unroll
            for (int c = 0; c < kUpChannels; ++c) {
              const float weight = weights[f][c][u * kernel + v];
#pragma unroll
              for (int r = 0; r < kUpRows; ++r) {
                sums[r][c] += maps[r + y + s][f][column + x + t] * weight;
              }
            }
          }
        }
      }
    }
    for (int c = 0; c < kUpChannels && first_channel + c < a.channels; ++c) {
      const int64_t channel = first_channel + c;
      const float bias = a.bias != nullptr ? static_cast<const float*>(a.bias)[channel] : 0.0f;
      for (int r = 0; r < kUpRows && first_row + r < a.height && first_column + column < a.width; ++r) {
        const int64_t line = 2 * (first_row + r) + y, pixels = 4 * a.height * a.width;
        const int64_t pixel = line * 2 * a.width + 2 * (first_column + column) + x;
        finish((sample * a.channels + channel) * pixels + pixel, sample * pixels + pixel, sums[r][c] + bias);
      }
    }
  }
}

// Calls body(Kernel<4 or 5>()), so that a kernel is compiled for each of the two sides.
template <int side>
struct Kernel {
  static constexpr int value = side;
};

template <class Body>
void with_kernel(int64_t side, Body body) {
  side == 4 ? body(Kernel<4>()) : body(Kernel<5>());
}

// Calls launch(Kernel, T{}) where there are blocks to launch, and not more than a grid has.
template <class Launch>
int launch_blocks(Dtype dtype, const ImageLayerArgs& args, int64_t blocks, Launch launch) {
  if (blocks == 0) {
    return cudaSuccess;
  }
  if (blocks > kMaxBlocks) {
    return cudaErrorInvalidValue;
  }
  return with_type(dtype, [&](auto zero) { with_kernel(args.kernel, [&](auto side) { launch(side, zero); }); });
}

// launch(Kernel, T{}, blocks, tiles, bands), for up_tile.
template <class Launch>
int launch_up(Dtype dtype, const ImageLayerArgs& args, Launch launch) {
  const int64_t blocks = args.batch * up_parts(args);
  return launch_blocks(dtype, args, blocks, [&](auto side, auto zero) {
    launch(side, zero, static_cast<unsigned>(blocks), static_cast<unsigned>(pieces(args.width, kTile)),
           static_cast<unsigned>(pieces(args.height, kUpRows)));
  });
}

}  // namespace
}  // namespace inpaintx::cuda
