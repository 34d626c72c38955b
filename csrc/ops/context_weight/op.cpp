// context_weight for torch: schema, checks, outputs, dispatch.
#include "op.h"

#include "../../common/info.h"
#include "../../common/stream.h"

namespace inpaintx {
namespace {

const Fact borders("borders", names_of<Border>());

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
                               checked_choice<Border>(op, "border", border)};
  if (mask.is_cuda()) {
    const int64_t one = 1;
    const Tensor counts = empty(mask, {mask.numel()}, &one, aoti_torch_dtype_int32());
    auto* scratch = static_cast<int32_t*>(counts.data_ptr());
    launch_on_device_of<cuda::context_weight>(mask, op, dtype, args, scratch);
    return weight;
  }
  const auto loop = cpu::context_weight[cpu::isa_for(cpu::Bound::memory)];
  const int64_t grain = std::max<int64_t>(1, kElementsPerThread / std::max<int64_t>(1, args.height * args.width));
  torch::stable::parallel_for(0, args.batch, grain, [&](int64_t begin, int64_t end) {
    std::vector<int32_t> scratch(cpu::weight_scratch(args));
    loop(dtype, args, begin, end, scratch.data());
  });
  return weight;
}

}  // namespace
}  // namespace inpaintx

STABLE_TORCH_LIBRARY_FRAGMENT(inpaintx, m) { m.def("context_weight(Tensor mask, int window, int border) -> Tensor"); }

STABLE_TORCH_LIBRARY_IMPL(inpaintx, CPU, m) { m.impl("context_weight", TORCH_BOX(&inpaintx::context_weight)); }

STABLE_TORCH_LIBRARY_IMPL(inpaintx, CUDA, m) { m.impl("context_weight", TORCH_BOX(&inpaintx::context_weight)); }
