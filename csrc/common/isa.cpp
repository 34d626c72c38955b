#include "isa.h"

#include <cstdlib>
#include <cstring>

namespace inpaintx::cpu {
namespace {

// What INPAINTX_CPU names, if it runs here; else the widest that runs here, up to `widest`.
Isa chosen(Isa widest) {
  const char* wanted = std::getenv("INPAINTX_CPU");
  Isa preferred = Isa::baseline;
  for (const Isa isa : kIsas) {
    if (!runs_here(isa)) continue;
    if (wanted && std::strcmp(wanted, name_of(isa)) == 0) return isa;
    if (isa <= widest) preferred = isa;
  }
  return preferred;
}

#if defined(__x86_64__)
// On a quiet Sapphire Rapids AVX-512 takes a tenth off context_loss and nothing off the rest; beside other busy cores,
// where wide registers cost clock, it adds up to a half.
constexpr Isa kWidestForMemory = Isa::avx2;
// The multiplications before and after these loops, torch's, are in AVX-512 anyway.
constexpr Isa kWidestForArithmetic = Isa::avx512;
#else
constexpr Isa kWidestForMemory = Isa::baseline, kWidestForArithmetic = Isa::baseline;
#endif

}  // namespace

const char* name_of(Isa isa) {
  switch (isa) {
    case Isa::baseline:
      return "baseline";
#if defined(__x86_64__)
    case Isa::avx2:
      return "avx2";
    case Isa::avx512:
      return "avx512";
#endif
  }
  return nullptr;
}

bool runs_here(Isa isa) {
  switch (isa) {
    case Isa::baseline:
      return true;
#if defined(__x86_64__)
    case Isa::avx2:
      return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    case Isa::avx512:
      return runs_here(Isa::avx2) && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
             __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw");
#endif
  }
  return false;
}

Isa isa_for(Bound bound) {
  static const Isa for_memory = chosen(kWidestForMemory), for_arithmetic = chosen(kWidestForArithmetic);
  return bound == Bound::memory ? for_memory : for_arithmetic;
}

}  // namespace inpaintx::cpu
