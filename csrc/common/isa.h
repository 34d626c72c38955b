// The instruction sets that the CPU loops are compiled for, and which of them this machine uses.
//
// The build compiles each op's cpu.cpp once for each of them, with INPAINTX_ISA as the name of the namespace that its
// loops lie in. So nothing in a cpu.cpp may have external linkage outside that namespace, and no inline function of the
// standard library may be called there: the linker would keep one copy, perhaps that for AVX, for every machine.
#pragma once

namespace inpaintx::cpu {

// Declares a loop for each instruction set, cpu::avx2::loop and so on, and cpu::loop, the table of them all: an op's
// op.h has a line of it for each loop of its cpu.cpp.
#if defined(__x86_64__)
enum class Isa { baseline, avx2, avx512 };  // the narrowest first
inline constexpr Isa kIsas[] = {Isa::baseline, Isa::avx2, Isa::avx512};
#define INPAINTX_LOOP(Signature, loop) \
  namespace baseline {                 \
  Signature loop;                      \
  }                                    \
  namespace avx2 {                     \
  Signature loop;                      \
  }                                    \
  namespace avx512 {                   \
  Signature loop;                      \
  }                                    \
  inline constexpr ::inpaintx::cpu::Loop<Signature> loop = {{baseline::loop, avx2::loop, avx512::loop}}
#else
enum class Isa { baseline };
inline constexpr Isa kIsas[] = {Isa::baseline};
#define INPAINTX_LOOP(Signature, loop) \
  namespace baseline {                 \
  Signature loop;                      \
  }                                    \
  inline constexpr ::inpaintx::cpu::Loop<Signature> loop = {{baseline::loop}}
#endif

template <class Signature>
struct Loop {
  Signature* variants[sizeof(kIsas) / sizeof(Isa)];
  constexpr Signature* operator[](Isa isa) const { return variants[static_cast<int>(isa)]; }
};

// As INPAINTX_CPU spells it.
const char* name_of(Isa isa);

bool runs_here(Isa isa);

// What a loop waits for most: it decides which instruction set is the fastest.
enum class Bound { memory, arithmetic };

// The instruction set in use for such loops: the fastest here, or what INPAINTX_CPU names if it runs here. Fixed at the
// first call.
Isa isa_for(Bound bound);

}  // namespace inpaintx::cpu
