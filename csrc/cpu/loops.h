// The CPU loops: one source (loops.cpp), compiled once per instruction set into a namespace of its own.
// Each does part of the work, so that the caller can spread it over torch's threads.
#pragma once

#include "../math/params.h"

namespace inpaintx::cpu {

// How context_loss walks a sample: rows of contiguous gradient, cut into chunks, the chunks grouped into segments.
// It depends on the sample's shape and layout alone, so a sum never depends on threads or batch mates.
struct Walk {
  bool interleaved;  // channels last: one row of pixels x channels, else one row of pixels per channel
  int64_t length;    // of a row
  int64_t chunks_per_row;
  int64_t chunks;  // of a sample
  int64_t segments;
};

constexpr int64_t kChunk = 1152;          // elements summed before they are added in double; a multiple of 3 and 128
constexpr int64_t kChunksPerSegment = 16;  // what one thread does at least

constexpr Walk walk_of(const ContextLossArgs& a) {
  Walk walk{};
  walk.interleaved = a.channels > 1 && a.grad.channel == 1 && a.grad.pixel == a.channels;
  walk.length = walk.interleaved ? a.pixels * a.channels : a.pixels;
  walk.chunks_per_row = (walk.length + kChunk - 1) / kChunk;
  walk.chunks = walk.chunks_per_row * (walk.interleaved ? 1 : a.channels);
  walk.segments = (walk.chunks + kChunksPerSegment - 1) / kChunksPerSegment;
  return walk;
}

// How far a window reaches sideways, at most: beyond the image it sees nothing.
constexpr int64_t reach_of(const ContextWeightArgs& a) { return a.window / 2 < a.width ? a.window / 2 : a.width; }

constexpr int64_t weight_scratch(const ContextWeightArgs& a) { return 3 * a.width + 2 * reach_of(a) + 1; }

struct Loops {
  const char* name;
  // Segments begin .. end - 1, counted through all samples; sums[segment] is its part of the loss.
  // grad must be contiguous along the rows of walk_of.
  void (*context_loss)(Dtype, const ContextLossArgs&, int64_t begin, int64_t end, double* sums);
  // Samples begin .. end - 1.
  void (*latent_step)(Dtype, const LatentStepArgs&, int64_t begin, int64_t end);
  // Samples begin .. end - 1; scratch: weight_scratch integers, for one thread alone.
  void (*context_weight)(Dtype, const ContextWeightArgs&, int64_t begin, int64_t end, int32_t* scratch);
};

namespace baseline {
extern const Loops loops;
}
namespace avx2 {  // needs fma too; these two on x86-64 only
extern const Loops loops;
}
namespace avx512 {
extern const Loops loops;
}

// The loops in use: AVX2 where this CPU has it, or what INPAINTX_CPU names if this CPU runs it. Fixed at first call.
const Loops& loops();

// Comma-separated names: what this file holds, and what of it this CPU runs.
const char* built();
const char* runnable();

}  // namespace inpaintx::cpu
