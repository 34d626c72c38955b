// The layers for torch: schemas, checks, outputs, dispatch.
#include "op.h"

#include <optional>

#include "../../common/stream.h"
#include "arguments.h"

namespace inpaintx {
namespace {

// Below this many multiplications for each thread, starting a thread costs more than it saves.
constexpr int64_t kProductsPerThread = 1 << 20;

// --- gate_
// ------------------------------------------------------------------------------------------------------------

// Do the elements fill one piece of memory, in whatever order?
bool is_gapless(const Tensor& t) {
  std::vector<std::pair<int64_t, int64_t>> steps;
  for (int64_t i = 0; i < t.dim(); ++i) {
    if (t.size(i) != 1) steps.emplace_back(t.stride(i), t.size(i));
  }
  std::sort(steps.begin(), steps.end());
  int64_t reach = 1;
  for (const auto& [stride, size] : steps) {
    if (stride != reach) return false;
    reach *= size;
  }
  return true;
}

void gate_on_cpu(Dtype dtype, const GateArgs& args) {
  const auto loop = cpu::gate[cpu::isa_for(cpu::Bound::arithmetic)];
  torch::stable::parallel_for(0, args.n, kElementsPerThread,
                              [&](int64_t begin, int64_t end) { loop(dtype, args, begin, end); });
}

void gate_(const Tensor& x, const std::optional<Tensor>& gate, const std::optional<Tensor>& bias, double slope) {
  constexpr const char* op = "gate_";
  const Dtype dtype = layer_dtype(op, x);
  if (gate) {
    check_shape(op, "gate", *gate, "x", x);
    check_like(op, "gate", *gate, "x", x);
  }
  if (bias) {
    if (x.dim() < 2) fail(op, "x is " + shape_text(x) + "; with a bias it must be [B, F, ...]");
    check_bias(op, "bias", *bias, x.size(1), "x", x);
  }
  const int64_t n = x.numel();
  if (n == 0) return;
  const bool in_place = is_gapless(x), alike = in_place && (!gate || has_strides(*gate, x.strides()));
  const Tensor values = in_place ? x : torch::stable::contiguous(x);
  std::vector<Tensor> keep;
  GateArgs args{};
  args.values = values.data_ptr(), args.n = n, args.slope = slope;
  args.features = args.spacing = 1;
  if (gate && alike) args.gates = gate->data_ptr();
  if (gate && !alike) {
    Tensor gates = empty(values, sizes_of(values), values.strides().data(), shim_dtype(values));
    torch::stable::copy_(gates, *gate);
    args.gates = kept(gates, keep);
  }
  if (bias) {
    args.bias = kept(packed(*bias), keep);
    args.features = values.size(1);
    if (args.features > 1) args.spacing = values.stride(1);  // whatever the order, where nothing lies between
  }
  if (x.is_cuda()) {
    launch_on_device_of<cuda::gate>(x, op, dtype, args);
  } else {
    gate_on_cpu(dtype, args);
  }
  if (!in_place) {
    Tensor target = x;
    torch::stable::copy_(target, values);
  }
}

// --- image_down_, image_up
// ----------------------------------------------------------------------------------------------

// [F, C, k, k] as rows of `padded` columns, taps by features (down) or features by taps (up).
template <class T>
std::vector<T> packed_weights(const Tensor& weight, const ImageLayerArgs& a, bool down) {
  const Tensor dense = packed(weight);
  const T* from = static_cast<const T*>(dense.data_ptr());
  const int64_t taps = cpu::taps(a), columns = cpu::padded(down ? a.features : taps);
  std::vector<T> to((down ? taps : a.features) * columns);
  for (int64_t f = 0; f < a.features; ++f) {
    for (int64_t t = 0; t < taps; ++t) to[down ? t * columns + f : f * columns + t] = from[f * taps + t];
  }
  return to;
}

// Spreads the rows of the maps over the threads.
template <class T, class Loop>
void run_rows(Dtype dtype, ImageLayerArgs args, const Tensor& weight, bool down, Loop loop) {
  const std::vector<T> weights = packed_weights<T>(weight, args, down);
  args.weights = weights.data();
  const int64_t scratch_size = down ? cpu::down_scratch(args) : cpu::up_scratch(args);
  const int64_t products = std::max<int64_t>(1, args.width * args.features * cpu::taps(args));
  torch::stable::parallel_for(0, args.batch * args.height, std::max<int64_t>(1, kProductsPerThread / products),
                              [&](int64_t begin, int64_t end) {
                                std::vector<T> scratch(scratch_size);
                                loop(dtype, args, begin, end, scratch.data());
                              });
}

void run_on_cpu(Dtype dtype, const ImageLayerArgs& args, const Tensor& weight, bool down) {
  const auto loop = (down ? cpu::image_down : cpu::image_up)[cpu::isa_for(cpu::Bound::arithmetic)];
  if (dtype == Dtype::float64) {
    run_rows<double>(dtype, args, weight, down, loop);
  } else {
    run_rows<float>(dtype, args, weight, down, loop);
  }
}

template <auto launcher>
void run(const char* op, Dtype dtype, ImageLayerArgs args, const Tensor& weight, bool down) {
  if (!weight.is_cuda()) return run_on_cpu(dtype, args, weight, down);
  const Tensor dense = packed(weight);
  args.weights = dense.data_ptr();
  launch_on_device_of<launcher>(weight, op, dtype, args);
}

void image_down_(const Tensor& maps, const Tensor& image, const Tensor& weight, const std::optional<Tensor>& bias,
                 const std::optional<Tensor>& gate, const std::optional<Tensor>& gate_bias, double slope) {
  constexpr const char* op = "image_down_";
  const Dtype dtype = layer_dtype(op, maps);
  std::vector<Tensor> keep;
  ImageLayerArgs args = image_args(op, maps, weight, bias, gate, gate_bias, slope, true, keep);
  if (gate_bias && !gate) fail(op, "gate_bias needs a gate");
  check_computed(op, "image", image, "maps", maps);
  if (image.dim() != 4 || image.size(0) != args.batch || image.size(1) != args.channels ||
      image.size(2) != 2 * args.height || image.size(3) != 2 * args.width) {
    fail(op, "image is " + shape_text(image) + " and maps is " + shape_text(maps) + "; image must be [B, C, 2 H, 2 W]");
  }
  const bool in_place = is_channels_last(maps);
  const Tensor to = in_place ? maps : empty_channels_last(maps);
  args.maps = to.data_ptr();
  args.image = kept(packed(image), keep);
  run<cuda::image_down>(op, dtype, args, weight, true);
  if (!in_place) {
    Tensor target = maps;
    torch::stable::copy_(target, to);
  }
}

Tensor image_up(const Tensor& maps, const Tensor& weight, const std::optional<Tensor>& bias,
                const std::optional<Tensor>& gate, const std::optional<Tensor>& maps_bias, double slope) {
  constexpr const char* op = "image_up";
  const Dtype dtype = layer_dtype(op, maps);
  std::vector<Tensor> keep;
  ImageLayerArgs args = image_args(op, maps, weight, bias, gate, maps_bias, slope, false, keep);
  const int64_t h = 2 * args.height, w = 2 * args.width;
  const int64_t strides[] = {args.channels * h * w, h * w, w, 1};
  const Tensor image = empty(maps, {args.batch, args.channels, h, w}, strides, shim_dtype(weight));
  args.maps = kept(channels_last(maps), keep);
  args.image = image.data_ptr();
  run<cuda::image_up>(op, dtype, args, weight, false);
  return image;
}

}  // namespace
}  // namespace inpaintx

STABLE_TORCH_LIBRARY_FRAGMENT(inpaintx, m) {
  m.def("gate_(Tensor(a!) x, Tensor? gate, Tensor? bias, float slope) -> ()");
  m.def(
      "image_down_(Tensor(a!) maps, Tensor image, Tensor weight, Tensor? bias, Tensor? gate, Tensor? gate_bias, "
      "float slope) -> ()");
  m.def("image_up(Tensor maps, Tensor weight, Tensor? bias, Tensor? gate, Tensor? maps_bias, float slope) -> Tensor");
}

STABLE_TORCH_LIBRARY_IMPL(inpaintx, CPU, m) {
  m.impl("gate_", TORCH_BOX(&inpaintx::gate_));
  m.impl("image_down_", TORCH_BOX(&inpaintx::image_down_));
  m.impl("image_up", TORCH_BOX(&inpaintx::image_up));
}

STABLE_TORCH_LIBRARY_IMPL(inpaintx, CUDA, m) {
  m.impl("gate_", TORCH_BOX(&inpaintx::gate_));
  m.impl("image_down_", TORCH_BOX(&inpaintx::image_down_));
  m.impl("image_up", TORCH_BOX(&inpaintx::image_up));
}
