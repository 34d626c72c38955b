// The CUDA devices, as far as the kernels know them.
//
// Each op's op.h declares the launchers of its cuda.cu. Their pointers are on the device that is current; `stream` is
// its cudaStream_t. A launcher queues its kernels and returns, with no allocation and no synchronisation: 0, or a
// cudaError_t.
#pragma once

namespace inpaintx::cuda {

#if defined(INPAINTX_CUDA_MISSING)
inline constexpr bool kCompiled = false;  // no cuda.cu is in this build, so no launcher may be called
inline constexpr const char* kMissing = "this build has no CUDA kernels: " INPAINTX_CUDA_MISSING;
#else
inline constexpr bool kCompiled = true;
inline constexpr const char* kMissing = "";
#endif

// The code of the kernels that a device runs: for which architecture it is, 90 for sm_90, and from whose PTX it was
// made. They differ where the driver has made it, since this library holds none that the device could run.
struct Code {
  int architecture;
  int ptx;
};

// Can the kernels run on this device, and by which code? 0, or the cudaError_t that says why not (driver too old, no
// kernel for this GPU). Makes the device current while it asks, and puts the old one back.
int probe(int device, Code& code);

// The runtime's one-line text for an error.
const char* error_text(int error);

}  // namespace inpaintx::cuda
