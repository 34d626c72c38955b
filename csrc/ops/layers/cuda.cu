// The layers: each sum is one thread's, over channels and taps or over features in their order, in float32; so that it
// depends on neither the batch nor the order of threads. The weights are taken as they are, float32, beside maps of any
// type. Convolutions with so few channels on one side leave tensor cores idle, and a library's copies of the image
// take longer than the sums.
#include <cstdint>

#include "../../common/element.cuh"
#include "../../common/launch.cuh"
#include "math.h"
#include "op.h"

namespace inpaintx::cuda {
namespace {

// What of the maps a block keeps or makes at a time: so many columns, of so many features.
constexpr int kTile = 32;
constexpr int kFeatures = 32;

constexpr int kGateThreads = 256;

// Value number `at`, gated: by itself where by_itself says so.
template <bool with_bias, bool by_itself, class T>
__device__ __forceinline__ void gate_element(const GateArgs& a, uint32_t at, T* value, T gate) {
  float sum = to_float(*value);
  if constexpr (with_bias) {
    const uint32_t feature = at / static_cast<uint32_t>(a.spacing) % static_cast<uint32_t>(a.features);
    sum += static_cast<const float*>(a.bias)[feature];
  }
  store(value, math::gated(sum, by_itself ? sum : to_float(gate), static_cast<float>(a.slope)));
}

// A thread for each pack; those beyond the last whole one have the remaining elements, one each.
template <bool with_bias, bool by_itself, class T>
__global__ void __launch_bounds__(kGateThreads) gate_kernel(GateArgs a, uint32_t packs) {
  auto* values = static_cast<T*>(a.values);
  const auto* gates = static_cast<const T*>(by_itself ? a.values : a.gates);
  const uint32_t thread = blockIdx.x * blockDim.x + threadIdx.x;
  if (thread < packs) {
    auto* to = reinterpret_cast<Pack<T>*>(values) + thread;
    const auto by = reinterpret_cast<const Pack<T>*>(gates)[thread];
    Pack<T> pack = *to;
    for (int k = 0; k < kPack<T>; ++k) {
      gate_element<with_bias, by_itself>(a, thread * kPack<T> + k, &pack.values[k], by.values[k]);
    }
    *to = pack;
  } else if (const uint32_t at = packs * kPack<T> + thread - packs; at < a.n) {
    gate_element<with_bias, by_itself>(a, at, values + at, gates[at]);
  }
}

template <class T>
bool is_aligned(const void* data) {
  return reinterpret_cast<uintptr_t>(data) % sizeof(Pack<T>) == 0;
}

int64_t pieces(int64_t count, int64_t size) { return (count + size - 1) / size; }

template <bool with_bias, bool by_itself, class T>
void launch_gate(const GateArgs& a, cudaStream_t stream) {
  const int64_t packs = is_aligned<T>(a.values) && is_aligned<T>(a.gates) ? a.n / kPack<T> : 0;
  const int64_t threads = packs + a.n - packs * kPack<T>;
  LAUNCH((gate_kernel<with_bias, by_itself, T>), static_cast<unsigned>(pieces(threads, kGateThreads)), kGateThreads,
         stream, a, static_cast<uint32_t>(packs));
}

// --- image_down
// --------------------------------------------------------------------------------------------------------

constexpr int kDownWarps = 4;
constexpr int kDownThreads = kDownWarps * kWarp;
constexpr int kDownPixels = kTile / kDownWarps;  // of a warp, whose lanes are its features

// One block for a tile of columns and features of one row of the maps; a channel after the other.
template <int kernel, class T>
__global__ void __launch_bounds__(kDownThreads) image_down_kernel(ImageLayerArgs a, unsigned tiles, unsigned parts) {
  constexpr int padding = (kernel - 1) / 2, length = 2 * kTile + kernel - 2, area = kernel * kernel;
  __shared__ float lines[kernel][length];
  __shared__ float weights[area][kFeatures + 1];  // one more, so that a warp's writes meet all banks
  const auto rows = static_cast<unsigned>(a.height);
  const int64_t first_feature = blockIdx.x % parts * kFeatures;
  const int64_t first_column = blockIdx.x / parts % tiles * kTile;
  const int64_t row = blockIdx.x / parts / tiles % rows;
  const int64_t sample = blockIdx.x / parts / tiles / rows;
  const int lane = threadIdx.x % kWarp;
  const int first_pixel = threadIdx.x / kWarp * kDownPixels;
  const int64_t height = 2 * a.height, width = 2 * a.width;
  float sums[kDownPixels] = {};
  for (int64_t c = 0; c < a.channels; ++c) {
    __syncthreads();
    const float* image = static_cast<const float*>(a.image) + (sample * a.channels + c) * height * width;
    for (int i = threadIdx.x; i < kernel * length; i += kDownThreads) {
      const int64_t y = 2 * row - padding + i / length, x = 2 * first_column - padding + i % length;
      const bool inside = y >= 0 && y < height && x >= 0 && x < width;
      lines[i / length][i % length] = inside ? image[y * width + x] : 0.0f;
    }
    for (int i = threadIdx.x; i < area * kFeatures; i += kDownThreads) {
      const int64_t feature = first_feature + i / area;
      weights[i % area][i / area] =
          feature < a.features ? static_cast<const float*>(a.weights)[(feature * a.channels + c) * area + i % area]
                               : 0.0f;
    }
    __syncthreads();
#pragma unroll
    for (int u = 0; u < kernel; ++u) {
#pragma unroll
      for (int v = 0; v < kernel; ++v) {
        const float weight = weights[u * kernel + v][lane];
#pragma unroll
        for (int p = 0; p < kDownPixels; ++p) {
          sums[p] += lines[u][2 * (first_pixel + p) + v] * weight;
        }
      }
    }
  }
  const int64_t feature = first_feature + lane;
  if (feature >= a.features) {
    return;
  }
  const float bias = a.bias != nullptr ? static_cast<const float*>(a.bias)[feature] : 0.0f;
  const auto slope = static_cast<float>(a.slope);
  for (int p = 0; p < kDownPixels && first_column + first_pixel + p < a.width; ++p) {
    const int64_t pixel = (sample * a.height + row) * a.width + first_column + first_pixel + p;
    const float value = sums[p] + bias;
    const float gate =
        a.gate != nullptr ? to_float(static_cast<const T*>(a.gate)[pixel * a.features + feature]) : value;
    store(static_cast<T*>(a.maps) + pixel * a.features + feature, math::gated(value, gate, slope));
  }
}

// --- image_up
// --------------------------------------------------------------------------------------------------------

constexpr int kUpRows = 2;      // of the maps, for each block: a weight that was read serves both
constexpr int kUpChannels = 3;  // at a time; the image of most models has no more
constexpr int kUpThreads = 2 * 2 * kTile;

// One block for the pixels of the image over a tile of columns of kUpRows rows of the maps, one thread for the pixels
// of one place in the 2 x 2 of a map's column. Pixel (2 i + y, 2 j + x) is the sum over rows i - 1 + y + s and columns
// j - 1 + x + t of the maps, each by tap (kernel - 1 - y - 2 s, kernel - 1 - x - 2 t), for as long as there is one.
template <int kernel, class T>
__global__ void __launch_bounds__(kUpThreads) image_up_kernel(ImageLayerArgs a, unsigned tiles, unsigned bands) {
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
          if (a.gate != nullptr) {
            value = math::gated(value, to_float(static_cast<const T*>(a.gate)[place]), slope);
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
        const int64_t line = (sample * a.channels + channel) * 2 * a.height + 2 * (first_row + r) + y;
        static_cast<float*>(a.image)[line * 2 * a.width + 2 * (first_column + column) + x] = sums[r][c] + bias;
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

}  // namespace

int gate(Dtype dtype, const GateArgs& args, void* stream) {
  if (args.n == 0) {
    return cudaSuccess;
  }
  if (args.n > kMaxBlocks) {
    return cudaErrorInvalidValue;
  }
  return with_type(dtype, [&](auto zero) {
    using T = decltype(zero);
    const bool with_bias = args.bias != nullptr, by_itself = args.gates == nullptr;
    const auto launch = with_bias ? (by_itself ? launch_gate<true, true, T> : launch_gate<true, false, T>)
                                  : (by_itself ? launch_gate<false, true, T> : launch_gate<false, false, T>);
    launch(args, static_cast<cudaStream_t>(stream));
  });
}

int image_down(Dtype dtype, const ImageLayerArgs& args, void* stream) {
  const int64_t tiles = pieces(args.width, kTile), parts = pieces(args.features, kFeatures);
  const int64_t blocks = args.batch * args.height * tiles * parts;
  return launch_blocks(dtype, args, blocks, [&](auto side, auto zero) {
    LAUNCH((image_down_kernel<decltype(side)::value, decltype(zero)>), static_cast<unsigned>(blocks), kDownThreads,
           static_cast<cudaStream_t>(stream), args, static_cast<unsigned>(tiles), static_cast<unsigned>(parts));
  });
}

int image_up(Dtype dtype, const ImageLayerArgs& args, void* stream) {
  const int64_t tiles = pieces(args.width, kTile), bands = pieces(args.height, kUpRows);
  const int64_t blocks = args.batch * bands * tiles;
  return launch_blocks(dtype, args, blocks, [&](auto side, auto zero) {
    LAUNCH((image_up_kernel<decltype(side)::value, decltype(zero)>), static_cast<unsigned>(blocks), kUpThreads,
           static_cast<cudaStream_t>(stream), args, static_cast<unsigned>(tiles), static_cast<unsigned>(bands));
  });
}

}  // namespace inpaintx::cuda
