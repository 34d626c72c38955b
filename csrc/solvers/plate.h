// A plate in tension on the hole of a picture, L (L + tension) with the 5-point Laplacian L, and one multigrid V-cycle
// to precondition conjugate gradients on it.
//
// The unknowns are the hole's pixels; the Laplacian is that of all pixels, with zero flux over the picture's border, so
// that the known pixels clamp the plate by their slopes, too. It is symmetric and positive definite if any pixel is
// known.
//
// A coarse cell stands for 2 x 2 cells of the next finer grid, and is an unknown if any of them is. It is the
// coefficient of a biquadratic B-spline, cut off at the hole's rim and mirrored at the picture's border: these are
// smooth enough to be refined level by level without a change of their bending energy (piecewise constant or linear
// functions have kinks, that is, infinite energy as the grid becomes finer), and keep the stencils at 5 x 5 cells. The
// coarse matrices are Galerkin products, so holes thinner than a cell and lone known pixels are seen on every level.
#pragma once

#include <array>
#include <cstddef>
#include <vector>

#include "grid.h"
#include "network.h"

namespace inpaintx {

class Plate {
 public:
  // hole: [height * width], nonzero where a pixel is unknown.
  Plate(const std::vector<char>& hole, std::ptrdiff_t height, std::ptrdiff_t width, double tension = 0.0);

  const Grid& grid() const { return finest_; }

  // In the hole, product = L (L + tension) x. x may be other than 0 outside the hole.
  void multiply(const std::vector<double>& x, std::vector<double>& product);

  // B residual, where B approximates the inverse of the matrix in the hole, and is symmetric and positive definite.
  const std::vector<double>& precondition(const std::vector<double>& residual);

 private:
  // A matrix's row: the entries for the cells up to two rows and two columns away, row by row.
  using Stencil = std::array<double, 25>;

  // The picture's pixels.
  struct Finest : Grid {
    Finest(const std::vector<char>& hole, std::ptrdiff_t height, std::ptrdiff_t width, double tension);
    void start();
    void bend(const std::vector<double>& x);
    void relax(std::ptrdiff_t i);
    double residual(std::ptrdiff_t i) const { return right_side[i] - pixels.product(curvature, i); }
    Stencil stencil(std::ptrdiff_t i) const;

    double tension;
    Network pixels;                 // all of them
    std::vector<double> curvature;  // (L + tension) solution
    std::vector<double> solution, right_side;
  };

  // The rows or columns of the next coarser grid that a row or a column belongs to, with these weights.
  struct Parents {
    std::ptrdiff_t near, far;
  };
  static constexpr double near_weight = 0.75;
  static constexpr double far_weight = 0.25;

  struct Coarse : Grid {
    Coarse(Grid grid, const Grid& fine);
    void start();
    void bend(const std::vector<double>&) {}
    const Stencil& stencil(std::ptrdiff_t i) const { return stencils[i]; }
    // Calls body(j, weight) for the four cells of this grid that a cell of the finer one belongs to.
    template <typename Body>
    void for_each_parent(std::ptrdiff_t row, std::ptrdiff_t column, Body body) const {
      const Parents rows = of_row[row];
      const Parents columns = of_column[column];
      body(index(rows.near, columns.near), near_weight * near_weight);
      body(index(rows.near, columns.far), near_weight * far_weight);
      body(index(rows.far, columns.near), far_weight * near_weight);
      body(index(rows.far, columns.far), far_weight * far_weight);
    }
    void relax(std::ptrdiff_t i) { solution[i] += residual(i) / stencils[i][12]; }
    double residual(std::ptrdiff_t i) const;

    std::vector<Parents> of_row, of_column;  // of the finer grid
    std::vector<Stencil> stencils;
    std::vector<double> solution, right_side;
  };

  template <typename Fine>
  static Coarse coarse_level(const Fine& fine);
  template <typename Level>
  void cycle(Level& level, std::size_t depth);

  Finest finest_;
  std::vector<Coarse> coarse_;
};

}  // namespace inpaintx
