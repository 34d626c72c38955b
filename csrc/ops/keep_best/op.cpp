// keep_best_ for torch: schema, checks, outputs, dispatch.
#include "op.h"

#include <tuple>

#include "../../common/stream.h"

namespace inpaintx {
namespace {

std::tuple<Tensor, Tensor> keep_best_(const Tensor& z, const Tensor& contextual, const Tensor& prior,
                                      const Tensor& step, const Tensor& mark, const Tensor& stale,
                                      const Tensor& evaluated, const Tensor& best_loss, const Tensor& best_z,
                                      double weight, int64_t iterations, int64_t patience) {
  constexpr const char* op = "keep_best_";
  if (z.dim() != 2) fail(op, "z is " + shape_text(z) + "; it must be [B, nz]");
  check_shape(op, "best_z", best_z, "z", z);
  check_like(op, "best_z", best_z, "z", z);
  const bool wide = z.scalar_type() == ScalarType::Double;
  const ScalarType of_loss = wide ? ScalarType::Double : ScalarType::Float;
  const char* of_loss_name = wide ? "float64" : "float32";
  const bool whole = contextual.dim() == 1;
  if (!whole && (contextual.dim() != 2 || contextual.size(0) != z.size(0))) {
    fail(op, "contextual is " + shape_text(contextual) + " and z is " + shape_text(z) + "; it must be [B] or [B, P]");
  }
  check_dtype(op, "contextual", contextual, of_loss, of_loss_name);
  check_device(op, "contextual", contextual, "z", z);
  check_per_sample(op, "prior", prior, of_loss, of_loss_name, z);
  check_per_sample(op, "step", step, ScalarType::Long, "int64", z);
  check_per_sample(op, "mark", mark, of_loss, of_loss_name, z);
  check_per_sample(op, "stale", stale, ScalarType::Long, "int64", z);
  check_per_sample(op, "evaluated", evaluated, ScalarType::Bool, "bool", z);
  check_per_sample(op, "best_loss", best_loss, of_loss, of_loss_name, z);
  const Dtype dtype = dtype_of(op, z);

  const Tensor zc = packed(z), contextualc = packed(contextual), priorc = packed(prior), stepc = packed(step);
  const Tensor markc = packed(mark), stalec = packed(stale), evaluatedc = packed(evaluated);
  const Tensor best_lossc = packed(best_loss), best_zc = packed(best_z);
  const Tensor loss = empty_contiguous(prior), active = empty_contiguous(evaluated);
  const KeepBestArgs args{zc.data_ptr(),
                          contextualc.data_ptr(),
                          priorc.data_ptr(),
                          static_cast<const int64_t*>(stepc.data_ptr()),
                          markc.data_ptr(),
                          static_cast<int64_t*>(stalec.data_ptr()),
                          static_cast<bool*>(evaluatedc.data_ptr()),
                          best_lossc.data_ptr(),
                          best_zc.data_ptr(),
                          loss.data_ptr(),
                          static_cast<bool*>(active.data_ptr()),
                          z.size(0),
                          z.size(1),
                          {weight, iterations, patience},
                          whole ? 1 : contextual.size(1)};
  if (z.is_cuda()) {
    launch_on_device_of<cuda::keep_best>(z, op, dtype, args);
  } else {
    const auto loop = cpu::keep_best[cpu::isa_for(cpu::Bound::memory)];
    torch::stable::parallel_for(0, args.batch, samples_per_thread(args.nz),
                                [&](int64_t begin, int64_t end) { loop(dtype, args, begin, end); });
  }
  write_back(mark, markc);
  write_back(stale, stalec);
  write_back(evaluated, evaluatedc);
  write_back(best_loss, best_lossc);
  write_back(best_z, best_zc);
  return {loss, active};
}

}  // namespace
}  // namespace inpaintx

STABLE_TORCH_LIBRARY_FRAGMENT(inpaintx, m) {
  m.def(
      "keep_best_(Tensor z, Tensor contextual, Tensor prior, Tensor step, Tensor(a!) mark, Tensor(b!) stale, "
      "Tensor(c!) evaluated, Tensor(d!) best_loss, Tensor(e!) best_z, float weight, int iterations, int patience) "
      "-> (Tensor loss, Tensor active)");
}

STABLE_TORCH_LIBRARY_IMPL(inpaintx, CPU, m) { m.impl("keep_best_", TORCH_BOX(&inpaintx::keep_best_)); }

STABLE_TORCH_LIBRARY_IMPL(inpaintx, CUDA, m) { m.impl("keep_best_", TORCH_BOX(&inpaintx::keep_best_)); }
