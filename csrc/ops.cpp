// The operators of the search: schemas, checks, outputs, dispatch. Only this file, layer_ops.cpp and tensors.h know torch,
// and only its stable ABI, so that one binary serves every torch from 2.10.
#include <optional>
#include <tuple>

#include "cpu/layers.h"
#include "cpu/loops.h"
#include "cuda/launchers.h"
#include "tensors.h"

// Only a CUDA torch has it.
extern "C" __attribute__((weak)) AOTITorchError aoti_torch_get_current_cuda_stream(int32_t device, void** stream);

namespace inpaintx {
namespace {

// --- checks -----------------------------------------------------------------------------------------------------------

// A per-sample tensor: [batch], of the given dtype.
void check_per_sample(const char* op, const char* name, const Tensor& t, ScalarType dtype, const char* dtype_name,
                      const Tensor& z) {
  if (t.scalar_type() != dtype) fail(op, std::string(name) + " must be " + dtype_name);
  if (t.dim() != 1 || t.size(0) != z.size(0)) {
    fail(op, std::string(name) + " is " + shape_text(t) + "; z is " + shape_text(z) + ", so it must be [" +
                 std::to_string(z.size(0)) + "]");
  }
  check_device(op, name, t, "z", z);
}

template <class Enum>
Enum checked_enum(const char* op, const char* name, int64_t value, Enum last) {
  if (value < 0 || value > static_cast<int64_t>(last)) {
    fail(op, std::string(name) + " " + std::to_string(value) + " is unknown; see inpaintx.ops");
  }
  return static_cast<Enum>(value);
}

Dtype dtype_of(const char* op, const Tensor& t) {
  const ScalarType type = t.scalar_type();
  if (type == ScalarType::Float) return Dtype::float32;
  if (!t.is_cuda() && type == ScalarType::Double) return Dtype::float64;
  if (t.is_cuda() && type == ScalarType::Half) return Dtype::float16;
  if (t.is_cuda() && type == ScalarType::BFloat16) return Dtype::bfloat16;
  fail(op, "no native code for this dtype on this device; inpaintx.ops takes the reference for it");
}

// --- views ------------------------------------------------------------------------------------------------------------

// [B, C, H, W] as [B, C, pixels], where the pixels are evenly spaced: so in either memory format, and in slices of
// batch or channels. With one pixel, its spacing is free, and is said so that it reads as channels last.
std::optional<View<void*>> view_of(const Tensor& t) {
  const auto n = t.sizes(), s = t.strides();
  if (n[2] > 1 && n[3] > 1 && s[2] != n[3] * s[3]) return std::nullopt;
  const int64_t pixel = n[3] > 1 ? s[3] : n[2] > 1 ? s[2] : n[1];
  return View<void*>{t.data_ptr(), s[0], s[1], pixel};
}

// Does [B, C, pixels] lie in memory without gaps, in one of the two memory formats?
bool is_dense(const View<const void*>& v, int64_t batch, int64_t channels, int64_t pixels) {
  const bool planar = v.pixel == 1 && (channels == 1 || v.channel == pixels);
  const bool interleaved = v.pixel == channels && v.channel == 1;
  return (planar || interleaved) && (batch == 1 || v.batch == channels * pixels) && batch * channels * pixels > 0;
}

// The view of an input, of a contiguous copy (kept alive by `keep`) where it has none itself.
View<const void*> input_view(const Tensor& t, std::vector<Tensor>& keep) {
  auto view = view_of(t);
  if (!view) {
    keep.push_back(torch::stable::contiguous(t));
    view = view_of(keep.back());
  }
  return {view->data, view->batch, view->channel, view->pixel};
}

// Calls `launch` with the stream that is current on the tensor's device.
template <class Launch>
void on_stream(const char* op, const Tensor& t, Launch launch) {
  if (!aoti_torch_get_current_cuda_stream) fail(op, "this torch has no CUDA");
  const torch::stable::accelerator::DeviceGuard guard(t.get_device_index());
  void* stream = nullptr;
  STABLE_TORCH_ERROR_CODE_CHECK(aoti_torch_get_current_cuda_stream(t.get_device_index(), &stream));
  if (const int error = launch(stream)) fail(op, std::string("CUDA: ") + inpaintx_cuda_error_text(error));
}

// --- context_loss ----------------------------------------------------------------------------------------------------

// Each segment's sum is written down and folded in order: the loss does not depend on the number of threads.
template <class Loss>
void context_loss_cpu(Dtype dtype, const ContextLossArgs& args) {
  const int64_t segments = cpu::walk_of(args).segments;
  std::vector<double> sums(args.batch * segments);
  const int64_t elements = segments ? (args.channels * args.pixels + segments - 1) / segments : 1;
  torch::stable::parallel_for(0, args.batch * segments, std::max<int64_t>(1, kElementsPerThread / elements),
                              [&](int64_t begin, int64_t end) {
                                cpu::loops().context_loss(dtype, args, begin, end, sums.data());
                              });
  for (int64_t b = 0; b < args.batch; ++b) {
    double loss = 0;
    for (int64_t s = 0; s < segments; ++s) loss += sums[b * segments + s];
    static_cast<Loss*>(args.loss)[b] = static_cast<Loss>(loss);
  }
}

std::tuple<Tensor, Tensor> context_loss(const Tensor& x, const Tensor& y, const Tensor& w,
                                        const std::optional<Tensor>& prior_grad, int64_t norm, double delta) {
  constexpr const char* op = "context_loss";
  if (x.dim() != 4) fail(op, "x is " + shape_text(x) + "; it must be [B, C, H, W]");
  check_shape(op, "y", y, "x", x);
  check_like(op, "y", y, "x", x);
  if (w.dim() != 4 || w.size(0) != x.size(0) || w.size(1) != 1 || w.size(2) != x.size(2) || w.size(3) != x.size(3)) {
    fail(op, "w is " + shape_text(w) + " and x is " + shape_text(x) + "; w must be [B, 1, H, W]");
  }
  check_like(op, "w", w, "x", x);
  if (prior_grad) {
    check_shape(op, "prior_grad", *prior_grad, "x", x);
    check_like(op, "prior_grad", *prior_grad, "x", x);
  }
  const Dtype dtype = dtype_of(op, x);
  ContextLossArgs args{};
  args.norm = checked_enum(op, "norm", norm, Norm::huber);
  args.delta = delta;
  args.batch = x.size(0);
  args.channels = x.size(1);
  args.pixels = x.size(2) * x.size(3);

  std::vector<Tensor> keep;
  args.x = input_view(x, keep);
  args.y = input_view(y, keep);
  args.w = input_view(w, keep);
  args.w.channel = 0;
  if (prior_grad) args.prior = input_view(*prior_grad, keep);

  // grad has x's strides where x is dense; where the loops can't walk those, they fill a contiguous one first.
  const bool dense = is_dense(args.x, args.batch, args.channels, args.pixels);
  const Tensor grad = dense ? empty(x, sizes_of(x), x.strides().data(), shim_dtype(x)) : torch::stable::empty_like(x);
  Tensor walked = grad;
  auto grad_view = view_of(grad);
  const bool last = grad_view && args.channels > 1 && grad_view->channel == 1 && grad_view->pixel == args.channels;
  if (!grad_view || (grad_view->pixel != 1 && !last)) {
    walked = empty_contiguous(grad);
    grad_view = view_of(walked);
  }
  args.grad = *grad_view;

  const int64_t one = 1;
  const bool wide = dtype == Dtype::float64;
  const Tensor loss = empty(x, {args.batch}, &one, wide ? aoti_torch_dtype_float64() : aoti_torch_dtype_float32());
  args.loss = loss.data_ptr();
  if (x.is_cuda()) {
    on_stream(op, x, [&](void* stream) { return inpaintx_cuda_context_loss(dtype, &args, stream); });
  } else {
    (wide ? context_loss_cpu<double> : context_loss_cpu<float>)(dtype, args);
  }
  if (walked.get() != grad.get()) {
    Tensor target = grad;
    torch::stable::copy_(target, walked);
  }
  return {loss, grad};
}

// --- latent_step_ ----------------------------------------------------------------------------------------------------

void latent_step_(const Tensor& z, const Tensor& grad, const Tensor& m, const Tensor& v, const Tensor& step,
                  const Tensor& seed, const Tensor& active, int64_t optimizer, int64_t clip, double lr, double beta1,
                  double beta2, double eps, double bound) {
  constexpr const char* op = "latent_step_";
  StepOptions options{};
  options.optimizer = checked_enum(op, "optimizer", optimizer, Optimizer::nesterov);
  options.clip = checked_enum(op, "clip", clip, Clip::none);
  options.lr = lr;
  options.beta1 = beta1;
  options.beta2 = beta2;
  options.eps = eps;
  options.bound = bound;
  const bool adam = options.optimizer == Optimizer::adam;

  if (z.dim() != 2) fail(op, "z is " + shape_text(z) + "; it must be [B, nz]");
  check_shape(op, "grad", grad, "z", z);
  check_like(op, "grad", grad, "z", z);
  check_shape(op, "m", m, "z", z);
  check_like(op, "m", m, "z", z);
  if (adam) {
    check_shape(op, "v", v, "z", z);
    check_like(op, "v", v, "z", z);
  }
  check_per_sample(op, "step", step, ScalarType::Long, "int64", z);
  check_per_sample(op, "seed", seed, ScalarType::Long, "int64", z);
  check_per_sample(op, "active", active, ScalarType::Bool, "bool", z);
  const Dtype dtype = dtype_of(op, z);

  const Tensor zc = packed(z), gradc = packed(grad), mc = packed(m), stepc = packed(step);
  const Tensor vc = adam ? packed(v) : v, seedc = packed(seed), activec = packed(active);
  const LatentStepArgs args{zc.data_ptr(),
                            gradc.data_ptr(),
                            mc.data_ptr(),
                            adam ? vc.data_ptr() : nullptr,
                            static_cast<int64_t*>(stepc.data_ptr()),
                            static_cast<const int64_t*>(seedc.data_ptr()),
                            static_cast<const bool*>(activec.data_ptr()),
                            z.size(0),
                            z.size(1),
                            options};
  if (z.is_cuda()) {
    on_stream(op, z, [&](void* stream) { return inpaintx_cuda_latent_step(dtype, &args, stream); });
  } else {
    const int64_t grain = std::max<int64_t>(1, kElementsPerThread / std::max<int64_t>(1, args.nz));
    torch::stable::parallel_for(0, args.batch, grain, [&](int64_t begin, int64_t end) {
      cpu::loops().latent_step(dtype, args, begin, end);
    });
  }
  const auto write_back = [](const Tensor& original, const Tensor& copy) {
    if (original.is_contiguous()) return;
    Tensor target = original;
    torch::stable::copy_(target, copy);
  };
  write_back(z, zc);
  write_back(m, mc);
  write_back(step, stepc);
  if (adam) write_back(v, vc);
}

// --- context_weight --------------------------------------------------------------------------------------------------

Tensor context_weight(const Tensor& mask, int64_t window, int64_t border) {
  constexpr const char* op = "context_weight";
  if (mask.dim() != 4 || mask.size(1) != 1) fail(op, "mask is " + shape_text(mask) + "; it must be [B, 1, H, W]");
  if (window < 1 || window % 2 == 0) fail(op, "window is " + std::to_string(window) + "; it must be odd and positive");
  if (mask.size(2) * mask.size(3) > INT32_MAX) fail(op, "mask is " + shape_text(mask) + "; that is too large");
  const Dtype dtype = dtype_of(op, mask);
  const Tensor maskc = packed(mask);
  const Tensor weight = empty_contiguous(mask);
  const ContextWeightArgs args{maskc.data_ptr(),
                               weight.data_ptr(),
                               mask.size(0),
                               mask.size(2),
                               mask.size(3),
                               window,
                               checked_enum(op, "border", border, Border::zero)};
  if (mask.is_cuda()) {
    const int64_t one = 1;
    const Tensor counts = empty(mask, {mask.numel()}, &one, aoti_torch_dtype_int32());
    auto* scratch = static_cast<int32_t*>(counts.data_ptr());
    on_stream(op, mask, [&](void* stream) { return inpaintx_cuda_context_weight(dtype, &args, scratch, stream); });
    return weight;
  }
  const int64_t grain = std::max<int64_t>(1, kElementsPerThread / std::max<int64_t>(1, args.height * args.width));
  torch::stable::parallel_for(0, args.batch, grain, [&](int64_t begin, int64_t end) {
    std::vector<int32_t> scratch(cpu::weight_scratch(args));
    cpu::loops().context_weight(dtype, args, begin, end, scratch.data());
  });
  return weight;
}

}  // namespace
}  // namespace inpaintx

// What this file holds and uses, one "name=value" a line; read with ctypes by inpaintx/native.py.
extern "C" __attribute__((visibility("default"))) const char* inpaintx_ops_info() {
  static const std::string text = std::string("isa=") + inpaintx::cpu::loops().name +
                                  "\nisa_layers=" + inpaintx::cpu::layers().name +
                                  "\nisas_built=" + inpaintx::cpu::built() +
                                  "\nisas_runnable=" + inpaintx::cpu::runnable() + "\ncuda=" INPAINTX_CUDA;
  return text.c_str();
}

// Why the kernels can't run on this CUDA device: one line, or null where they can.
extern "C" __attribute__((visibility("default"))) const char* inpaintx_ops_cuda_obstacle(int device) {
  if (!aoti_torch_get_current_cuda_stream) return "this torch has no CUDA";
  const int error = inpaintx_cuda_probe(device);
  return error ? inpaintx_cuda_error_text(error) : nullptr;
}

STABLE_TORCH_LIBRARY(inpaintx, m) {
  m.def(
      "context_loss(Tensor x, Tensor y, Tensor w, Tensor? prior_grad, int norm, float delta) "
      "-> (Tensor loss, Tensor grad)");
  m.def(
      "latent_step_(Tensor(a!) z, Tensor grad, Tensor(b!) m, Tensor(c!) v, Tensor(d!) step, Tensor seed, "
      "Tensor active, int optimizer, int clip, float lr, float beta1, float beta2, float eps, float bound) -> ()");
  m.def("context_weight(Tensor mask, int window, int border) -> Tensor");
}

STABLE_TORCH_LIBRARY_IMPL(inpaintx, CPU, m) {
  m.impl("context_loss", TORCH_BOX(&inpaintx::context_loss));
  m.impl("latent_step_", TORCH_BOX(&inpaintx::latent_step_));
  m.impl("context_weight", TORCH_BOX(&inpaintx::context_weight));
}

STABLE_TORCH_LIBRARY_IMPL(inpaintx, CUDA, m) {
  m.impl("context_loss", TORCH_BOX(&inpaintx::context_loss));
  m.impl("latent_step_", TORCH_BOX(&inpaintx::latent_step_));
  m.impl("context_weight", TORCH_BOX(&inpaintx::context_weight));
}
