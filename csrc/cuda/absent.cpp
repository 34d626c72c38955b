// Stands in for the kernels where there was no nvcc: every launcher answers with the reason.
#include "launchers.h"

extern "C" {

int inpaintx_cuda_context_loss(inpaintx::Dtype, const inpaintx::ContextLossArgs*, void*) { return -1; }
int inpaintx_cuda_latent_step(inpaintx::Dtype, const inpaintx::LatentStepArgs*, void*) { return -1; }
int inpaintx_cuda_context_weight(inpaintx::Dtype, const inpaintx::ContextWeightArgs*, int32_t*, void*) { return -1; }
int inpaintx_cuda_probe(int) { return -1; }
const char* inpaintx_cuda_error_text(int) { return "this build has no CUDA kernels: " INPAINTX_CUDA_REASON; }

}  // extern "C"
