// The hash against the answers that its authors publish with it: kat_vectors of Random123.
#include "../../../csrc/common/philox.h"
#include "check.h"

using namespace inpaintx::math;

namespace {

bool is(const Words4& words, const Words4& expected) {
  return words.a == expected.a && words.b == expected.b && words.c == expected.c && words.d == expected.d;
}

}  // namespace

TEST(philox_has_the_published_answers) {
  CHECK(is(philox({0, 0, 0, 0}, 0, 0), {0x6627e8d5u, 0xe169c58du, 0xbc57ac4cu, 0x9b00dbd8u}));
  const uint32_t ones = 0xffffffffu;
  CHECK(is(philox({ones, ones, ones, ones}, ones, ones), {0x408f276du, 0x41c83b0eu, 0xa20bc7c6u, 0x6d5451fdu}));
  CHECK(is(philox({0x243f6a88u, 0x85a308d3u, 0x13198a2eu, 0x03707344u}, 0xa4093822u, 0x299f31d0u),
           {0xd16cfe09u, 0x94fdccebu, 0x5001e420u, 0x24126ea1u}));
}

TEST(a_uniform_number_is_24_bits_of_the_hash_of_seed_step_and_index) {
  // The last of the answers above.
  const int64_t seed = 0x299f31d0a4093822, step = 0x0370734413198a2e,
                index = -0x7a5cf72cdbc09578;  // 0x85a308d3243f6a88
  CHECK(symmetric_uniform<double>(seed, step, index) == (0xd16cfe - 0x800000) / double(0x800000));
  CHECK(symmetric_uniform<float>(seed, step, index) == float(symmetric_uniform<double>(seed, step, index)));
}
