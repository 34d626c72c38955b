// keep_best_: what an iteration of the search remembers of its rows, the best code of each among it, and which of them
// go on: none that has taken all its steps, or whose loss has not fallen by a thousandth for too long.
#pragma once

#include "../../common/isa.h"
#include "../../common/params.h"

namespace inpaintx {

struct KeepOptions {
  double weight;       // of the prior loss in the loss
  int64_t iterations;  // steps that a row takes at most
  int64_t patience;    // iterations that a row goes on without a fall; 0: it always does
};

// z, best_z: [batch, nz], of the dtype; all others [batch] where nothing else is said, the floating ones float64 beside
// float64 codes and float32 otherwise. All contiguous.
struct KeepBestArgs {
  const void* z;
  const void* contextual;  // [batch, parts], whose sum it is
  const void* prior;
  const int64_t* step;
  void* mark;  // the loss when it last fell by a thousandth
  int64_t* stale;
  bool* evaluated;
  void* best_loss;
  void* best_z;
  void* loss;
  bool* active;
  int64_t batch;
  int64_t nz;
  KeepOptions options;
  int64_t parts = 1;
};

namespace cpu {

// Samples begin .. end - 1.
using KeepBestLoop = void(Dtype, const KeepBestArgs&, int64_t begin, int64_t end);
INPAINTX_LOOP(KeepBestLoop, keep_best);

}  // namespace cpu

namespace cuda {

// dtype: float32, float16 or bfloat16.
int keep_best(Dtype dtype, const KeepBestArgs& args, void* stream);

}  // namespace cuda

}  // namespace inpaintx
