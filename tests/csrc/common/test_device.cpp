// Asking a device whether the kernels run on it.
#include <string>

#include "../../../csrc/common/device.cu"
#include "check.h"

TEST(a_probe_answers_and_puts_the_current_device_back) {
  CHECK(cudaSetDevice(0) == cudaSuccess);
  inpaintx::cuda::Code code{};
  CHECK(inpaintx::cuda::probe(1, code) == cudaSuccess);
  CHECK(code.architecture == 110 && code.ptx == 75);
  int device = -1;
  CHECK(cudaGetDevice(&device) == cudaSuccess && device == 0);
  CHECK(inpaintx::cuda::probe(0, code) == cudaSuccess);
  CHECK(code.architecture == 90 && code.ptx == 90);
}

TEST(a_probe_of_a_device_that_is_not_there_says_so_and_leaves_no_error_behind) {
  inpaintx::cuda::Code code{-1, -1};
  const int error = inpaintx::cuda::probe(7, code);
  CHECK(code.architecture == -1);
  CHECK(error == cudaErrorInvalidDevice);
  CHECK(std::string(inpaintx::cuda::error_text(error)) == "invalid device ordinal");
  CHECK(cudaGetLastError() == cudaSuccess);
}
