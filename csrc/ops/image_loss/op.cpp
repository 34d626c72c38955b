// image_loss for torch: schema, checks, outputs, dispatch.
#include "op.h"

#include <optional>
#include <tuple>

#include "../../common/stream.h"
#include "../layers/arguments.h"

namespace inpaintx {
namespace {

using torch::stable::detail::from;
using torch::stable::detail::to;

// Calls an op by its name; the results are on the stack then.
template <size_t size>
void call(const char* op, std::array<StableIValue, size>& stack) {
  STABLE_TORCH_ERROR_CODE_CHECK(torch_call_dispatcher(op, "", stack.data(), TORCH_ABI_VERSION));
}

std::tuple<Tensor, Tensor> image_loss_cpu(const Tensor& maps, const Tensor& weight, const std::optional<Tensor>& bias,
                                          const std::optional<Tensor>& maps_bias, const Tensor& y, const Tensor& w,
                                          int64_t norm, double delta) {
  const std::optional<Tensor> none;
  std::array<StableIValue, 6> up{from(maps), from(weight), from(bias), from(none), from(maps_bias), from(0.0)};
  call("inpaintx::image_up", up);
  std::array<StableIValue, 1> tanh{up[0]};
  call("aten::tanh_", tanh);
  std::array<StableIValue, 6> loss{tanh[0], from(y), from(w), from(none), from(norm), from(delta)};
  call("inpaintx::context_loss", loss);
  return {torch::stable::unsqueeze(to<Tensor>(loss[0]), 1), to<Tensor>(loss[1])};
}

std::tuple<Tensor, Tensor> image_loss(const Tensor& maps, const Tensor& weight, const std::optional<Tensor>& bias,
                                      const std::optional<Tensor>& maps_bias, const Tensor& y, const Tensor& w,
                                      int64_t norm, double delta) {
  constexpr const char* op = "image_loss";
  const Dtype dtype = layer_dtype(op, maps);
  std::vector<Tensor> keep;
  ImageLossArgs args{};
  args.layer = image_args(op, maps, weight, bias, std::nullopt, maps_bias, 0.0, false, keep);
  args.norm = checked_choice<Norm>(op, "norm", norm), args.delta = delta;
  const auto& a = args.layer;
  const int64_t height = 2 * a.height, width = 2 * a.width;
  const auto check_image = [&](const char* name, const Tensor& t, int64_t channels) {
    if (t.dim() != 4 || t.size(0) != a.batch || t.size(1) != channels || t.size(2) != height || t.size(3) != width) {
      fail(op, std::string(name) + " is " + shape_text(t) + " and maps is " + shape_text(maps) + "; " + name +
                   " must be [B, " + std::to_string(channels) + ", 2 H, 2 W]");
    }
    check_computed(op, name, t, "maps", maps);
  };
  check_image("y", y, a.channels);
  check_image("w", w, 1);
  if (!weight.is_cuda()) return image_loss_cpu(maps, weight, bias, maps_bias, y, w, norm, delta);

  const int64_t strides[] = {a.channels * height * width, height * width, width, 1};
  const int64_t parts = cuda::up_parts(a), of_parts[] = {parts, 1};
  const Tensor grad = empty(weight, {a.batch, a.channels, height, width}, strides, shim_dtype(weight));
  const Tensor loss = empty(weight, {a.batch, parts}, of_parts, shim_dtype(weight));
  const Tensor dense = packed(weight);
  args.layer.maps = kept(channels_last(maps), keep);
  args.layer.weights = dense.data_ptr();
  args.layer.image = grad.data_ptr();
  args.y = kept(packed(y), keep);
  args.w = kept(packed(w), keep);
  args.loss = loss.data_ptr();
  launch_on_device_of<cuda::image_loss>(weight, op, dtype, args);
  return {loss, grad};
}

}  // namespace
}  // namespace inpaintx

STABLE_TORCH_LIBRARY_FRAGMENT(inpaintx, m) {
  m.def(
      "image_loss(Tensor maps, Tensor weight, Tensor? bias, Tensor? maps_bias, Tensor y, Tensor w, int norm, "
      "float delta) -> (Tensor loss, Tensor grad)");
}

STABLE_TORCH_LIBRARY_IMPL(inpaintx, CPU, m) { m.impl("image_loss", TORCH_BOX(&inpaintx::image_loss)); }

STABLE_TORCH_LIBRARY_IMPL(inpaintx, CUDA, m) { m.impl("image_loss", TORCH_BOX(&inpaintx::image_loss)); }
