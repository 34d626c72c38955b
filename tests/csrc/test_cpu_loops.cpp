// The CPU loops, for every instruction set that this machine runs, against the same plain loops as the CUDA kernels.
#include "check.h"
#include "context_loss_case.h"
#include "context_weight_case.h"
#include "cpu_levels.h"
#include "latent_step_case.h"

namespace {

using namespace inpaintx;

template <class Test>
void for_each_isa(Test test) {
  cpu_levels::for_each([&](const cpu::Loops& loops, const cpu::Layers&) { test(loops); });
}

// In pieces of `piece` segments, as the threads of a pool would have it.
template <class T>
void run(const cpu::Loops& loops, context_loss_case::Call<T>& call, Norm norm, int64_t piece) {
  const ContextLossArgs args = call.args(norm);
  const int64_t segments = cpu::walk_of(args).segments;
  std::vector<double> sums(args.batch * segments, 77.0);
  for (int64_t begin = 0; begin < args.batch * segments; begin += piece) {
    loops.context_loss(values::kDtype<T>, args, begin, std::min(begin + piece, args.batch * segments), sums.data());
  }
  for (int64_t b = 0; b < args.batch; ++b) {
    double loss = 0;
    for (int64_t segment = 0; segment < segments; ++segment) {
      loss += sums[b * segments + segment];
    }
    call.loss[b] = static_cast<T>(loss);
  }
}

template <class T>
void check_context_loss(const cpu::Loops& loops) {
  using context_loss_case::Call;
  const context_loss_case::Shape shapes[] = {{0, 3, 16}, {2, 3, 0},   {1, 1, 1},    {3, 3, 1},    {3, 3, 35},   {2, 4, 64},
                                             {2, 2, 577}, {5, 1, 1152}, {2, 3, 1153}, {2, 3, 4096}, {1, 1, 40001}};
  int variant = 0;
  for (const auto& shape : shapes) {
    for (const bool x_by_pixel : {false, true}) {
      for (const bool y_by_pixel : {false, true}) {
        const Norm norm = context_loss_case::kNorms[variant++ % 3];
        Call<T> whole(shape, x_by_pixel, y_by_pixel, variant % 2 == 0, variant % 4);
        run(loops, whole, norm, 1 << 20);
        context_loss_case::compare_with_loop(whole, norm);
        Call<T> in_pieces(shape, x_by_pixel, y_by_pixel, variant % 2 == 0, variant % 4);
        run(loops, in_pieces, norm, 1);
        CHECK(in_pieces.loss == whole.loss, loops.name << " " << shape);
      }
    }
  }
}

template <class T>
void check_latent_step(const cpu::Loops& loops) {
  for (const int64_t nz : {0, 1, 7, 100, 257}) {
    latent_step_case::compare_with_loop<T>(5, nz, nz % 2, [&](auto& batch, const StepOptions& options) {
      loops.latent_step(values::kDtype<T>, batch.args(options), 0, 2);
      loops.latent_step(values::kDtype<T>, batch.args(options), 2, 5);
    });
  }
}

template <class T>
void check_context_weight(const cpu::Loops& loops) {
  for (const auto& size : context_weight_case::kSizes) {
    for (const Border border : context_weight_case::kBorders) {
      context_weight_case::Call<T> call(size.batch, size.height, size.width);
      const ContextWeightArgs args = call.args(size.window, border);
      std::vector<int32_t> scratch(cpu::weight_scratch(args), -99);
      loops.context_weight(values::kDtype<T>, args, 0, size.batch, scratch.data());
      call.compare_with_loop(size.window, border, size.stride);
    }
  }
}

}  // namespace

TEST(every_instruction_set_has_the_plain_loops_context_loss) {
  for_each_isa([](const cpu::Loops& loops) {
    check_context_loss<float>(loops);
    check_context_loss<double>(loops);
  });
}

TEST(every_instruction_set_has_the_plain_loops_latent_step) {
  for_each_isa([](const cpu::Loops& loops) {
    check_latent_step<float>(loops);
    check_latent_step<double>(loops);
  });
}

TEST(every_instruction_set_has_the_plain_loops_context_weight) {
  for_each_isa([](const cpu::Loops& loops) {
    check_context_weight<float>(loops);
    check_context_weight<double>(loops);
  });
}

TEST(the_loops_in_use_are_built_and_run_here) {
  const std::string name = cpu::loops().name;
  CHECK(("," + std::string(cpu::built()) + ",").find("," + name + ",") != std::string::npos);
  CHECK(("," + std::string(cpu::runnable()) + ",").find("," + name + ",") != std::string::npos);
}
