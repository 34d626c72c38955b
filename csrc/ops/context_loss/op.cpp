// context_loss for torch: schema, checks, outputs, dispatch.
#include "op.h"

#include <optional>
#include <tuple>

#include "../../common/info.h"
#include "../../common/stream.h"

namespace inpaintx {
namespace {

const Fact norms("norms", names_of<Norm>());

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

// Each segment's sum is written down and folded in order: the loss does not depend on the number of threads.
template <class Loss>
void context_loss_cpu(Dtype dtype, const ContextLossArgs& args) {
  const int64_t segments = cpu::walk_of(args).segments;
  const auto loop = cpu::context_loss[cpu::isa_for(cpu::Bound::memory)];
  std::vector<double> sums(args.batch * segments);
  const int64_t elements = segments ? (args.channels * args.pixels + segments - 1) / segments : 1;
  torch::stable::parallel_for(0, args.batch * segments, std::max<int64_t>(1, kElementsPerThread / elements),
                              [&](int64_t begin, int64_t end) { loop(dtype, args, begin, end, sums.data()); });
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
  args.norm = checked_choice<Norm>(op, "norm", norm);
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
    launch_on_device_of<cuda::context_loss>(x, op, dtype, args);
  } else {
    (wide ? context_loss_cpu<double> : context_loss_cpu<float>)(dtype, args);
  }
  if (walked.get() != grad.get()) {
    Tensor target = grad;
    torch::stable::copy_(target, walked);
  }
  return {loss, grad};
}

}  // namespace
}  // namespace inpaintx

STABLE_TORCH_LIBRARY_FRAGMENT(inpaintx, m) {
  m.def(
      "context_loss(Tensor x, Tensor y, Tensor w, Tensor? prior_grad, int norm, float delta) "
      "-> (Tensor loss, Tensor grad)");
}

STABLE_TORCH_LIBRARY_IMPL(inpaintx, CPU, m) { m.impl("context_loss", TORCH_BOX(&inpaintx::context_loss)); }

STABLE_TORCH_LIBRARY_IMPL(inpaintx, CUDA, m) { m.impl("context_loss", TORCH_BOX(&inpaintx::context_loss)); }
