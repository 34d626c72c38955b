// How many threads a block has.
#include <cuda_runtime.h>

#include "../../../csrc/common/launch.cuh"
#include "check.h"

using inpaintx::cuda::block_size;

TEST(a_block_is_whole_warps_at_least_one_and_no_more_than_asked) {
  for (const int64_t items : {0, 1, 31, 32}) CHECK(block_size(items, 256) == 32, items);
  for (const int64_t items : {33, 64}) CHECK(block_size(items, 256) == 64, items);
  for (const int64_t items : {225, 256, 257, 1000000}) CHECK(block_size(items, 256) == 256, items);
}
