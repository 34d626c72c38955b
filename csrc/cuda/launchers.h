// What csrc/ops.cpp calls of the CUDA side. Pointers are on the device that is current; stream is its cudaStream_t.
// Each launcher queues its kernels and returns: no allocation, no synchronisation. 0, or a cudaError_t.
#pragma once

#include "../math/params.h"

extern "C" {

// dtype: float32, float16 or bfloat16 (loss is float32).
int inpaintx_cuda_context_loss(inpaintx::Dtype dtype, const inpaintx::ContextLossArgs* args, void* stream);
int inpaintx_cuda_latent_step(inpaintx::Dtype dtype, const inpaintx::LatentStepArgs* args, void* stream);

// scratch: batch * height * width int32, for the hole counts between the row and the column pass; the caller's, who may
// free it on the same stream at once.
int inpaintx_cuda_context_weight(inpaintx::Dtype dtype, const inpaintx::ContextWeightArgs* args, int32_t* scratch,
                                 void* stream);

// Can the kernels run on this device? 0, or the cudaError_t that says why not (driver too old, no kernel for this GPU).
// Makes the device current while it asks, and puts the old one back.
int inpaintx_cuda_probe(int device);

// The runtime's one-line text for an error.
const char* inpaintx_cuda_error_text(int error);

}  // extern "C"
