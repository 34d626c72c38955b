// What the tests of the kernels share: element types, made-up values, memory that is misaligned on purpose.
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <random>
#include <type_traits>
#include <vector>

#include "../../csrc/common/element.cuh"

namespace values {

using inpaintx::Dtype;

// The type in which an element type is computed.
template <class T>
using Computed = std::conditional_t<std::is_same_v<T, double>, double, float>;

template <class T>
Computed<T> number(T stored) {
  if constexpr (std::is_same_v<T, double>) {
    return stored;
  } else {
    return inpaintx::cuda::to_float(stored);
  }
}

template <class T>
T rounded(Computed<T> value) {
  if constexpr (std::is_same_v<T, double>) {
    return value;
  } else {
    T result;
    inpaintx::cuda::store(&result, value);
    return result;
  }
}

template <class T>
constexpr Dtype kDtype = Dtype::float32;
template <>
inline constexpr Dtype kDtype<double> = Dtype::float64;
template <>
inline constexpr Dtype kDtype<__half> = Dtype::float16;
template <>
inline constexpr Dtype kDtype<__nv_bfloat16> = Dtype::bfloat16;

// For the types of the CUDA kernels: runs test(float{}), test(__half{}), test(__nv_bfloat16{}).
template <class Test>
void for_each_type(Test test) {
  test(float{});
  test(__half{});
  test(__nv_bfloat16{});
}

template <class Test>
void for_each_order(Test test) {
  for (const shim::Order order : {shim::Order::forward, shim::Order::backward, shim::Order::shuffled}) {
    shim::set_order(order);
    test();
  }
  shim::set_order(shim::Order::forward);
}

inline float uniform(std::mt19937& random, float low, float high) {
  return low + (high - low) * static_cast<float>(random() >> 8) * 0x1p-24f;
}

template <class T>
bool same_bits(const T* a, const T* b, std::size_t count = 1) {
  return count == 0 || std::memcmp(a, b, count * sizeof(T)) == 0;
}

// Exactly `count` elements, the first of them `shift` elements beyond a 16-byte boundary: what lies past the end
// belongs to nobody, and AddressSanitizer says so.
template <class T>
class Buffer {
 public:
  Buffer(std::size_t count, std::size_t shift, T fill = T{})
      : memory_((count + shift) * sizeof(T)), count_(count), shift_(shift) {
    std::fill_n(data(), count, fill);
  }
  // operator new gives 16-byte boundaries, and so does a vector of char.
  T* data() { return reinterpret_cast<T*>(memory_.data()) + shift_; }
  const T* data() const { return reinterpret_cast<const T*>(memory_.data()) + shift_; }
  T& operator[](std::size_t i) { return data()[i]; }
  const T& operator[](std::size_t i) const { return data()[i]; }
  std::size_t size() const { return count_; }

  void fill_uniform(std::mt19937& random, float low, float high) {
    std::generate_n(data(), count_, [&] { return rounded<T>(uniform(random, low, high)); });
  }

 private:
  std::vector<unsigned char> memory_;
  std::size_t count_, shift_;
};

}  // namespace values
