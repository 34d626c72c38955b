// The CPU loop of context_loss, for the instruction set INPAINTX_ISA; common/isa.h says what must not stand here.
#include "math.h"
#include "op.h"

namespace inpaintx::cpu::INPAINTX_ISA {
namespace {

// n elements of an operand, from position start of a row, contiguous: in place where they lie so, else in the buffer.
template <class T>
const T* gathered(const View<const void*>& view, const Walk& walk, int64_t channels, int64_t sample, int64_t row,
                  int64_t start, int64_t n, T* buffer) {
  const T* data = static_cast<const T*>(view.data) + sample * view.batch;
  if (!walk.interleaved) {
    data += row * view.channel;
    if (view.pixel == 1) return data + start;
    for (int64_t i = 0; i < n; ++i) buffer[i] = data[(start + i) * view.pixel];
    return buffer;
  }
  if (view.channel == 1 && view.pixel == channels) return data + start;
  if (channels == 3) {  // the weight beside an RGB image: kChunk is a multiple of 3, so a chunk holds whole pixels
    for (int64_t p = 0; p < n / 3; ++p) {
      for (int64_t c = 0; c < 3; ++c) buffer[3 * p + c] = data[(start / 3 + p) * view.pixel + c * view.channel];
    }
    return buffer;
  }
  int64_t pixel = start / channels, channel = start % channels;
  for (int64_t i = 0; i < n; ++i) {
    buffer[i] = data[pixel * view.pixel + channel * view.channel];
    if (++channel == channels) {
      channel = 0;
      ++pixel;
    }
  }
  return buffer;
}

template <Norm norm, bool has_prior, class T>
T context_chunk(const T* __restrict__ x, const T* __restrict__ y, const T* __restrict__ w, const T* __restrict__ prior,
                T* __restrict__ grad, int64_t n, T delta) {
  T sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < n; ++i) {
    const auto e = math::context_element<norm>(x[i], y[i], w[i], has_prior ? prior[i] : T(0), delta);
    sum += e.loss;
    grad[i] = e.grad;
  }
  return sum;
}

template <Norm norm, bool has_prior, class T>
void context_segments(const ContextLossArgs& a, int64_t begin, int64_t end, double* sums) {
  const Walk walk = walk_of(a);
  const T delta = static_cast<T>(a.delta);
  T buffers[4][kChunk];
  for (int64_t segment = begin; segment < end; ++segment) {
    const int64_t sample = segment / walk.segments;
    const int64_t first = segment % walk.segments * kChunksPerSegment;
    const int64_t last = first + kChunksPerSegment < walk.chunks ? first + kChunksPerSegment : walk.chunks;
    double sum = 0;
    for (int64_t chunk = first; chunk < last; ++chunk) {
      const int64_t row = chunk / walk.chunks_per_row;
      const int64_t start = chunk % walk.chunks_per_row * kChunk;
      const int64_t n = start + kChunk < walk.length ? kChunk : walk.length - start;
      const auto operand = [&](const View<const void*>& view, T* buffer) {
        return gathered<T>(view, walk, a.channels, sample, row, start, n, buffer);
      };
      T* grad = static_cast<T*>(a.grad.data) + sample * a.grad.batch + row * a.grad.channel + start;
      sum += context_chunk<norm, has_prior, T>(operand(a.x, buffers[0]), operand(a.y, buffers[1]),
                                               operand(a.w, buffers[2]),
                                               has_prior ? operand(a.prior, buffers[3]) : nullptr, grad, n, delta);
    }
    sums[segment] = sum;
  }
}

template <class T>
void context_dtype(const ContextLossArgs& a, int64_t begin, int64_t end, double* sums) {
  with_norm(a.norm, [&](auto constant) {
    constexpr Norm norm = decltype(constant)::value;
    (a.prior.data ? context_segments<norm, true, T> : context_segments<norm, false, T>)(a, begin, end, sums);
  });
}

}  // namespace

void context_loss(Dtype dtype, const ContextLossArgs& a, int64_t begin, int64_t end, double* sums) {
  (dtype == Dtype::float64 ? context_dtype<double> : context_dtype<float>)(a, begin, end, sums);
}

}  // namespace inpaintx::cpu::INPAINTX_ISA
