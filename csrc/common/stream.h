// How an op's kernels are queued where torch wants them. Beside tensors.h, for ops that have kernels.
#pragma once

#include <string>

#include "device.h"
#include "tensors.h"

// Only a CUDA torch has it.
extern "C" __attribute__((weak)) AOTITorchError aoti_torch_get_current_cuda_stream(int32_t device, void** stream);

namespace inpaintx {

// Calls `launcher`, of an op's cuda.cu, with these arguments and the stream that is current on the tensor's device.
template <auto launcher, class... Args>
void launch_on_device_of(const Tensor& t, const char* op, const Args&... args) {
  if constexpr (!cuda::kCompiled) {
    fail(op, cuda::kMissing);
  } else {
    if (!aoti_torch_get_current_cuda_stream) fail(op, "this torch has no CUDA");
    const torch::stable::accelerator::DeviceGuard guard(t.get_device_index());
    void* stream = nullptr;
    STABLE_TORCH_ERROR_CODE_CHECK(aoti_torch_get_current_cuda_stream(t.get_device_index(), &stream));
    if (const int error = launcher(args..., stream)) fail(op, std::string("CUDA: ") + cuda::error_text(error));
  }
}

}  // namespace inpaintx
