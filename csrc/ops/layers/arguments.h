// What the layers' op.cpp and image_loss's ask of their tensors, and how these come to be arguments.
#pragma once

#include <array>
#include <optional>

#include "../../common/tensors.h"
#include "op.h"

namespace inpaintx {

// Beside what the loops of the search compute in, bfloat16 on the CPU, too, in which feature maps are stored there.
inline Dtype layer_dtype(const char* op, const Tensor& t) {
  return t.scalar_type() == ScalarType::BFloat16 ? Dtype::bfloat16 : dtype_of(op, t);
}

// The memory of a tensor that lives as long as `keep`.
inline void* kept(const Tensor& t, std::vector<Tensor>& keep) {
  keep.push_back(t);
  return t.data_ptr();
}

// Does walking the tensor take these steps? Of a dimension of one element the step is free.
template <class Strides>
bool has_strides(const Tensor& t, const Strides& strides) {
  for (int64_t i = 0; i < t.dim(); ++i) {
    if (t.size(i) > 1 && t.stride(i) != strides[i]) return false;
  }
  return true;
}

// The dtype that image, weights and biases have beside these maps or values.
inline ScalarType computed_type(const Tensor& maps) {
  return maps.scalar_type() == ScalarType::Double ? ScalarType::Double : ScalarType::Float;
}

inline void check_computed(const char* op, const char* name, const Tensor& t, const char* like_name,
                           const Tensor& like) {
  const ScalarType wanted = computed_type(like);
  if (t.scalar_type() != wanted) {
    fail(op, std::string(name) + " must be " + (wanted == ScalarType::Double ? "float64" : "float32") + " beside " +
                 like_name + " of this dtype");
  }
  check_device(op, name, t, like_name, like);
}

inline void check_bias(const char* op, const char* name, const Tensor& bias, int64_t count, const char* like_name,
                       const Tensor& like) {
  if (bias.dim() != 1 || bias.size(0) != count) {
    fail(op, name + (" is " + shape_text(bias)) + "; it must be [" + std::to_string(count) + "]");
  }
  check_computed(op, name, bias, like_name, like);
}

inline std::array<int64_t, 4> channels_last_strides(const Tensor& t) {
  const int64_t c = t.size(1), h = t.size(2), w = t.size(3);
  return {h * w * c, 1, w * c, c};
}

inline Tensor empty_channels_last(const Tensor& like) {
  return empty(like, sizes_of(like), channels_last_strides(like).data(), shim_dtype(like));
}

inline bool is_channels_last(const Tensor& t) { return has_strides(t, channels_last_strides(t)); }

inline Tensor channels_last(const Tensor& t) {
  if (is_channels_last(t)) return t;
  Tensor copy = empty_channels_last(t);
  torch::stable::copy_(copy, t);
  return copy;
}

// What both directions share, with bias and gate in place, checked.
inline ImageLayerArgs image_args(const char* op, const Tensor& maps, const Tensor& weight,
                                 const std::optional<Tensor>& bias, const std::optional<Tensor>& gate,
                                 const std::optional<Tensor>& maps_bias, double slope, bool down,
                                 std::vector<Tensor>& keep) {
  if (maps.dim() != 4) fail(op, "maps is " + shape_text(maps) + "; it must be [B, F, H, W]");
  if (weight.dim() != 4 || weight.size(0) != maps.size(1) || weight.size(2) != weight.size(3) ||
      (weight.size(2) != 4 && weight.size(2) != 5)) {
    fail(op, "weight is " + shape_text(weight) + " and maps is " + shape_text(maps) +
                 "; weight must be [F, C, k, k], with k = 4 or 5");
  }
  check_computed(op, "weight", weight, "maps", maps);
  ImageLayerArgs args{};
  args.batch = maps.size(0), args.features = maps.size(1), args.height = maps.size(2), args.width = maps.size(3);
  args.channels = weight.size(1), args.kernel = weight.size(2), args.slope = slope;
  if (bias) {
    check_bias(op, "bias", *bias, down ? args.features : args.channels, "maps", maps);
    args.bias = kept(packed(*bias), keep);
  }
  if (gate) {
    check_shape(op, "gate", *gate, "maps", maps);
    check_like(op, "gate", *gate, "maps", maps);
    args.gate = kept(channels_last(*gate), keep);
  }
  if (maps_bias) {
    check_bias(op, down ? "gate_bias" : "maps_bias", *maps_bias, args.features, "maps", maps);
    args.maps_bias = kept(packed(*maps_bias), keep);
  }
  return args;
}

}  // namespace inpaintx
