// The options and arguments of each op: filled by csrc/ops.cpp, read by the loops on every device.
// Plain data, so that a kernel takes them by value. Strides are in elements.
#pragma once

#include <stdint.h>

namespace inpaintx {

// The enumerators' values are those of the dictionaries in inpaintx/reference.py.
enum class Norm : int64_t { l1 = 0, l2 = 1, huber = 2 };
enum class Optimizer : int64_t { adam = 0, nesterov = 1 };
enum class Clip : int64_t { clamp = 0, stochastic = 1, none = 2 };
enum class Border : int64_t { valid = 0, zero = 1 };

enum class Dtype : int { float32, float64, float16, bfloat16 };

// A tensor seen as [batch, channels, pixels]: element (b, c, p) is data[b * batch + c * channel + p * pixel].
template <class Pointer>
struct View {
  Pointer data;
  int64_t batch;
  int64_t channel;
  int64_t pixel;
};

struct ContextLossArgs {
  View<const void*> x;
  View<const void*> y;
  View<const void*> w;      // channel stride 0
  View<const void*> prior;  // data null: no prior gradient
  View<void*> grad;
  void* loss;  // [batch]: float64 for float64 input, float32 otherwise
  int64_t batch;
  int64_t channels;
  int64_t pixels;
  Norm norm;
  double delta;  // huber only
};

struct StepOptions {
  Optimizer optimizer;
  Clip clip;
  double lr;
  double beta1;  // nesterov: the momentum
  double beta2;  // adam only
  double eps;    // adam only
  double bound;  // the box is [-bound, bound]
};

// z, grad, m, v: [batch, nz], contiguous, one dtype; v is null for nesterov.
struct LatentStepArgs {
  void* z;
  const void* grad;
  void* m;
  void* v;
  int64_t* step;        // [batch]; one more for each active sample
  const int64_t* seed;  // [batch]
  const bool* active;   // [batch]; a sample that is not active is left as it is
  int64_t batch;
  int64_t nz;
  StepOptions options;
};

// mask, weight: [batch, height, width], contiguous, one dtype; known where mask > 0.5.
struct ContextWeightArgs {
  const void* mask;
  void* weight;
  int64_t batch;
  int64_t height;
  int64_t width;
  int64_t window;  // odd
  Border border;
};

// image_up and image_down: the convolution with stride 2 between feature maps and the image, padded by (kernel - 1) / 2,
// in one direction or the other. Computed in T: float64 for float64 maps, float32 otherwise; image, weights and bias are T.
struct ImageLayerArgs {
  void* maps;           // [batch, height, width, features]
  const void* gate;     // like maps, or null
  void* image;          // [batch, channels, 2 height, 2 width]
  const void* weights;  // packed as csrc/cpu/layers.h says
  const void* bias;     // down: [features], up: [channels]; or null
  int64_t batch;
  int64_t features;
  int64_t height;
  int64_t width;
  int64_t channels;
  int64_t kernel;  // 4 or 5
  double slope;
};

}  // namespace inpaintx
