// Preconditioned conjugate gradients on the unknowns of a grid.
#pragma once

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <utility>
#include <vector>

#include "grid.h"

namespace inpaintx {

// Solves A u = right_side until the preconditioned residual, which estimates the error, is at most `tolerance`
// everywhere. A problem has
//   grid(): the unknowns, and how all arrays here are laid out; outside the unknowns u is 0
//   multiply(x, product): product = A x, for an x that is 0 outside the unknowns; A is symmetric and positive definite
//   precondition(residual): a reference to B residual; B approximates A's inverse, and is symmetric and definite, too
// Throws std::runtime_error where it does not get there.
template <typename Problem>
std::vector<double> conjugate_gradients(Problem& problem, std::vector<double> right_side, double tolerance) {
  // Pictures tried need fewer than 100, and a line of 100,000 pixels with few known ones nearly so many.
  constexpr int max_iterations = 300;
  const Grid& grid = problem.grid();
  std::vector<double> residual = std::move(right_side);
  std::vector<double> u(residual.size(), 0.0);
  std::vector<double> direction(residual.size(), 0.0);
  std::vector<double> product(residual.size(), 0.0);
  double previous_rz = 1.0;
  for (int iteration = 0; iteration < max_iterations; ++iteration) {
    const std::vector<double>& z = problem.precondition(residual);
    double rz = 0.0;
    double error = 0.0;
    for_each_unknown(grid, [&](std::ptrdiff_t i) {
      rz += residual[i] * z[i];
      error = std::max(error, std::fabs(z[i]));
    });
    if (error <= tolerance) {
      return u;
    }
    const double beta = iteration == 0 ? 0.0 : rz / previous_rz;
    for_each_unknown(grid, [&](std::ptrdiff_t i) { direction[i] = z[i] + beta * direction[i]; });
    problem.multiply(direction, product);
    double energy = 0.0;
    for_each_unknown(grid, [&](std::ptrdiff_t i) { energy += direction[i] * product[i]; });
    const double alpha = rz / energy;
    for_each_unknown(grid, [&](std::ptrdiff_t i) {
      u[i] += alpha * direction[i];
      residual[i] -= alpha * product[i];
    });
    previous_rz = rz;
  }
  throw std::runtime_error("the interpolation did not converge");
}

}  // namespace inpaintx
