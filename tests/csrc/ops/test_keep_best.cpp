// The kernel and the CPU loops of keep_best_, against a plain loop that says again what its op.h and the reference say.
#include <limits>
#include <vector>

#include "../../../csrc/ops/keep_best/cuda.cu"
#include "check.h"
#include "isas.h"
#include "values.h"

namespace {

using namespace inpaintx;
using values::Buffer;

constexpr double kInfinity = std::numeric_limits<double>::infinity(), kNan = std::numeric_limits<double>::quiet_NaN();

// Rows in the middle of a search: every case of better or not, fallen or not, stale or not, done or not, and NaN.
template <class T>
struct Batch {
  using L = values::Computed<T>;
  int64_t batch, nz;
  Buffer<T> z, best_z;
  Buffer<L> contextual, prior, mark, best_loss, loss;
  Buffer<int64_t> step, stale;
  Buffer<bool> evaluated, active;

  Batch(int64_t batch_, int64_t nz_, std::size_t shift = 0)
      : batch(batch_),
        nz(nz_),
        z(batch * nz, shift),
        best_z(batch * nz, shift),
        contextual(batch, shift),
        prior(batch, shift),
        mark(batch, shift),
        best_loss(batch, shift),
        loss(batch, shift, L(77)),
        step(batch, 0),
        stale(batch, 0),
        evaluated(batch, 0),
        active(batch, 0) {
    std::mt19937 random(11);
    z.fill_uniform(random, -1, 1);
    best_z.fill_uniform(random, -1, 1);
    const double of_mark[] = {2.0, 1.0 / 0.9991, 1.0 / 0.9989, kInfinity, 0.5};
    const double of_best[] = {1.0, 1.5, kInfinity, 0.25};
    for (int64_t b = 0; b < batch; ++b) {
      contextual[b] = b % 7 == 5 ? L(kNan) : L(0.75), prior[b] = L(b % 3 == 0 ? 2.5 : 0.5);
      mark[b] = L(of_mark[b % 5]), best_loss[b] = L(of_best[b % 4]);
      if (b % 11 == 3) contextual[b] = prior[b] = mark[b] = 0;  // no less than nothing: it has not fallen
      step[b] = 8 + b % 4, stale[b] = b % 6;
      evaluated[b] = active[b] = b % 2 == 0;
    }
  }

  KeepBestArgs args(const KeepOptions& options) {
    return {
        z.data(),         contextual.data(), prior.data(), step.data(),   mark.data(), stale.data(), evaluated.data(),
        best_loss.data(), best_z.data(),     loss.data(),  active.data(), batch,       nz,           options};
  }

  void keep_plainly(const KeepOptions& o) {
    for (int64_t b = 0; b < batch; ++b) {
      const L now = contextual[b] + static_cast<L>(o.weight) * prior[b];
      const bool goes_on = step[b] < o.iterations && (o.patience == 0 || stale[b] < o.patience);
      const bool fell = now < mark[b] * static_cast<L>(0.999), better = now < best_loss[b];
      loss[b] = now, active[b] = goes_on, evaluated[b] = !goes_on;
      stale[b] = fell ? 0 : stale[b] + 1;
      if (fell) mark[b] = now;
      if (better) best_loss[b] = now;
      for (int64_t i = 0; better && i < nz; ++i) best_z[b * nz + i] = z[b * nz + i];
    }
  }
};

template <class T>
bool same(const Batch<T>& a, const Batch<T>& b) {
  const auto same_bits = [](const auto& p, const auto& q) { return values::same_bits(p.data(), q.data(), p.size()); };
  return same_bits(a.z, b.z) && same_bits(a.best_z, b.best_z) && same_bits(a.mark, b.mark) &&
         same_bits(a.best_loss, b.best_loss) && same_bits(a.loss, b.loss) && same_bits(a.stale, b.stale) &&
         same_bits(a.step, b.step) && same_bits(a.evaluated, b.evaluated) && same_bits(a.active, b.active);
}

const KeepOptions kOptions[] = {{0.5, 10, 0}, {0.5, 10, 3}, {0.0, 9, 1}, {0.003, 1000, 0}};

// keep(batch, options) is the op under test, twice in a row.
template <class T, class Keep>
void compare_with_loop(int64_t batch, int64_t nz, std::size_t shift, Keep keep) {
  for (const KeepOptions& options : kOptions) {
    Batch<T> tested(batch, nz, shift), expected(batch, nz, shift);
    for (int i = 0; i < 2; ++i) {
      keep(tested, options);
      expected.keep_plainly(options);
      CHECK(same(tested, expected),
            "batch " << batch << ", nz " << nz << ", patience " << options.patience << ", " << i);
    }
  }
}

template <class T>
int run(Batch<T>& batch, const KeepOptions& options) {
  return cuda::keep_best(values::kDtype<T>, batch.args(options), nullptr);
}

template <class T>
void check_loops(cpu::Isa isa) {
  for (const int64_t nz : {0, 1, 7, 100}) {
    compare_with_loop<T>(61, nz, nz % 2, [&](auto& batch, const KeepOptions& options) {
      cpu::keep_best[isa](values::kDtype<T>, batch.args(options), 0, 20);
      cpu::keep_best[isa](values::kDtype<T>, batch.args(options), 20, 61);
    });
  }
}

}  // namespace

TEST(keep_best_is_the_plain_loop) {
  values::for_each_type([](auto zero) {
    using T = decltype(zero);
    const auto keep = [](Batch<T>& batch, const KeepOptions& options) { CHECK(run(batch, options) == cudaSuccess); };
    for (const int64_t nz : {0, 1, 31, 32, 100, 129, 300}) compare_with_loop<T>(31, nz, nz % 2, keep);
    compare_with_loop<T>(1, 100, 0, keep);
    compare_with_loop<T>(0, 100, 0, keep);
  });
}

TEST(keep_best_is_one_launch_and_the_same_in_any_order_of_threads) {
  Batch<float> expected(31, 200);
  expected.keep_plainly(kOptions[1]);
  values::for_each_order([&] {
    Batch<float> batch(31, 200);
    const int before = shim::launches();
    CHECK(run(batch, kOptions[1]) == cudaSuccess);
    CHECK(shim::launches() == before + 1);
    CHECK(same(batch, expected));
  });
}

TEST(keep_best_refuses_what_it_has_no_kernel_for) {
  Batch<float> batch(1, 1);
  KeepBestArgs args = batch.args(kOptions[0]);
  CHECK(cuda::keep_best(Dtype::float64, args, nullptr) == cudaErrorInvalidValue);
  args.batch = INT64_C(1) << 31;
  CHECK(cuda::keep_best(Dtype::float32, args, nullptr) == cudaErrorInvalidValue);
}

TEST(every_instruction_set_has_the_plain_loops_keep_best) {
  isas::for_each([](cpu::Isa isa) {
    check_loops<float>(isa);
    check_loops<double>(isa);
  });
}

TEST(keep_best_adds_up_the_parts_of_a_loss) {
  for (const int64_t parts : {0, 2, 5}) {
    Batch<float> whole(31, 100), cut(31, 100);
    Buffer<float> of_parts(31 * parts, 1);
    for (int64_t b = 0; b < 31; ++b) {
      whole.contextual[b] = 0;
      for (int64_t p = 0; p < parts; ++p) {
        of_parts[b * parts + p] = static_cast<float>(b % 7 + p) / 16;  // whose sums are exact
        whole.contextual[b] += of_parts[b * parts + p];
      }
    }
    KeepBestArgs args = cut.args(kOptions[1]);
    args.contextual = of_parts.data(), args.parts = parts;
    CHECK(cuda::keep_best(Dtype::float32, args, nullptr) == cudaSuccess);
    whole.keep_plainly(kOptions[1]);
    cut.contextual = whole.contextual;
    CHECK(same(cut, whole), parts << " parts");
  }
}
