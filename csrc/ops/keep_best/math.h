// One row of keep_best_, but for its code.
#pragma once

#include "../../common/math.h"
#include "op.h"

namespace inpaintx::math {

// Notes what one row has come to, and says whether its code is the best one now. T: what its losses are computed in.
// No comparison holds of NaN: a row that has diverged keeps what it had.
template <class T>
INPAINTX_FN bool kept(const KeepBestArgs& a, int64_t row) {
  T contextual = 0;
  for (int64_t part = 0; part < a.parts; ++part) {
    contextual += static_cast<const T*>(a.contextual)[row * a.parts + part];
  }
  const T loss = contextual + static_cast<T>(a.options.weight) * static_cast<const T*>(a.prior)[row];
  T* mark = static_cast<T*>(a.mark) + row;
  T* best_loss = static_cast<T*>(a.best_loss) + row;
  const bool patient = a.options.patience == 0 || a.stale[row] < a.options.patience;
  const bool active = patient && a.step[row] < a.options.iterations;
  const bool better = loss < *best_loss;
  static_cast<T*>(a.loss)[row] = loss;
  a.active[row] = active;
  a.evaluated[row] = !active;
  if (loss < *mark * static_cast<T>(0.999)) {
    *mark = loss;
    a.stale[row] = 0;
  } else {
    ++a.stale[row];
  }
  if (better) *best_loss = loss;
  return better;
}

}  // namespace inpaintx::math
