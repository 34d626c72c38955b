// The instruction sets that the CPU code is compiled for.
#pragma once

#include <string>

#include "../../csrc/cpu/layers.h"
#include "../../csrc/cpu/loops.h"

namespace cpu_levels {

// Runs test(loops, layers) for each instruction set that this machine runs; the list is the library's own.
template <class Test>
void for_each(Test test) {
  namespace cpu = inpaintx::cpu;
  struct Level {
    const cpu::Loops* loops;
    const cpu::Layers* layers;
  };
  const Level all[] = {
      {&cpu::baseline::loops, &cpu::baseline::layers},
#if defined(__x86_64__)
      {&cpu::avx2::loops, &cpu::avx2::layers},
      {&cpu::avx512::loops, &cpu::avx512::layers},
#endif
  };
  const std::string runnable = "," + std::string(cpu::runnable()) + ",";
  for (const Level& level : all) {
    if (runnable.find("," + std::string(level.loops->name) + ",") != std::string::npos) test(*level.loops, *level.layers);
  }
}

}  // namespace cpu_levels
