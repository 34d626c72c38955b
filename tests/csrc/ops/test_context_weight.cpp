// The kernels and the CPU loops of context_weight, against a plain loop over every pixel's window.
#include <iterator>

#include "../../../csrc/ops/context_weight/cuda.cu"
#include "check.h"
#include "context_weight_case.h"
#include "isas.h"
#include "values.h"

namespace {

using namespace inpaintx;
using namespace context_weight_case;

template <class T>
int run(Call<T>& call, int64_t window, Border border) {
  std::vector<int32_t> scratch(call.mask.size(), -99);
  const ContextWeightArgs args = call.args(window, border);
  return cuda::context_weight(values::kDtype<T>, args, scratch.data(), nullptr);
}

template <class T>
void check_context_weight(cpu::Isa isa) {
  for (const auto& size : kSizes) {
    for (const Border border : kBorders) {
      Call<T> call(size.batch, size.height, size.width);
      const ContextWeightArgs args = call.args(size.window, border);
      std::vector<int32_t> scratch(cpu::weight_scratch(args), -99);
      cpu::context_weight[isa](values::kDtype<T>, args, 0, size.batch, scratch.data());
      call.compare_with_loop(size.window, border, size.stride);
      CHECK(call.mask.size() == 0 || scratch.back() != -99, "there is more scratch than is used");
    }
  }
}

}  // namespace

TEST(context_weight_is_the_plain_loop_for_any_size_and_window) {
  static_assert(std::size(kSizes) % 2 == 1, "so that each size meets both borders as the types go by");
  int variant = 0;
  values::for_each_type([&](auto zero) {
    for (const Size& size : kSizes) {
      const Border border = kBorders[variant++ % 2];
      Call<decltype(zero)> call(size.batch, size.height, size.width);
      CHECK(run(call, size.window, border) == cudaSuccess);
      call.compare_with_loop(size.window, border, size.stride);
    }
  });
}

TEST(context_weight_is_the_same_bits_in_any_order_of_threads) {
  // More than one round of a block along a row, and more than one segment of rows.
  for (const auto& [height, width] : {std::pair{3, 300}, std::pair{70, 30}}) {
    Call<float> expected(2, height, width);
    CHECK(run(expected, 7, Border::valid) == cudaSuccess);
    values::for_each_order([&, height = height, width = width] {
      Call<float> call(2, height, width);
      CHECK(run(call, 7, Border::valid) == cudaSuccess);
      CHECK(values::same_bits(call.weight.data(), expected.weight.data(), call.weight.size()));
    });
  }
}

TEST(context_weight_is_nothing_in_the_hole_and_most_at_its_rim) {
  Call<float> call(1, 33, 33);
  for (int64_t i = 0; i < 33 * 33; ++i) {
    const bool hole = i / 33 >= 12 && i / 33 < 21 && i % 33 >= 12 && i % 33 < 21;
    call.mask[i] = hole ? 0.0f : 1.0f;
  }
  CHECK(run(call, 7, Border::valid) == cudaSuccess);
  const float rim = call.weight[16 * 33 + 11];
  for (int64_t i = 0; i < 33 * 33; ++i) {
    CHECK(call.mask[i] == 0.0f ? call.weight[i] == 0.0f : call.weight[i] <= rim);
  }
  CHECK(rim == 21.0f / 49.0f);
  CHECK(call.weight[16 * 33 + 8] == 0.0f);
}

TEST(context_weight_has_a_block_for_each_tile_of_columns_and_segment_of_rows) {
  const auto blocks_for = [](int64_t batch, int64_t height, int64_t width) {
    Call<float> call(batch, height, width);
    CHECK(run(call, 7, Border::valid) == cudaSuccess);
    return gridDim.x;
  };
  CHECK(blocks_for(1, 64, 32) == 1 && blocks_for(1, 65, 32) == 2 && blocks_for(3, 129, 32) == 9);
  CHECK(blocks_for(1, 2, 256) == 1 && blocks_for(1, 2, 257) == 2 && blocks_for(2, 2, 257) == 4);
}

TEST(context_weight_refuses_what_it_has_no_kernel_for) {
  Call<float> call(1, 1, 1);
  int32_t scratch = 0;
  ContextWeightArgs args = call.args(7, Border::valid);
  CHECK(cuda::context_weight(Dtype::float64, args, &scratch, nullptr) == cudaErrorInvalidValue);
  args.height = args.width = INT64_C(1) << 16;
  CHECK(cuda::context_weight(Dtype::float32, args, &scratch, nullptr) == cudaErrorInvalidValue);
  args.batch = INT64_C(1) << 16, args.height = INT64_C(1) << 15, args.width = 1;
  CHECK(cuda::context_weight(Dtype::float32, args, &scratch, nullptr) == cudaErrorInvalidValue);
  args.batch = INT64_C(1) << 31, args.height = args.width = 1;
  CHECK(cuda::context_weight(Dtype::float32, args, &scratch, nullptr) == cudaErrorInvalidValue);
}

TEST(every_instruction_set_has_the_plain_loops_context_weight) {
  isas::for_each([](cpu::Isa isa) {
    check_context_weight<float>(isa);
    check_context_weight<double>(isa);
  });
}
