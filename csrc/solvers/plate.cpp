#include "plate.h"

#include <algorithm>
#include <utility>

namespace inpaintx {
namespace {

// One Gauss-Seidel sweep, row by row. In a row, cells three apart take their turns together: they aren't in each
// other's equations, so that the processor needn't wait for one to begin with the next.
template <typename Level>
void sweep_down(Level& level) {
  for (auto run = level.runs.begin(); run != level.runs.end(); ++run) {
    for (std::ptrdiff_t first = 0; first < 3; ++first) {
      for (std::ptrdiff_t i = run->begin + first; i < run->end; i += 3) {
        level.relax(i);
      }
    }
  }
}

// The same in the opposite order.
template <typename Level>
void sweep_up(Level& level) {
  for (auto run = level.runs.rbegin(); run != level.runs.rend(); ++run) {
    for (std::ptrdiff_t first = 3; first-- > 0;) {
      for (std::ptrdiff_t i = run->begin + first; i < run->end; i += 3) {
        level.relax(i);
      }
    }
  }
}

}  // namespace

Plate::Finest::Finest(const std::vector<char>& hole, std::ptrdiff_t height, std::ptrdiff_t width, double tension)
    : Grid(hole, height, width),
      tension(tension),
      pixels(unit_network(std::vector<char>(hole.size(), 1), height, width)),
      curvature(size, 0.0),
      solution(size, 0.0),
      right_side(size, 0.0) {}

void Plate::Finest::start() {
  std::fill(solution.begin(), solution.end(), 0.0);
  std::fill(curvature.begin(), curvature.end(), 0.0);
}

void Plate::Finest::bend(const std::vector<double>& x) {
  for_each_unknown(pixels, [&](std::ptrdiff_t i) { curvature[i] = pixels.product(x, i) + tension * x[i]; });
}

// The curvature follows each change of the solution, so that a row of the matrix costs two of the Laplacian.
void Plate::Finest::relax(std::ptrdiff_t i) {
  const double degree = pixels.diagonal[i];
  const double change = residual(i) / (degree * (degree + 1 + tension));
  solution[i] += change;
  curvature[i] += (degree + tension) * change;
  curvature[i + 1] -= pixels.east[i] * change;
  curvature[i - 1] -= pixels.east[i - 1] * change;
  curvature[i + stride] -= pixels.south[i] * change;
  curvature[i - stride] -= pixels.south[i - stride] * change;
}

Plate::Stencil Plate::Finest::stencil(std::ptrdiff_t i) const {
  Stencil entries{};
  const auto add = [&](std::size_t entry, std::ptrdiff_t neighbour, double factor) {
    entries[entry] += factor * (pixels.diagonal[neighbour] + tension);
    entries[entry + 1] -= factor * pixels.east[neighbour];
    entries[entry - 1] -= factor * pixels.east[neighbour - 1];
    entries[entry + 5] -= factor * pixels.south[neighbour];
    entries[entry - 5] -= factor * pixels.south[neighbour - stride];
  };
  add(12, i, pixels.diagonal[i]);
  add(13, i + 1, -pixels.east[i]);
  add(11, i - 1, -pixels.east[i - 1]);
  add(17, i + stride, -pixels.south[i]);
  add(7, i - stride, -pixels.south[i - stride]);
  return entries;
}

Plate::Coarse::Coarse(Grid grid, const Grid& fine)
    : Grid(std::move(grid)), stencils(size, Stencil{}), solution(size, 0.0), right_side(size, 0.0) {
  const auto parents = [](std::ptrdiff_t fine_length, std::ptrdiff_t length) {
    std::vector<Parents> of_line;
    for (std::ptrdiff_t line = 0; line < fine_length; ++line) {
      const std::ptrdiff_t beside = line / 2 + (line % 2 == 1 ? 1 : -1);
      of_line.push_back({line / 2, std::clamp<std::ptrdiff_t>(beside, 0, length - 1)});
    }
    return of_line;
  };
  of_row = parents(fine.height, height);
  of_column = parents(fine.width, width);
}

void Plate::Coarse::start() { std::fill(solution.begin(), solution.end(), 0.0); }

double Plate::Coarse::residual(std::ptrdiff_t i) const {
  const double* a = stencils[i].data();
  const double* x = &solution[i - 2 * stride - 2];
  double sum = 0.0;
  for (int row = 0; row < 5; ++row, a += 5, x += stride) {
    sum += (a[0] * x[0] + a[1] * x[1]) + (a[2] * x[2] + a[3] * x[3]) + a[4] * x[4];
  }
  return right_side[i] - sum;
}

// The Galerkin product P' A P, row by row of A. Relative to the parents that a cell is nearer to, all coarse cells that
// the cells up to two away belong to are up to two away as well; one more on each side is left 0.
template <typename Fine>
Plate::Coarse Plate::coarse_level(const Fine& fine) {
  Coarse coarse(coarsened(fine), fine);
  for_each_cell(fine, [&](std::ptrdiff_t i, std::ptrdiff_t row, std::ptrdiff_t column) {
    const Stencil stencil = fine.stencil(i);
    const Parents rows = coarse.of_row[row];
    const Parents columns = coarse.of_column[column];
    double product[7][7] = {};
    for (std::ptrdiff_t down = -2; down <= 2; ++down) {
      double in_row[7] = {};
      bool any = false;
      for (std::ptrdiff_t right = -2; right <= 2; ++right) {
        if (fine.unknown[i + down * fine.stride + right]) {
          const double entry = stencil[(down + 2) * 5 + right + 2];
          const Parents parents = coarse.of_column[column + right];
          in_row[parents.near - columns.near + 3] += near_weight * entry;
          in_row[parents.far - columns.near + 3] += far_weight * entry;
          any = true;
        }
      }
      if (any) {
        const Parents parents = coarse.of_row[row + down];
        for (int k = 0; k < 7; ++k) {
          product[parents.near - rows.near + 3][k] += near_weight * in_row[k];
          product[parents.far - rows.near + 3][k] += far_weight * in_row[k];
        }
      }
    }
    const auto add = [&](std::ptrdiff_t parent_row, std::ptrdiff_t parent_column, double weight) {
      double* entry = coarse.stencils[coarse.index(parent_row, parent_column)].data();
      for (int k = 0; k < 5; ++k) {
        const double* from = &product[parent_row - rows.near + 1 + k][parent_column - columns.near + 1];
        for (int l = 0; l < 5; ++l) {
          *entry++ += weight * from[l];
        }
      }
    };
    add(rows.near, columns.near, near_weight * near_weight);
    add(rows.near, columns.far, near_weight * far_weight);
    add(rows.far, columns.near, far_weight * near_weight);
    add(rows.far, columns.far, far_weight * far_weight);
  });
  return coarse;
}

Plate::Plate(const std::vector<char>& hole, std::ptrdiff_t height, std::ptrdiff_t width, double tension)
    : finest_(hole, height, width, tension) {
  if (height > 1 || width > 1) {
    coarse_.push_back(coarse_level(finest_));
    while (coarse_.back().height > 1 || coarse_.back().width > 1) {
      coarse_.push_back(coarse_level(coarse_.back()));
    }
  }
}

void Plate::multiply(const std::vector<double>& x, std::vector<double>& product) {
  finest_.bend(x);
  for_each_unknown(finest_, [&](std::ptrdiff_t i) { product[i] = finest_.pixels.product(finest_.curvature, i); });
}

const std::vector<double>& Plate::precondition(const std::vector<double>& residual) {
  for_each_unknown(finest_, [&](std::ptrdiff_t i) { finest_.right_side[i] = residual[i]; });
  cycle(finest_, 0);
  return finest_.solution;
}

// level.solution = B level.right_side. Sweeping in the opposite order on the way up makes B symmetric.
template <typename Level>
void Plate::cycle(Level& level, std::size_t depth) {
  level.start();
  sweep_down(level);
  if (depth < coarse_.size()) {
    Coarse& coarse = coarse_[depth];
    std::fill(coarse.right_side.begin(), coarse.right_side.end(), 0.0);
    for_each_cell(level, [&](std::ptrdiff_t i, std::ptrdiff_t row, std::ptrdiff_t column) {
      const double residual = level.residual(i);
      coarse.for_each_parent(row, column,
                             [&](std::ptrdiff_t j, double weight) { coarse.right_side[j] += weight * residual; });
    });
    cycle(coarse, depth + 1);
    for_each_cell(level, [&](std::ptrdiff_t i, std::ptrdiff_t row, std::ptrdiff_t column) {
      coarse.for_each_parent(
          row, column, [&](std::ptrdiff_t j, double weight) { level.solution[i] += weight * coarse.solution[j]; });
    });
    level.bend(level.solution);
  }
  sweep_up(level);
}

}  // namespace inpaintx
