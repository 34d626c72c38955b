// The instruction sets that the CPU loops are compiled for.
#pragma once

#include "../../csrc/common/isa.h"

namespace isas {

// Runs test(isa) for each instruction set that this machine runs.
template <class Test>
void for_each(Test test) {
  for (const inpaintx::cpu::Isa isa : inpaintx::cpu::kIsas) {
    if (inpaintx::cpu::runs_here(isa)) test(isa);
  }
}

}  // namespace isas
