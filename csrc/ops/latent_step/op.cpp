// latent_step_ for torch: schema, checks, dispatch.
#include "op.h"

#include "../../common/info.h"
#include "../../common/stream.h"

namespace inpaintx {
namespace {

const Fact optimizers("optimizers", names_of<Optimizer>());
const Fact clips("clips", names_of<Clip>());

void latent_step_(const Tensor& z, const Tensor& grad, const Tensor& m, const Tensor& v, const Tensor& step,
                  const Tensor& seed, const Tensor& active, int64_t optimizer, int64_t clip, double lr, double beta1,
                  double beta2, double eps, double bound) {
  constexpr const char* op = "latent_step_";
  StepOptions options{};
  options.optimizer = checked_choice<Optimizer>(op, "optimizer", optimizer);
  options.clip = checked_choice<Clip>(op, "clip", clip);
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
    launch_on_device_of<cuda::latent_step>(z, op, dtype, args);
  } else {
    const auto loop = cpu::latent_step[cpu::isa_for(cpu::Bound::memory)];
    torch::stable::parallel_for(0, args.batch, samples_per_thread(args.nz),
                                [&](int64_t begin, int64_t end) { loop(dtype, args, begin, end); });
  }
  write_back(z, zc);
  write_back(m, mc);
  write_back(step, stepc);
  if (adam) write_back(v, vc);
}

}  // namespace
}  // namespace inpaintx

STABLE_TORCH_LIBRARY_FRAGMENT(inpaintx, m) {
  m.def(
      "latent_step_(Tensor(a!) z, Tensor grad, Tensor(b!) m, Tensor(c!) v, Tensor(d!) step, Tensor seed, "
      "Tensor active, int optimizer, int clip, float lr, float beta1, float beta2, float eps, float bound) -> ()");
}

STABLE_TORCH_LIBRARY_IMPL(inpaintx, CPU, m) { m.impl("latent_step_", TORCH_BOX(&inpaintx::latent_step_)); }

STABLE_TORCH_LIBRARY_IMPL(inpaintx, CUDA, m) { m.impl("latent_step_", TORCH_BOX(&inpaintx::latent_step_)); }
