// Which of the compiled loops this machine uses.
#include <cstdlib>
#include <string>

#include "layers.h"
#include "loops.h"

namespace inpaintx::cpu {
namespace {

struct Level {
  const Loops* loops;
  const Layers* layers;
  bool runs;
};

#if defined(__x86_64__)
bool has_avx2() { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }

bool has_avx512() {
  return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw");
}
#endif

// The widest first.
const Level kLevels[] = {
#if defined(__x86_64__)
    {&avx512::loops, &avx512::layers, has_avx512()},
    {&avx2::loops, &avx2::layers, has_avx2()},
#endif
    {&baseline::loops, &baseline::layers, true},
};

// What INPAINTX_CPU names, if it runs here; else the widest, but AVX-512 only if it is asked for.
const Level& chosen(bool avx512) {
  const char* wanted = std::getenv("INPAINTX_CPU");
  const Level* preferred = nullptr;
  for (const Level& level : kLevels) {
    if (!level.runs) continue;
    const std::string name = level.loops->name;
    if (wanted && name == wanted) return level;
    if (!preferred && (avx512 || name != "avx512")) preferred = &level;
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

// On a quiet Sapphire Rapids AVX-512 takes a tenth off context_loss and nothing off the rest; beside other busy cores,
// where wide registers cost clock, it adds up to a half.
const Loops& loops() {
  static const Loops& in_use = *chosen(false).loops;
  return in_use;
}

// The multiplications before and after them, torch's, are in AVX-512 anyway.
const Layers& layers() {
  static const Layers& in_use = *chosen(true).layers;
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
