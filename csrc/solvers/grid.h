// A rectangle of cells, some of which are unknowns, and how arrays over it are laid out.
#pragma once

#include <cstddef>
#include <vector>

namespace inpaintx {

// Unknowns side by side in one row, from `column` on: indices [begin, end) into a grid's arrays.
struct Run {
  std::ptrdiff_t row, column;
  std::ptrdiff_t begin, end;
};

// Arrays over a grid are row-major, with a margin, so that every index up to two rows and two columns away is valid.
struct Grid {
  // hole: [height * width], nonzero where a cell is unknown.
  Grid(const std::vector<char>& hole, std::ptrdiff_t height, std::ptrdiff_t width);

  std::ptrdiff_t index(std::ptrdiff_t row, std::ptrdiff_t column) const {
    return (row + margin) * stride + column + margin;
  }

  static constexpr std::ptrdiff_t margin = 2;  // a row's right one is the left one of the next
  std::ptrdiff_t height, width, stride;
  std::size_t size;  // of an array
  std::vector<Run> runs;
  std::vector<char> unknown;  // an array over the grid
};

// Calls body(i, row, column) for each unknown.
template <typename Body>
void for_each_cell(const Grid& grid, Body body) {
  for (const Run& run : grid.runs) {
    for (std::ptrdiff_t i = run.begin; i < run.end; ++i) {
      body(i, run.row, run.column + i - run.begin);
    }
  }
}

// Calls body(i) for each unknown.
template <typename Body>
void for_each_unknown(const Grid& grid, Body body) {
  for (const Run& run : grid.runs) {
    for (std::ptrdiff_t i = run.begin; i < run.end; ++i) {
      body(i);
    }
  }
}

// A grid with half the rows and columns, rounded up. A cell of it is an unknown if any of the 2 x 2 in it is.
Grid coarsened(const Grid& fine);

}  // namespace inpaintx
