// Which devices the kernels run on, and what an error means.
#include "device.h"
#include "launch.cuh"

namespace inpaintx::cuda {
namespace {

// Compiled for the same architectures as the kernels that do something: where this one loads, they do.
__global__ void nothing() {}

}  // namespace

int probe(int device, Code& code) {
  int previous = 0;
  cudaError_t error = cudaGetDevice(&previous);
  if (error == cudaSuccess) {
    error = cudaSetDevice(device);
  }
  if (error == cudaSuccess) {
    cudaFuncAttributes attributes;
    error = cudaFuncGetAttributes(&attributes, nothing);
    if (error == cudaSuccess) {
      code = {attributes.binaryVersion, attributes.ptxVersion};
    }
    cudaSetDevice(previous);
  }
  cudaGetLastError();  // the error is the answer: it must not turn up after a later launch
  return error;
}

const char* error_text(int error) { return cudaGetErrorString(static_cast<cudaError_t>(error)); }

}  // namespace inpaintx::cuda
