// context_weight: how many hole pixels the window around a pixel has. First each row's running count of holes, whose
// difference between two columns is a window's share of that row; then down each column a sum that slides from row to
// row. Counts are integers: exact, in any order. Each pixel is read a fixed number of times, whatever the window.
#include "../../common/element.cuh"
#include "../../common/launch.cuh"
#include "../../common/reduce.cuh"
#include "math.h"
#include "op.h"

namespace inpaintx::cuda {
namespace {

constexpr int kMaxThreads = 256;

// One block a row: counts[row, column] = holes in the row's columns 0 .. column.
template <class T>
__global__ void __launch_bounds__(kMaxThreads) count_holes_in_rows(ContextWeightArgs args, int32_t* counts) {
  __shared__ int32_t warp_totals[kMaxThreads / kWarp];
  const int lane = threadIdx.x % kWarp;
  const int warp = threadIdx.x / kWarp;
  const int warps = blockDim.x / kWarp;
  const int64_t row = blockIdx.x * args.width;
  int32_t before = 0;
  // All threads take part in every round, those beyond the row's end with nothing: the barriers are for all.
  for (int64_t first = 0; first < args.width; first += blockDim.x) {
    const int64_t column = first + threadIdx.x;
    const bool inside = column < args.width;
    const bool hole = inside && !math::is_known(to_float(static_cast<const T*>(args.mask)[row + column]));
    int32_t count = warp_prefix_sum(hole ? 1 : 0);
    if (lane == kWarp - 1) {
      warp_totals[warp] = count;
    }
    __syncthreads();
    count += before;
    for (int other = 0; other < warps; ++other) {
      count += other < warp ? warp_totals[other] : 0;
      before += warp_totals[other];
    }
    if (inside) {
      counts[row + column] = count;
    }
    __syncthreads();
  }
}

// One thread for a column of a segment of rows; grid: tiles of columns, within segments, within the batch.
template <class T>
__global__ void __launch_bounds__(kMaxThreads) weigh_columns(ContextWeightArgs args, const int32_t* counts,
                                                             unsigned tiles, unsigned segments, int64_t segment_rows) {
  const int64_t column = static_cast<int64_t>(blockIdx.x % tiles) * blockDim.x + threadIdx.x;
  if (column >= args.width) {
    return;
  }
  const int64_t first_row = blockIdx.x / tiles % segments * segment_rows;
  const int64_t end_row = first_row + segment_rows < args.height ? first_row + segment_rows : args.height;
  const int64_t image = static_cast<int64_t>(blockIdx.x / tiles / segments) * args.height * args.width;
  const int64_t radius = args.window / 2;
  const int64_t last_column = radius < args.width - column ? column + radius : args.width - 1;
  const int64_t columns = math::inside_count(column, radius, args.width);

  const auto holes_in_row = [&](int64_t row) {
    const int32_t* row_counts = counts + image + row * args.width;
    return row_counts[last_column] - (column > radius ? row_counts[column - radius - 1] : 0);
  };

  int32_t holes = 0;
  for (int64_t row = first_row > radius ? first_row - radius : 0; row < first_row + radius && row < args.height;
       ++row) {
    holes += holes_in_row(row);
  }
  int64_t at = image + first_row * args.width + column;
  for (int64_t row = first_row; row < end_row; ++row, at += args.width) {
    if (row + radius < args.height) {
      holes += holes_in_row(row + radius);
    }
    const bool known = math::is_known(to_float(static_cast<const T*>(args.mask)[at]));
    const int64_t inside = columns * math::inside_count(row, radius, args.height);
    store(static_cast<T*>(args.weight) + at,
          math::weight_element<float>(known, holes, inside, args.window, args.border));
    if (row >= radius) {
      holes -= holes_in_row(row - radius);
    }
  }
}

template <class T>
void launch(const ContextWeightArgs& args, int32_t* counts, cudaStream_t stream) {
  const unsigned threads = block_size(args.width, kMaxThreads);
  // A segment starts by adding up a window of rows; no shorter than that window, it at most doubles the reading.
  constexpr int64_t kMinSegmentRows = 64;
  const int64_t segment_rows = std::min(args.height, std::max(kMinSegmentRows, args.window));
  const auto segments = static_cast<unsigned>((args.height + segment_rows - 1) / segment_rows);
  const auto tiles = static_cast<unsigned>((args.width + threads - 1) / threads);
  LAUNCH(count_holes_in_rows<T>, static_cast<unsigned>(args.batch * args.height), threads, stream, args, counts);
  LAUNCH(weigh_columns<T>, static_cast<unsigned>(args.batch) * segments * tiles, threads, stream, args, counts, tiles,
         segments, segment_rows);
}

}  // namespace

int context_weight(Dtype dtype, const ContextWeightArgs& args, int32_t* scratch, void* stream) {
  const int64_t pixels = args.batch * args.height * args.width;
  if (pixels == 0) {
    return cudaSuccess;
  }
  // Neither kernel has more blocks than there are rows, or tiles of at least a warp's width.
  if (args.batch * args.height > kMaxBlocks || args.height * args.width > INT32_MAX) {
    return cudaErrorInvalidValue;
  }
  return with_type(dtype, [&](auto zero) { launch<decltype(zero)>(args, scratch, static_cast<cudaStream_t>(stream)); });
}

}  // namespace inpaintx::cuda
