// The 5-point Laplacian (positive on the diagonal) on a grid, seen as a network of conductances.
#pragma once

#include <cstddef>
#include <vector>

#include "grid.h"

namespace inpaintx {

// Where there is no neighbour the conductance is 0.
struct Network : Grid {
  explicit Network(Grid grid);

  // The matrix's row i times x, without the diagonal, negated: the current that flows in from the neighbours.
  double inflow(const std::vector<double>& x, std::ptrdiff_t i) const {
    return east[i] * x[i + 1] + east[i - 1] * x[i - 1] + south[i] * x[i + stride] + south[i - stride] * x[i - stride];
  }
  // The matrix's row i times x.
  double product(const std::vector<double>& x, std::ptrdiff_t i) const { return diagonal[i] * x[i] - inflow(x, i); }

  std::vector<float> east, south;  // conductance to the unknown on the right, and to the one below
  std::vector<float> diagonal;     // the sum of all the cell's conductances
};

// Conductance 1 between neighbours; to ground where the neighbour is in the grid but not an unknown; none over the
// grid's border (zero flux).
Network unit_network(const std::vector<char>& hole, std::ptrdiff_t height, std::ptrdiff_t width);

}  // namespace inpaintx
