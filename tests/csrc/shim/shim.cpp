#include <sys/mman.h>
#include <ucontext.h>

#include <algorithm>
#include <new>
#include <numeric>
#include <random>
#include <stdexcept>
#include <utility>
#include <vector>

#include "cuda_runtime.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#endif
#if defined(SHIM_UNDER_TSAN)  // not __SANITIZE_THREAD__: this file itself is not watched
#include <sanitizer/tsan_interface.h>
#endif

uint3 threadIdx;
uint3 blockIdx;
dim3 blockDim;
dim3 gridDim;

namespace shim {
namespace {

constexpr unsigned kWarp = 32;
constexpr unsigned kMaxThreads = 1024;
constexpr std::size_t kStackBytes = 64 * 1024;  // AddressSanitizer sweeps all of it at every switch

enum class State { ready, at_barrier, at_shuffle, done };

struct Fiber {
  ucontext_t context;
  void* fake_stack;
  State state;
  std::uint64_t value;
  unsigned source_lane;
};

Order order = Order::forward;
std::mt19937 shuffler(1);
cudaError_t last_error = cudaSuccess;
int launch_count = 0;
int current_device = 0;

std::vector<Fiber> fibers(kMaxThreads);
ucontext_t scheduler;
void* scheduler_fake_stack;
const void* scheduler_stack;
std::size_t scheduler_stack_bytes;
unsigned current;
const std::function<void()>* running_kernel;

char* stack_of(unsigned thread) {
  static char* const stacks = [] {
    void* memory = mmap(nullptr, kMaxThreads * kStackBytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) {
      throw std::bad_alloc();
    }
    return static_cast<char*>(memory);
  }();
  return stacks + thread * kStackBytes;
}

// AddressSanitizer has to be told of every change of stack.
void leaving([[maybe_unused]] void** fake_stack, [[maybe_unused]] const void* stack,
             [[maybe_unused]] std::size_t bytes) {
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_start_switch_fiber(fake_stack, stack, bytes);
#endif
}

void arrived([[maybe_unused]] void* fake_stack, [[maybe_unused]] const void** stack,
             [[maybe_unused]] std::size_t* bytes) {
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_finish_switch_fiber(fake_stack, stack, bytes);
#endif
}

// ThreadSanitizer takes fibers for threads that know nothing of each other, but for what these four say: what lies
// before a launch is known to all, a barrier joins the threads of the block, and its end is known to the launch.
// Shuffles join nothing: on a GPU, too, they order no memory.
char beginning, barrier, end;
#if defined(SHIM_UNDER_TSAN)
void* fiber_of(unsigned thread) {
  static std::vector<void*> known(kMaxThreads);
  return known[thread] ? known[thread] : known[thread] = __tsan_create_fiber(0);
}
void* scheduler_fiber() {
  static void* const fiber = __tsan_get_current_fiber();
  return fiber;
}
void switch_to(void* fiber) { __tsan_switch_to_fiber(fiber, __tsan_switch_to_fiber_no_sync); }
void tell(char& place) { __tsan_release(&place); }
void hear(char& place) { __tsan_acquire(&place); }
#else
void* fiber_of(unsigned) { return nullptr; }
void* scheduler_fiber() { return nullptr; }
void switch_to(void*) {}
void tell(char&) {}
void hear(char&) {}
#endif

void yield_as(State state) {
  Fiber& fiber = fibers[current];
  fiber.state = state;
  leaving(state == State::done ? nullptr : &fiber.fake_stack, scheduler_stack, scheduler_stack_bytes);
  switch_to(scheduler_fiber());
  swapcontext(&fiber.context, &scheduler);
  arrived(fiber.fake_stack, nullptr, nullptr);
}

void fiber_main() {
  arrived(nullptr, &scheduler_stack, &scheduler_stack_bytes);
  hear(beginning);
  (*running_kernel)();
  tell(end);
  yield_as(State::done);
}

void resume(unsigned thread) {
  current = thread;
  threadIdx = {thread % blockDim.x, thread / blockDim.x % blockDim.y, thread / (blockDim.x * blockDim.y)};
  leaving(&scheduler_fake_stack, stack_of(thread), kStackBytes);
  switch_to(fiber_of(thread));
  swapcontext(&scheduler, &fibers[thread].context);
  arrived(scheduler_fake_stack, nullptr, nullptr);
}

std::vector<unsigned> in_order(unsigned count) {
  std::vector<unsigned> indices(count);
  std::iota(indices.begin(), indices.end(), 0u);
  if (order == Order::backward) {
    std::reverse(indices.begin(), indices.end());
  } else if (order == Order::shuffled) {
    std::shuffle(indices.begin(), indices.end(), shuffler);
  }
  return indices;
}

bool all_are(State state, unsigned first, unsigned end) {
  return std::all_of(fibers.begin() + first, fibers.begin() + end,
                     [state](const Fiber& fiber) { return fiber.state == state; });
}

// Gives the lanes of a warp what they asked for, if all of them have.
bool finish_shuffle(unsigned first, unsigned end) {
  if (end - first != kWarp || !all_are(State::at_shuffle, first, end)) {
    return false;
  }
  std::uint64_t values[kWarp];
  for (unsigned lane_index = 0; lane_index < kWarp; ++lane_index) {
    const Fiber& fiber = fibers[first + lane_index];
    if (fiber.source_lane >= kWarp) {
      throw std::logic_error("shuffle with a partial mask or from a lane that does not exist");
    }
    values[lane_index] = fibers[first + fiber.source_lane].value;
  }
  for (unsigned lane_index = 0; lane_index < kWarp; ++lane_index) {
    fibers[first + lane_index].value = values[lane_index];
    fibers[first + lane_index].state = State::ready;
  }
  return true;
}

// Until none of its threads can go on: a warp runs as far ahead of the others as the barriers let it.
void run_warp(unsigned first, unsigned end) {
  do {
    for (const unsigned lane_index : in_order(end - first)) {
      if (fibers[first + lane_index].state == State::ready) {
        resume(first + lane_index);
      }
    }
  } while (finish_shuffle(first, end));
}

bool pass_barrier(unsigned threads) {
  const bool passed = all_are(State::at_barrier, 0, threads);
  if (passed) {
    std::for_each(fibers.begin(), fibers.begin() + threads, [](Fiber& fiber) { fiber.state = State::ready; });
  }
  return passed;
}

void prepare(unsigned thread) {
  Fiber& fiber = fibers[thread];
  getcontext(&fiber.context);
  fiber.context.uc_stack.ss_sp = stack_of(thread);
  fiber.context.uc_stack.ss_size = kStackBytes;
  fiber.context.uc_link = nullptr;
  fiber.state = State::ready;
  makecontext(&fiber.context, fiber_main, 0);
}

void run_block(unsigned threads) {
  scheduler_fiber();
  tell(beginning);
  for (unsigned thread = 0; thread < threads; ++thread) {
    prepare(thread);
  }
  do {
    for (const unsigned warp : in_order((threads + kWarp - 1) / kWarp)) {
      run_warp(warp * kWarp, std::min((warp + 1) * kWarp, threads));
    }
    if (all_are(State::done, 0, threads)) {
      hear(end);
      return;
    }
  } while (pass_barrier(threads));
  throw std::logic_error("only some threads reach a barrier or a shuffle");
}

bool launchable(dim3 grid, dim3 block) {
  const auto threads = static_cast<std::uint64_t>(block.x) * block.y * block.z;
  return threads >= 1 && threads <= kMaxThreads && block.z <= 64 && grid.x >= 1 && grid.x <= 0x7fffffffu &&
         grid.y >= 1 && grid.y <= 65535 && grid.z >= 1 && grid.z <= 65535;
}

}  // namespace

void set_order(Order new_order) { order = new_order; }

int launches() { return launch_count; }

void launch(dim3 grid, dim3 block, const std::function<void()>& kernel) {
  if (!launchable(grid, block)) {
    last_error = cudaErrorInvalidConfiguration;
    return;
  }
  ++launch_count;
  gridDim = grid;
  blockDim = block;
  running_kernel = &kernel;
  for (const unsigned index : in_order(grid.x * grid.y * grid.z)) {
    blockIdx = {index % grid.x, index / grid.x % grid.y, index / (grid.x * grid.y)};
    run_block(block.x * block.y * block.z);
  }
}

void sync_threads() {
  tell(barrier);
  yield_as(State::at_barrier);
  hear(barrier);
}

unsigned lane() { return current % kWarp; }

std::uint64_t shuffle(std::uint64_t value, unsigned source_lane) {
  Fiber& fiber = fibers[current];
  fiber.value = value;
  fiber.source_lane = source_lane;
  yield_as(State::at_shuffle);
  return fiber.value;
}

}  // namespace shim

cudaError_t cudaGetLastError() { return std::exchange(shim::last_error, cudaSuccess); }

cudaError_t cudaGetDevice(int* device) {
  *device = shim::current_device;
  return cudaSuccess;
}

cudaError_t cudaSetDevice(int device) {
  if (device < 0 || device > 1) {
    return shim::last_error = cudaErrorInvalidDevice;
  }
  shim::current_device = device;
  return cudaSuccess;
}

const char* cudaGetErrorString(cudaError_t error) {
  switch (error) {
    case cudaSuccess:
      return "no error";
    case cudaErrorInvalidConfiguration:
      return "invalid configuration argument";
    case cudaErrorInvalidDevice:
      return "invalid device ordinal";
    default:
      return "invalid argument";
  }
}
