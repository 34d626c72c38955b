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

#if defined(__x86_64__)
// AVX-512 where it pays: on a Sapphire Rapids it takes up to a quarter off context_loss (Huber, channels last) and nothing
// off the other two, whose few microseconds its warm-up makes longer.
const Loops kAvx512 = {avx512::loops.name, avx512::loops.context_loss, avx2::loops.latent_step,
                       avx2::loops.context_weight};
#endif

// Best first; the baseline, last, always runs.
const Level kLevels[] = {
#if defined(__x86_64__)
    {&kAvx512, has_avx512()},
    {&avx2::loops, __builtin_cpu_supports("avx2") != 0},
#endif
    {&baseline::loops, true},
};

const Loops& chosen() {
  const char* wanted = std::getenv("INPAINTX_CPU");
  const Loops* best = nullptr;
  for (const Level& level : kLevels) {
    if (!level.runs) continue;
    if (wanted && std::string(wanted) == level.loops->name) return *level.loops;
    if (!best) best = level.loops;
  }
  return *best;
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
