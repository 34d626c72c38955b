// What inpaintx/native.py reads with ctypes: what this library holds and uses, and whether its kernels run on a GPU.
#include "info.h"

#include "device.h"
#include "isa.h"
#include "stream.h"

namespace inpaintx {
namespace {

// Not a global: facts are told while globals are still being made, in whatever order the linker put them.
std::string& facts() {
  static std::string lines;
  return lines;
}

// The widest first.
std::string isas(bool only_runnable) {
  std::string names;
  for (const cpu::Isa isa : cpu::kIsas) {
    if (only_runnable && !cpu::runs_here(isa)) continue;
    names = cpu::name_of(isa) + (names.empty() ? "" : "," + names);
  }
  return names;
}

const char* obstacle(int device, cuda::Code& code) {
  if (!aoti_torch_get_current_cuda_stream) return "this torch has no CUDA";
  if constexpr (!cuda::kCompiled) {
    return cuda::kMissing;
  } else {
    const int error = cuda::probe(device, code);
    return error ? cuda::error_text(error) : nullptr;
  }
}

}  // namespace

Fact::Fact(const char* name, const std::string& value) { facts() += "\n" + (name + ("=" + value)); }

}  // namespace inpaintx

// One fact a line.
extern "C" __attribute__((visibility("default"))) const char* inpaintx_ops_info() {
  using namespace inpaintx;
  static const std::string text = std::string("isa=") + cpu::name_of(cpu::isa_for(cpu::Bound::memory)) +
                                  "\nisa_layers=" + cpu::name_of(cpu::isa_for(cpu::Bound::arithmetic)) +
                                  "\nisas_built=" + isas(false) + "\nisas_runnable=" + isas(true) +
                                  "\ncuda=" INPAINTX_CUDA_STATE + facts();
  return text.c_str();
}

// Why the kernels can't run on this CUDA device: one line, or null where they can.
extern "C" __attribute__((visibility("default"))) const char* inpaintx_ops_cuda_obstacle(int device) {
  inpaintx::cuda::Code code{};
  return inpaintx::obstacle(device, code);
}

// Which code of the kernels this CUDA device runs, "90 90": for which architecture it is, and from whose PTX it was
// made. Null where there is an obstacle.
extern "C" __attribute__((visibility("default"))) const char* inpaintx_ops_cuda_code(int device) {
  static thread_local std::string text;
  inpaintx::cuda::Code code{};
  if (inpaintx::obstacle(device, code)) return nullptr;
  text = std::to_string(code.architecture) + " " + std::to_string(code.ptx);
  return text.c_str();
}
