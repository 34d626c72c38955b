// Which of the compiled loops this machine uses.
#include <cstdlib>
#include <string>

#include "loops.h"

namespace inpaintx::cpu {
namespace {

struct Level {
  const Loops* loops;
  bool runs;
};

#if defined(__x86_64__)
bool has_avx512() {
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
         __builtin_cpu_supports("avx512bw");
}
#endif

// In order of preference. AVX-512 only where INPAINTX_CPU asks for it: on a quiet Sapphire Rapids it takes a tenth off
// context_loss and nothing off the rest; beside other busy cores, where wide registers cost clock, it adds up to a half.
const Level kLevels[] = {
#if defined(__x86_64__)
    {&avx2::loops, __builtin_cpu_supports("avx2") != 0},
    {&avx512::loops, has_avx512()},
#endif
    {&baseline::loops, true},
};

const Loops& chosen() {
  const char* wanted = std::getenv("INPAINTX_CPU");
  const Loops* preferred = nullptr;
  for (const Level& level : kLevels) {
    if (!level.runs) continue;
    if (wanted && std::string(wanted) == level.loops->name) return *level.loops;
    if (!preferred) preferred = level.loops;
  }
  return *preferred;
}

std::string names(bool only_runnable) {
  std::string all;
  for (const Level& level : kLevels) {
    if (only_runnable && !level.runs) continue;
    if (!all.empty()) all += ',';
    all += level.loops->name;
  }
  return all;
}

}  // namespace

const Loops& loops() {
  static const Loops& in_use = chosen();
  return in_use;
}

const char* built() {
  static const std::string all = names(false);
  return all.c_str();
}

const char* runnable() {
  static const std::string all = names(true);
  return all.c_str();
}

}  // namespace inpaintx::cpu
