// latent_step_: one step of Adam or of Nesterov's momentum on the codes of a batch, which then stay in their box.
// Kingma and Ba, "Adam", ICLR 2015; Lipton and Tripathi, "Precise recovery of latent vectors from GANs", 2017.
#pragma once

#include "../../common/isa.h"
#include "../../common/params.h"

namespace inpaintx {

// Their values are their places in the reference's OPTIMIZERS and CLIPS. A name is null for a value that is none of
// them.
enum class Optimizer : int64_t { adam, nesterov };
enum class Clip : int64_t { clamp, stochastic, none };

constexpr const char* name_of(Optimizer optimizer) {
  switch (optimizer) {
    case Optimizer::adam:
      return "adam";
    case Optimizer::nesterov:
      return "nesterov";
  }
  return nullptr;
}

constexpr const char* name_of(Clip clip) {
  switch (clip) {
    case Clip::clamp:
      return "clamp";
    case Clip::stochastic:
      return "stochastic";
    case Clip::none:
      return "none";
  }
  return nullptr;
}

struct StepOptions {
  Optimizer optimizer;
  Clip clip;
  double lr;
  double beta1;  // nesterov: the momentum
  double beta2;  // adam only
  double eps;    // adam only
  double bound;  // the box is [-bound, bound]
};

// z, grad, m, v: [batch, nz], contiguous, one dtype; v is null for nesterov.
struct LatentStepArgs {
  void* z;
  const void* grad;
  void* m;
  void* v;
  int64_t* step;        // [batch]; one more for each active sample
  const int64_t* seed;  // [batch]
  const bool* active;   // [batch]; a sample that is not active is left as it is
  int64_t batch;
  int64_t nz;
  StepOptions options;
};

namespace cpu {

// Samples begin .. end - 1.
using LatentStepLoop = void(Dtype, const LatentStepArgs&, int64_t begin, int64_t end);
INPAINTX_LOOP(LatentStepLoop, latent_step);

}  // namespace cpu

namespace cuda {

// dtype: float32, float16 or bfloat16.
int latent_step(Dtype dtype, const LatentStepArgs& args, void* stream);

}  // namespace cuda

}  // namespace inpaintx
