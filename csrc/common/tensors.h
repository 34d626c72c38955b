// What all operators need of torch: checks, and tensors made cheaply. Only this file, stream.h and each op's op.cpp
// know torch, and only its stable ABI, so that one binary serves every torch from 2.10. Errors start with the op's
// name: inpaintx/ops/face.py passes them on.
#pragma once

#include <torch/csrc/stable/library.h>
#include <torch/csrc/stable/ops.h>
#include <torch/csrc/stable/tensor.h>

#include <algorithm>
#include <stdexcept>
#include <string>
#include <vector>

#include "params.h"

namespace inpaintx {

using torch::headeronly::ScalarType;
using torch::stable::Tensor;

// Below this many elements for each thread, starting a thread costs more than it saves.
constexpr int64_t kElementsPerThread = 32768;

// As many samples of this size as make a thread worth its start.
inline int64_t samples_per_thread(int64_t size) {
  return std::max<int64_t>(1, kElementsPerThread / std::max<int64_t>(1, size));
}

// --- checks ----------------------------------------------------------------------------------------------------------

[[noreturn]] inline void fail(const char* op, const std::string& what) { throw std::runtime_error(op + (": " + what)); }

inline std::string shape_text(const Tensor& t) {
  std::string text = "[";
  for (int64_t i = 0; i < t.dim(); ++i) text += (i ? ", " : "") + std::to_string(t.size(i));
  return text + "]";
}

inline bool same_shape(const Tensor& a, const Tensor& b) {
  const auto s = a.sizes(), t = b.sizes();
  return s.size() == t.size() && std::equal(s.begin(), s.end(), t.begin());
}

inline void check_shape(const char* op, const char* name, const Tensor& t, const char* like_name, const Tensor& like) {
  if (same_shape(t, like)) return;
  fail(op, std::string(name) + " is " + shape_text(t) + " and " + like_name + " is " + shape_text(like) +
               "; they must have one shape");
}

inline void check_device(const char* op, const char* name, const Tensor& t, const char* like_name, const Tensor& like) {
  if (t.is_cuda() == like.is_cuda() && t.get_device_index() == like.get_device_index()) return;
  fail(op, std::string(name) + " and " + like_name + " are on different devices; move them to one");
}

inline void check_like(const char* op, const char* name, const Tensor& t, const char* like_name, const Tensor& like) {
  if (t.scalar_type() != like.scalar_type()) {
    fail(op, std::string(name) + " and " + like_name + " differ in dtype; convert one");
  }
  check_device(op, name, t, like_name, like);
}

inline void check_dtype(const char* op, const char* name, const Tensor& t, ScalarType dtype, const char* dtype_name) {
  if (t.scalar_type() != dtype) fail(op, std::string(name) + " must be " + dtype_name);
}

// Of a tensor with an element for each sample: [batch], of the given dtype.
inline void check_per_sample(const char* op, const char* name, const Tensor& t, ScalarType dtype,
                             const char* dtype_name, const Tensor& z) {
  check_dtype(op, name, t, dtype, dtype_name);
  if (t.dim() != 1 || t.size(0) != z.size(0)) {
    fail(op, std::string(name) + " is " + shape_text(t) + "; z is " + shape_text(z) + ", so it must be [" +
                 std::to_string(z.size(0)) + "]");
  }
  check_device(op, name, t, "z", z);
}

// A choice that comes as a number. Each enumeration of choices has a name_of beside it.
template <class Choice>
Choice checked_choice(const char* op, const char* name, int64_t value) {
  if (!name_of(static_cast<Choice>(value))) {
    fail(op, std::string(name) + " " + std::to_string(value) + " is unknown; see inpaintx.ops");
  }
  return static_cast<Choice>(value);
}

// What the kernels and the loops of the search compute in.
inline Dtype dtype_of(const char* op, const Tensor& t) {
  const ScalarType type = t.scalar_type();
  if (type == ScalarType::Float) return Dtype::float32;
  if (!t.is_cuda() && type == ScalarType::Double) return Dtype::float64;
  if (t.is_cuda() && type == ScalarType::Half) return Dtype::float16;
  if (t.is_cuda() && type == ScalarType::BFloat16) return Dtype::bfloat16;
  fail(op, "no native code for this dtype on this device; inpaintx.ops takes the reference for it");
}

// --- tensors ---------------------------------------------------------------------------------------------------------

// Uninitialised, dtype and device of `like`. Straight from the C shim: through the dispatcher it costs a microsecond.
inline Tensor empty(const Tensor& like, const std::vector<int64_t>& sizes, const int64_t* strides, int32_t dtype) {
  int32_t device_type = 0;
  STABLE_TORCH_ERROR_CODE_CHECK(aoti_torch_get_device_type(like.get(), &device_type));
  AtenTensorHandle handle = nullptr;
  STABLE_TORCH_ERROR_CODE_CHECK(aoti_torch_empty_strided(static_cast<int64_t>(sizes.size()), sizes.data(), strides,
                                                         dtype, device_type, like.get_device_index(), &handle));
  return Tensor(handle);
}

inline int32_t shim_dtype(const Tensor& t) {
  int32_t dtype = 0;
  STABLE_TORCH_ERROR_CODE_CHECK(aoti_torch_get_dtype(t.get(), &dtype));
  return dtype;
}

inline std::vector<int64_t> sizes_of(const Tensor& t) {
  const auto sizes = t.sizes();
  return {sizes.begin(), sizes.end()};
}

inline Tensor empty_contiguous(const Tensor& like) {
  const auto sizes = sizes_of(like);
  std::vector<int64_t> strides(sizes.size());
  int64_t step = 1;
  for (size_t i = sizes.size(); i > 0; --i) {
    strides[i - 1] = step;
    step *= std::max<int64_t>(sizes[i - 1], 1);
  }
  return empty(like, sizes, strides.data(), shim_dtype(like));
}

// The tensor itself where it is contiguous: to ask the dispatcher costs as much as the op.
inline Tensor packed(const Tensor& t) { return t.is_contiguous() ? t : torch::stable::contiguous(t); }

// What was done to the copy that `packed` made, if it made one.
inline void write_back(const Tensor& original, const Tensor& copy) {
  if (original.is_contiguous()) return;
  Tensor target = original;
  torch::stable::copy_(target, copy);
}

}  // namespace inpaintx
