// The counter hash behind stochastic clipping: Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as
// 1, 2, 3", SC 2011). No state: the same (seed, step, index) gives the same bits on every device.
#pragma once

#include "math.h"

namespace inpaintx::math {

struct Words4 {
  uint32_t a, b, c, d;
};

INPAINTX_FN Words4 philox(Words4 counter, uint32_t key0, uint32_t key1) {
  for (int round = 0; round < 10; ++round) {
    const uint64_t p = uint64_t{0xD2511F53u} * counter.a;
    const uint64_t q = uint64_t{0xCD9E8D57u} * counter.c;
    counter = {static_cast<uint32_t>(q >> 32) ^ counter.b ^ key0, static_cast<uint32_t>(q),
               static_cast<uint32_t>(p >> 32) ^ counter.d ^ key1, static_cast<uint32_t>(p)};
    key0 += 0x9E3779B9u;
    key1 += 0xBB67AE85u;
  }
  return counter;
}

// Uniform on {-1, -1 + 2^-23, ..., 1 - 2^-23}: 24 bits, so that it is exact in float32.
template <class T>
INPAINTX_FN T symmetric_uniform(int64_t seed, int64_t step, int64_t index) {
  const uint64_t s = static_cast<uint64_t>(seed), t = static_cast<uint64_t>(step), i = static_cast<uint64_t>(index);
  const Words4 counter = {static_cast<uint32_t>(i), static_cast<uint32_t>(i >> 32), static_cast<uint32_t>(t),
                          static_cast<uint32_t>(t >> 32)};
  const Words4 bits = philox(counter, static_cast<uint32_t>(s), static_cast<uint32_t>(s >> 32));
  return static_cast<T>(static_cast<int32_t>(bits.a >> 8) - (1 << 23)) * T(1.0 / (1 << 23));
}

}  // namespace inpaintx::math
