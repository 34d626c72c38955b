// The layers: each sum is one thread's, over channels and taps or over features in their order, in float32; so that it
// depends on neither the batch nor the order of threads. The weights are taken as they are, float32, beside maps of any
// type. Convolutions with so few channels on one side leave tensor cores idle, and a library's copies of the image
// take longer than the sums.
#include <cstdint>

#include "../../common/element.cuh"
#include "../../common/launch.cuh"
#include "image_up.cuh"
#include "math.h"
#include "op.h"

namespace inpaintx::cuda {
namespace {

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
  const float gate_bias = a.maps_bias != nullptr ? static_cast<const float*>(a.maps_bias)[feature] : 0.0f;
  const auto slope = static_cast<float>(a.slope);
  for (int p = 0; p < kDownPixels && first_column + first_pixel + p < a.width; ++p) {
    const int64_t pixel = (sample * a.height + row) * a.width + first_column + first_pixel + p;
    const float value = sums[p] + bias;
    const float gate =
        a.gate != nullptr ? to_float(static_cast<const T*>(a.gate)[pixel * a.features + feature]) + gate_bias : value;
    store(static_cast<T*>(a.maps) + pixel * a.features + feature, math::gated(value, gate, slope));
  }
}

// --- image_up
// --------------------------------------------------------------------------------------------------------

template <int kernel, class T>
__global__ void __launch_bounds__(kUpThreads) image_up_kernel(ImageLayerArgs a, unsigned tiles, unsigned bands) {
  auto* image = static_cast<float*>(a.image);
  up_tile<kernel, T>(a, tiles, bands, [&](int64_t place, int64_t, float value) { image[place] = value; });
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
  return launch_up(dtype, args, [&](auto side, auto zero, unsigned blocks, unsigned tiles, unsigned bands) {
    LAUNCH((image_up_kernel<decltype(side)::value, decltype(zero)>), blocks, kUpThreads,
           static_cast<cudaStream_t>(stream), args, tiles, bands);
  });
}

}  // namespace inpaintx::cuda
