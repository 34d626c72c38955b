// The loops, for the instruction set INPAINTX_ISA. Nothing here may have external linkage outside its namespace, and no
// inline function of the standard library may be called: the linker would keep one copy for all instruction sets.
#include "loops.h"

#include "../math/loss.h"
#include "../math/step.h"
#include "../math/weight.h"

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

template <Norm norm, class T>
void context_norm(const ContextLossArgs& a, int64_t begin, int64_t end, double* sums) {
  (a.prior.data ? context_segments<norm, true, T> : context_segments<norm, false, T>)(a, begin, end, sums);
}

template <class T>
void context_dtype(const ContextLossArgs& a, int64_t begin, int64_t end, double* sums) {
  switch (a.norm) {
    case Norm::l1:
      return context_norm<Norm::l1, T>(a, begin, end, sums);
    case Norm::l2:
      return context_norm<Norm::l2, T>(a, begin, end, sums);
    case Norm::huber:
      return context_norm<Norm::huber, T>(a, begin, end, sums);
  }
}

void context_loss(Dtype dtype, const ContextLossArgs& a, int64_t begin, int64_t end, double* sums) {
  (dtype == Dtype::float64 ? context_dtype<double> : context_dtype<float>)(a, begin, end, sums);
}

template <Optimizer optimizer, Clip clip, class T>
void step_run(T* __restrict__ z, const T* __restrict__ grad, T* __restrict__ m, T* __restrict__ v, int64_t n,
              const math::StepScale<T>& s) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) {
    T next;
    if constexpr (optimizer == Optimizer::adam) {
      next = math::adam_element(z[i], grad[i], m[i], v[i], s);
    } else {
      next = math::nesterov_element(z[i], grad[i], m[i], s);
    }
    z[i] = clip == Clip::clamp ? math::clamped(next, s.bound) : next;
  }
}

// Neighbours that have done as many steps are one run: they share their scale, whose pow() is dear, and the loop's tail.
template <Optimizer optimizer, class T>
void step_samples(const LatentStepArgs& a, int64_t begin, int64_t end) {
  const Clip clip = a.options.clip;
  for (int64_t b = begin, next = begin; b < end; b = next) {
    const int64_t t = a.step[b] + 1;
    for (next = b; next < end && a.active[next] && a.step[next] + 1 == t; ++next) a.step[next] = t;
    if (next == b) {  // not active
      ++next;
      continue;
    }
    const math::StepScale<T> scale = math::step_scale<T>(a.options, t);
    T* z = static_cast<T*>(a.z) + b * a.nz;
    const T* grad = static_cast<const T*>(a.grad) + b * a.nz;
    T* m = static_cast<T*>(a.m) + b * a.nz;
    T* v = optimizer == Optimizer::adam ? static_cast<T*>(a.v) + b * a.nz : nullptr;
    const int64_t n = (next - b) * a.nz;
    (clip == Clip::clamp ? step_run<optimizer, Clip::clamp, T> : step_run<optimizer, Clip::none, T>)(z, grad, m, v, n,
                                                                                                     scale);
    if (clip == Clip::stochastic) {  // few elements leave the box, so a second pass beats hashing for all
      for (int64_t i = 0; i < n; ++i) z[i] = math::redrawn(z[i], scale.bound, a.seed[b + i / a.nz], t, i % a.nz);
    }
  }
}

template <class T>
void step_dtype(const LatentStepArgs& a, int64_t begin, int64_t end) {
  const bool adam = a.options.optimizer == Optimizer::adam;
  (adam ? step_samples<Optimizer::adam, T> : step_samples<Optimizer::nesterov, T>)(a, begin, end);
}

void latent_step(Dtype dtype, const LatentStepArgs& a, int64_t begin, int64_t end) {
  (dtype == Dtype::float64 ? step_dtype<double> : step_dtype<float>)(a, begin, end);
}

// The window as a running sum over rows, then as differences of a prefix sum along the row: O(pixels) for any window.
// The prefix sum is continued at both ends by the window's reach, so that no position is special.
template <class T>
void weight_sample(const T* __restrict__ mask, T* __restrict__ weight, const ContextWeightArgs& a,
                   int32_t* __restrict__ scratch) {
  const int64_t h = a.height, w = a.width, radius = a.window / 2, reach = reach_of(a);
  int32_t* __restrict__ column = scratch;              // holes in the window's rows, for each column
  int32_t* __restrict__ inside = scratch + w;          // columns of the window inside the image
  int32_t* __restrict__ prefix = scratch + 2 * w;      // w + 2 reach + 1 of them
  const auto add_row = [&](int64_t row, int32_t sign) {
    if (row < 0 || row >= h) return;
    const T* __restrict__ pixels = mask + row * w;
    for (int64_t x = 0; x < w; ++x) column[x] += math::is_known(pixels[x]) ? 0 : sign;
  };
  for (int64_t x = 0; x < w; ++x) {
    column[x] = 0;
    inside[x] = static_cast<int32_t>(math::inside_count(x, radius, w));
  }
  for (int64_t row = 0; row < radius && row < h; ++row) add_row(row, 1);
  for (int64_t x = 0; x <= reach; ++x) prefix[x] = 0;
  for (int64_t y = 0; y < h; ++y) {
    add_row(y + radius, 1);
    add_row(y - radius - 1, -1);
    int32_t sum = 0;
    for (int64_t x = 0; x < w; ++x) prefix[reach + 1 + x] = sum += column[x];
    for (int64_t x = 0; x < reach; ++x) prefix[reach + 1 + w + x] = sum;

    const auto rows = static_cast<int32_t>(math::inside_count(y, radius, h));
    const bool valid = a.border == Border::valid;
    const T whole = static_cast<T>(math::window_area(0, a.window, Border::zero));
    const T* __restrict__ pixels = mask + y * w;
    T* __restrict__ weights = weight + y * w;
    const int32_t* __restrict__ right = prefix + 2 * reach + 1;
    for (int64_t x = 0; x < w; ++x) {
      const T area = valid ? static_cast<T>(rows * inside[x]) : whole;
      weights[x] = math::hole_share(math::is_known(pixels[x]), right[x] - prefix[x], area);
    }
  }
}

template <class T>
void weight_dtype(const ContextWeightArgs& a, int64_t begin, int64_t end, int32_t* scratch) {
  for (int64_t b = begin; b < end; ++b) {
    const int64_t offset = b * a.height * a.width;
    weight_sample(static_cast<const T*>(a.mask) + offset, static_cast<T*>(a.weight) + offset, a, scratch);
  }
}

void context_weight(Dtype dtype, const ContextWeightArgs& a, int64_t begin, int64_t end, int32_t* scratch) {
  (dtype == Dtype::float64 ? weight_dtype<double> : weight_dtype<float>)(a, begin, end, scratch);
}

#define INPAINTX_TEXT_OF(a) #a
#define INPAINTX_TEXT(a) INPAINTX_TEXT_OF(a)

}  // namespace

const Loops loops = {INPAINTX_TEXT(INPAINTX_ISA), context_loss, latent_step, context_weight};

}  // namespace inpaintx::cpu::INPAINTX_ISA
