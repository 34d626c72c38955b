#include "multigrid.h"

#include <utility>

namespace inpaintx {
namespace {

Network coarse_network(const Network& fine) {
  Network coarse(coarsened(fine));
  for_each_cell(fine, [&](std::ptrdiff_t i, std::ptrdiff_t row, std::ptrdiff_t column) {
    const std::ptrdiff_t j = coarse.index(row / 2, column / 2);
    const float to_neighbours = fine.east[i] + fine.east[i - 1] + fine.south[i] + fine.south[i - fine.stride];
    coarse.diagonal[j] += fine.diagonal[i] - to_neighbours;
    // Only what leaves the coarse cell counts: columns and rows with odd numbers are its right and lower ones.
    if (column % 2 == 1) {
      coarse.east[j] += fine.east[i] / 2;
    }
    if (row % 2 == 1) {
      coarse.south[j] += fine.south[i] / 2;
    }
  });
  for_each_unknown(coarse, [&](std::ptrdiff_t j) {
    coarse.diagonal[j] += coarse.east[j] + coarse.east[j - 1] + coarse.south[j] + coarse.south[j - coarse.stride];
  });
  return coarse;
}

}  // namespace

Multigrid::Level::Level(Network network) : Network(std::move(network)), solution(size, 0.0), right_side(size, 0.0) {}

// One half of a Gauss-Seidel sweep: the cells of one colour, as on a chessboard.
void Multigrid::Level::relax(bool black) {
  for (const Run& run : runs) {
    const bool first_is_black = (run.row + run.column) % 2 == 1;
    for (std::ptrdiff_t i = run.begin + (first_is_black != black); i < run.end; i += 2) {
      solution[i] = (right_side[i] + inflow(solution, i)) / diagonal[i];
    }
  }
}

Multigrid::Multigrid(const std::vector<char>& hole, std::ptrdiff_t height, std::ptrdiff_t width) {
  levels_.emplace_back(unit_network(hole, height, width));
  while (levels_.back().height > 1 || levels_.back().width > 1) {
    levels_.emplace_back(coarse_network(levels_.back()));
  }
}

void Multigrid::multiply(const std::vector<double>& x, std::vector<double>& product) const {
  const Level& level = levels_.front();
  for_each_unknown(level, [&](std::ptrdiff_t i) { product[i] = level.product(x, i); });
}

const std::vector<double>& Multigrid::precondition(const std::vector<double>& residual) {
  Level& level = levels_.front();
  for_each_unknown(level, [&](std::ptrdiff_t i) { level.right_side[i] = residual[i]; });
  cycle(0);
  return level.solution;
}

// level.solution = B level.right_side. Sweeping in the opposite order on the way up makes B symmetric.
void Multigrid::cycle(std::size_t depth) {
  Level& level = levels_[depth];
  for_each_unknown(level, [&](std::ptrdiff_t i) { level.solution[i] = 0.0; });
  level.relax(false);
  level.relax(true);
  if (depth + 1 < levels_.size()) {
    Level& coarse = levels_[depth + 1];
    for_each_unknown(coarse, [&](std::ptrdiff_t j) { coarse.right_side[j] = 0.0; });
    for_each_cell(level, [&](std::ptrdiff_t i, std::ptrdiff_t row, std::ptrdiff_t column) {
      const double residual = level.right_side[i] - level.product(level.solution, i);
      coarse.right_side[coarse.index(row / 2, column / 2)] += residual;
    });
    cycle(depth + 1);
    for_each_cell(level, [&](std::ptrdiff_t i, std::ptrdiff_t row, std::ptrdiff_t column) {
      level.solution[i] += coarse.solution[coarse.index(row / 2, column / 2)];
    });
  }
  level.relax(true);
  level.relax(false);
}

}  // namespace inpaintx
