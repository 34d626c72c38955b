// context_loss: one block a sample, so that the loss is a sum in a fixed order, whatever else is in the batch, and
// needs neither atomics nor a second launch. A GPU is filled by the batch; a single image of a model's size takes
// microseconds.
#include <cstdint>

#include "../../common/element.cuh"
#include "../../common/launch.cuh"
#include "../../common/reduce.cuh"
#include "math.h"
#include "op.h"

namespace inpaintx::cuda {
namespace {

constexpr int kMaxThreads = 1024;

// A sample's elements are numbered in the order of x's memory: channel by channel, or pixel by pixel (channels-last).
// Thread and pack of an element depend on its number alone, never on alignment: neither does the sum.
struct Layout {
  bool by_pixel;
  bool packed;    // x, y, the prior's gradient and grad lie in that order, aligned to a pack
  bool w_packed;  // so does w, along each channel
};

template <class T>
struct Part {
  uint32_t first;  // the number of the pack's first element
  uint32_t size;   // how many elements it has: fewer than kPack at the sample's end
  bool by_pixel;
  uint32_t channels;
  uint32_t pixels;

  template <class Pointer>
  __device__ int64_t offset(const View<Pointer>& view, int64_t sample, uint32_t number) const {
    const int64_t channel = by_pixel ? number % channels : number / pixels;
    const int64_t pixel = by_pixel ? number / channels : number % pixels;
    return sample * view.batch + channel * view.channel + pixel * view.pixel;
  }

  // Elements beyond the end are 0: with a weight of 0 they add nothing.
  __device__ void load(const View<const void*>& view, int64_t sample, bool packed, float (&values)[kPack<T>]) const {
    const T* data = static_cast<const T*>(view.data);
    if (packed && size == kPack<T>) {
      const auto pack = *reinterpret_cast<const Pack<T>*>(data + offset(view, sample, first));
      for (int k = 0; k < kPack<T>; ++k) {
        values[k] = to_float(pack.values[k]);
      }
    } else {
      for (int k = 0; k < kPack<T>; ++k) {
        values[k] = k < static_cast<int>(size) ? to_float(data[offset(view, sample, first + k)]) : 0.0f;
      }
    }
  }

  __device__ void store_to(const View<void*>& view, int64_t sample, bool packed,
                           const float (&values)[kPack<T>]) const {
    T* data = static_cast<T*>(view.data);
    if (packed && size == kPack<T>) {
      Pack<T> pack;
      for (int k = 0; k < kPack<T>; ++k) {
        store(&pack.values[k], values[k]);
      }
      *reinterpret_cast<Pack<T>*>(data + offset(view, sample, first)) = pack;
    } else {
      for (int k = 0; k < kPack<T>; ++k) {
        if (k < static_cast<int>(size)) {
          store(&data[offset(view, sample, first + k)], values[k]);
        }
      }
    }
  }
};

template <class T, Norm norm>
__global__ void __launch_bounds__(kMaxThreads) context_loss_kernel(ContextLossArgs args, Layout layout) {
  const int64_t sample = blockIdx.x;
  const auto channels = static_cast<uint32_t>(args.channels);
  const auto pixels = static_cast<uint32_t>(args.pixels);
  const uint32_t count = channels * pixels;
  const auto delta = static_cast<float>(args.delta);
  float sum = 0.0f;
  for (uint32_t first = threadIdx.x * kPack<T>; first < count; first += blockDim.x * kPack<T>) {
    const uint32_t left = count - first;
    const Part<T> part = {first, left < kPack<T> ? left : kPack<T>, layout.by_pixel, channels, pixels};
    float x[kPack<T>], y[kPack<T>], w[kPack<T>], grad[kPack<T>];
    part.load(args.x, sample, layout.packed, x);
    part.load(args.y, sample, layout.packed, y);
    part.load(args.w, sample, layout.w_packed, w);
    float prior[kPack<T>] = {};
    if (args.prior.data != nullptr) {
      part.load(args.prior, sample, layout.packed, prior);
    }
    for (int k = 0; k < kPack<T>; ++k) {
      const auto element = math::context_element<norm>(x[k], y[k], w[k], prior[k], delta);
      sum += element.loss;
      grad[k] = element.grad;
    }
    part.store_to(args.grad, sample, layout.packed, grad);
  }
  sum = block_sum(sum);
  if (threadIdx.x == 0) {
    static_cast<float*>(args.loss)[sample] = sum;
  }
}

template <class T, class Pointer>
bool is_aligned(const View<Pointer>& view, int64_t batch) {
  return reinterpret_cast<uintptr_t>(view.data) % sizeof(Pack<T>) == 0 && (batch == 1 || view.batch % kPack<T> == 0);
}

template <class T>
Layout layout_of(const ContextLossArgs& args) {
  const bool by_pixel = args.channels > 1 && args.x.channel == 1;
  const auto is_packed = [&](const auto& view) {
    const bool in_order = by_pixel ? view.channel == 1 && view.pixel == args.channels
                                   : view.pixel == 1 && (args.channels == 1 || view.channel == args.pixels);
    return view.data == nullptr || (in_order && is_aligned<T>(view, args.batch));
  };
  return {by_pixel, is_packed(args.x) && is_packed(args.y) && is_packed(args.prior) && is_packed(args.grad),
          !by_pixel && args.w.pixel == 1 && args.pixels % kPack<T> == 0 && is_aligned<T>(args.w, args.batch)};
}

template <class T>
void launch(const ContextLossArgs& args, cudaStream_t stream) {
  const Layout layout = layout_of<T>(args);
  const auto blocks = static_cast<unsigned>(args.batch);
  const unsigned threads = block_size((args.channels * args.pixels + kPack<T> - 1) / kPack<T>, kMaxThreads);
  with_norm(args.norm, [&](auto constant) {
    LAUNCH((context_loss_kernel<T, decltype(constant)::value>), blocks, threads, stream, args, layout);
  });
}

}  // namespace

int context_loss(Dtype dtype, const ContextLossArgs& args, void* stream) {
  // Elements are numbered in 32 bits, one stride of the whole block beyond the last included.
  constexpr int64_t kMaxElements = INT64_C(1) << 31;
  if (args.batch == 0) {
    return cudaSuccess;
  }
  if (args.batch > kMaxBlocks || args.channels * args.pixels > kMaxElements) {
    return cudaErrorInvalidValue;
  }
  return with_type(dtype, [&](auto zero) { launch<decltype(zero)>(args, static_cast<cudaStream_t>(stream)); });
}

}  // namespace inpaintx::cuda
