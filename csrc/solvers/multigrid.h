// Laplace's equation on the hole of a picture: one multigrid V-cycle, to precondition conjugate gradients.
//
// The unknowns are the hole's pixels. The matrix is the 5-point Laplacian, seen as a network of conductances: 1
// between neighbours, to ground where the neighbour is known (Dirichlet), none over the picture's border
// (zero flux). It is symmetric and positive definite for a hole of any shape with a known pixel beside each part.
//
// A coarse cell stands for 2 x 2 cells of the next finer grid, and is an unknown if any of them is. Conductances
// side by side add up, and are halved because they span two cells in a row; this is the aggregation of Braess (1995,
// Computing 55) with its overcorrection. Those to ground only add up. Every grid thus keeps the 5-point shape, holes
// thinner than a cell included, and conjugate gradients absorb what the coarse grids get wrong.
#pragma once

#include <cstddef>
#include <vector>

#include "network.h"

namespace inpaintx {

class Multigrid {
 public:
  // hole: [height * width], nonzero where a pixel is unknown.
  Multigrid(const std::vector<char>& hole, std::ptrdiff_t height, std::ptrdiff_t width);

  const Grid& grid() const { return levels_.front(); }

  // product = the Laplacian (positive on the diagonal) of x, for an x that is 0 outside the hole.
  void multiply(const std::vector<double>& x, std::vector<double>& product) const;

  // B residual, where B approximates the matrix's inverse, and is symmetric and positive definite, too.
  const std::vector<double>& precondition(const std::vector<double>& residual);

 private:
  struct Level : Network {
    explicit Level(Network network);
    void relax(bool black);

    std::vector<double> solution, right_side;  // of the V-cycle
  };

  void cycle(std::size_t depth);

  std::vector<Level> levels_;
};

}  // namespace inpaintx
