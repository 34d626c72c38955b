// The layers' CPU loops, for the instruction set INPAINTX_ISA; common/isa.h says what must not stand here.
#include "math.h"
#include "op.h"

namespace inpaintx::cpu::INPAINTX_ISA {
namespace {

#if defined(__AVX512F__)
constexpr int kVectorBytes = 64, kRows = 8;  // 32 registers: 8 x 3 sums
#elif defined(__AVX2__)
constexpr int kVectorBytes = 32, kRows = 4;  // 16 registers: 4 x 3 sums
#else
constexpr int kVectorBytes = 16, kRows = 4;
#endif

template <class T>
struct Vector {
  typedef T type __attribute__((vector_size(kVectorBytes)));
  typedef T unaligned __attribute__((vector_size(kVectorBytes), aligned(alignof(T)), may_alias));
  static constexpr int lanes = kVectorBytes / sizeof(T);
};

// A matrix whose elements are read one by one: row r, column l * steps + s is data[r * row + l * line + s].
template <class T>
struct Operand {
  const T* data;
  int64_t row;
  int64_t lines;
  int64_t line;
  int64_t steps;
};

// `rows` rows by `vectors` vectors of a times weights, the sums in registers all the while.
template <int rows, int vectors, class T>
void tile(const Operand<T>& a, const T* weights, int64_t columns, T* out) {
  using V = typename Vector<T>::type;
  using Unaligned = typename Vector<T>::unaligned;
  V sums[rows][vectors] = {};
  for (int64_t l = 0; l < a.lines; ++l) {
    const T* from = a.data + l * a.line;
    for (int64_t s = 0; s < a.steps; ++s, weights += columns) {
      V w[vectors];
#pragma GCC unroll 8
      for (int v = 0; v < vectors; ++v) w[v] = *reinterpret_cast<const Unaligned*>(weights + v * Vector<T>::lanes);
#pragma GCC unroll 8
      for (int r = 0; r < rows; ++r) {
        const T element = from[r * a.row + s];
#pragma GCC unroll 8
        for (int v = 0; v < vectors; ++v) sums[r][v] += element * w[v];
      }
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < rows; ++r) {
#pragma GCC unroll 8
    for (int v = 0; v < vectors; ++v) {
      *reinterpret_cast<Unaligned*>(out + r * columns + v * Vector<T>::lanes) = sums[r][v];
    }
  }
}

template <int rows, class T>
void tiles(const Operand<T>& a, const T* weights, int64_t columns, T* out) {
  constexpr int lanes = Vector<T>::lanes;
  for (int64_t left = columns / lanes; left > 0;) {
    const int vectors = left == 3 || left > 4 ? 3 : left >= 2 ? 2 : 1;  // four are better halved than left with one
    (vectors == 3 ? tile<rows, 3, T> : vectors == 2 ? tile<rows, 2, T> : tile<rows, 1, T>)(a, weights, columns, out);
    left -= vectors, weights += vectors * lanes, out += vectors * lanes;
  }
}

// out, [count, columns], = a [count, lines * steps] times weights [lines * steps, columns].
template <class T>
void product(Operand<T> a, int64_t count, const T* weights, int64_t columns, T* out) {
  int64_t row = 0;
  for (; row + kRows <= count; row += kRows, a.data += kRows * a.row) {
    tiles<kRows>(a, weights, columns, out + row * columns);
  }
  for (; row < count; ++row, a.data += a.row) tiles<1>(a, weights, columns, out + row * columns);
}

template <class S, class T>
void gate_elements(S* values, const S* gate, int64_t n, T slope) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) {
    math::store(values + i, math::gated<T>(math::widened(values[i]), math::widened(gate[i]), slope));
  }
}

// Each value with its bias: that of the first one for all of them, or one each.
template <bool one_each, class S, class T>
void gate_biased(S* values, const S* gate, const T* bias, int64_t n, T slope) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) {
    const T value = math::widened(values[i]) + bias[one_each ? i : 0];
    math::store(values + i, math::gated<T>(value, gate ? math::widened(gate[i]) : value, slope));
  }
}

template <class S, class T>
void gate_range(const GateArgs& a, int64_t begin, int64_t end) {
  S* values = static_cast<S*>(a.values);
  const S* gates = static_cast<const S*>(a.gates ? a.gates : a.values);
  const T* bias = static_cast<const T*>(a.bias);
  const T slope = static_cast<T>(a.slope);
  if (!bias) return gate_elements(values + begin, gates + begin, end - begin, slope);
  const int64_t period = a.spacing == 1 ? a.features : a.spacing;  // a run ends with it, or with the range
  for (int64_t i = begin, next = begin; i < end; i = next) {
    next = i + period - i % period < end ? i + period - i % period : end;
    const S* gate = a.gates ? gates + i : nullptr;
    const T* first = bias + i / a.spacing % a.features;
    (a.spacing == 1 ? gate_biased<true, S, T> : gate_biased<false, S, T>)(values + i, gate, first, next - i, slope);
  }
}

// Row 2 i - padding + u of the image for each channel and u, with its padding: [channels, kernel, line_length].
template <class T>
void copy_lines(const ImageLayerArgs& a, int64_t sample, int64_t i, T* lines) {
  const int64_t padding = (a.kernel - 1) / 2, length = line_length(a), height = 2 * a.height, width = 2 * a.width;
  for (int64_t c = 0; c < a.channels; ++c) {
    for (int64_t u = 0; u < a.kernel; ++u, lines += length) {
      const int64_t y = 2 * i - padding + u;
      const bool inside = y >= 0 && y < height;
      const T* image = static_cast<const T*>(a.image) + ((sample * a.channels + c) * height + (inside ? y : 0)) * width;
      for (int64_t x = 0; x < padding; ++x) lines[x] = 0;
      for (int64_t x = 0; x < width; ++x) lines[padding + x] = inside ? image[x] : T(0);
      for (int64_t x = padding + width; x < length; ++x) lines[x] = 0;
    }
  }
}

template <class S, class T>
void down_rows(const ImageLayerArgs& a, int64_t begin, int64_t end, void* scratch) {
  T* sums = static_cast<T*>(scratch);
  T* lines = sums + a.width * padded(a.features);
  const T* bias = static_cast<const T*>(a.bias);
  const T* gate_bias = static_cast<const T*>(a.maps_bias);
  const T slope = static_cast<T>(a.slope);
  const int64_t columns = padded(a.features);
  for (int64_t row = begin; row < end; ++row) {
    copy_lines(a, row / a.height, row % a.height, lines);
    product<T>({lines, 2, a.channels * a.kernel, line_length(a), a.kernel}, a.width, static_cast<const T*>(a.weights),
               columns, sums);
    for (int64_t j = 0; j < a.width; ++j) {
      const int64_t pixel = (row * a.width + j) * a.features;
      S* maps = static_cast<S*>(a.maps) + pixel;
      const S* gate = a.gate ? static_cast<const S*>(a.gate) + pixel : nullptr;
      const T* sum = sums + j * columns;
#pragma omp simd
      for (int64_t f = 0; f < a.features; ++f) {
        const T value = sum[f] + (bias ? bias[f] : T(0));
        const T open = gate ? math::widened(gate[f]) + (gate_bias ? gate_bias[f] : T(0)) : value;
        math::store(maps + f, math::gated<T>(value, open, slope));
      }
    }
  }
}

// A row of the maps, gated, as T: in place where nothing is to be done, else in the buffer.
template <class S, class T>
const T* map_row(const ImageLayerArgs& a, int64_t row, T* buffer) {
  const int64_t n = a.width * a.features;
  const S* maps = static_cast<const S*>(a.maps) + row * n;
  if constexpr (sizeof(S) == sizeof(T)) {
    if (!a.gate && !a.maps_bias) return maps;
  }
  const S* gate = a.gate ? static_cast<const S*>(a.gate) + row * n : nullptr;
  const T slope = static_cast<T>(a.slope);
  if (const T* bias = static_cast<const T*>(a.maps_bias)) {
    for (int64_t pixel = 0; pixel < n; pixel += a.features) {
#pragma omp simd
      for (int64_t f = 0; f < a.features; ++f) {
        const T value = math::widened(maps[pixel + f]) + bias[f];
        buffer[pixel + f] = math::gated<T>(value, gate ? math::widened(gate[pixel + f]) : value, slope);
      }
    }
    return buffer;
  }
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) {
    const T value = math::widened(maps[i]);
    buffer[i] = gate ? math::gated<T>(value, math::widened(gate[i]), slope) : value;
  }
  return buffer;
}

// Row 2 i + y of the image is what the taps of the rows i - 1, i, i + 1 of the maps add to it. Tap u of row r lands in
// row 2 r - padding + u; so u = y + padding + 2 for r = i - 1, 2 less for each row further. Columns likewise.
template <int kernel, int y, class T>
void fold_row(const ImageLayerArgs& a, const T* const (&rows)[3], int64_t channel, T bias, T* out) {
  constexpr int padding = (kernel - 1) / 2;
  const int64_t columns = padded(taps(a));
  for (int64_t j = 0; j < a.width; ++j) {
    T sums[2] = {bias, bias};
#pragma GCC unroll 3
    for (int r = 0; r < 3; ++r) {
      const int u = y + padding + 2 - 2 * r;
      if (u < 0 || u >= kernel) continue;
      const T* from = rows[r] + j * columns + (channel * kernel + u) * kernel;
#pragma GCC unroll 3
      for (int c = 0; c < 3; ++c, from += columns) {
#pragma GCC unroll 2
        for (int x = 0; x < 2; ++x) {
          const int v = x + padding + 2 - 2 * c;
          if (v >= 0 && v < kernel) sums[x] += from[v];
        }
      }
    }
    out[2 * j] = sums[0];
    out[2 * j + 1] = sums[1];
  }
}

// What each tap makes of each pixel of a row, in a ring of three rows with a pixel of zeros at both ends; then each row
// of the image is gathered from it.
template <int kernel, class S, class T>
void up_rows(const ImageLayerArgs& a, int64_t begin, int64_t end, void* scratch) {
  const int64_t columns = padded(taps(a)), row_size = (a.width + 2) * columns;
  T* ring = static_cast<T*>(scratch);
  T* buffer = ring + 3 * row_size;
  const T* bias = static_cast<const T*>(a.bias);
  for (int64_t i = 0; i < 3 * row_size; ++i) ring[i] = 0;
  const auto ring_row = [&](int64_t i) { return ring + (i + 3) % 3 * row_size; };
  const auto fill = [&](int64_t sample, int64_t i) {
    T* to = ring_row(i) + columns;
    if (i >= 0 && i < a.height) {
      const T* row = map_row<S, T>(a, sample * a.height + i, buffer);
      product<T>({row, a.features, 1, 0, a.features}, a.width, static_cast<const T*>(a.weights), columns, to);
    } else {
      for (int64_t t = 0; t < a.width * columns; ++t) to[t] = 0;
    }
  };
  for (int64_t row = begin; row < end; ++row) {
    const int64_t sample = row / a.height, i = row % a.height;
    if (row == begin || i == 0) {
      fill(sample, i - 1);
      fill(sample, i);
    }
    fill(sample, i + 1);
    const T* const rows[3] = {ring_row(i - 1), ring_row(i), ring_row(i + 1)};
    for (int64_t c = 0; c < a.channels; ++c) {
      T* out = static_cast<T*>(a.image) + ((sample * a.channels + c) * a.height + i) * 4 * a.width;
      fold_row<kernel, 0>(a, rows, c, bias ? bias[c] : T(0), out);
      fold_row<kernel, 1>(a, rows, c, bias ? bias[c] : T(0), out + 2 * a.width);
    }
  }
}

template <int kernel>
void up_dtype(Dtype dtype, const ImageLayerArgs& a, int64_t begin, int64_t end, void* scratch) {
  switch (dtype) {
    case Dtype::float64:
      return up_rows<kernel, double, double>(a, begin, end, scratch);
    case Dtype::bfloat16:
      return up_rows<kernel, math::bfloat16, float>(a, begin, end, scratch);
    case Dtype::float32:
      return up_rows<kernel, float, float>(a, begin, end, scratch);
    case Dtype::float16:
      break;  // op.cpp lets none through
  }
}

}  // namespace

void gate(Dtype dtype, const GateArgs& a, int64_t begin, int64_t end) {
  switch (dtype) {
    case Dtype::float64:
      return gate_range<double, double>(a, begin, end);
    case Dtype::bfloat16:
      return gate_range<math::bfloat16, float>(a, begin, end);
    case Dtype::float32:
      return gate_range<float, float>(a, begin, end);
    case Dtype::float16:
      break;  // op.cpp lets none through
  }
}

void image_down(Dtype dtype, const ImageLayerArgs& a, int64_t begin, int64_t end, void* scratch) {
  switch (dtype) {
    case Dtype::float64:
      return down_rows<double, double>(a, begin, end, scratch);
    case Dtype::bfloat16:
      return down_rows<math::bfloat16, float>(a, begin, end, scratch);
    case Dtype::float32:
      return down_rows<float, float>(a, begin, end, scratch);
    case Dtype::float16:
      break;  // op.cpp lets none through
  }
}

void image_up(Dtype dtype, const ImageLayerArgs& a, int64_t begin, int64_t end, void* scratch) {
  (a.kernel == 4 ? up_dtype<4> : up_dtype<5>)(dtype, a, begin, end, scratch);
}

}  // namespace inpaintx::cpu::INPAINTX_ISA
