// Preconditioned conjugate gradients on the unknowns of a grid.
#pragma once

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <utility>
#include <vector>

#include "multigrid.hpp"

namespace inpaintx {

// Solves A u = right_side until the preconditioned residual, which estimates the error, is at most `tolerance`
// everywhere. All arrays are laid out as the level says; outside its unknowns u is 0.
//   multiply(x, product): product = A x, for an x that is 0 outside the unknowns; A symmetric and positive definite
//   precondition(residual): a reference to B residual, where B approximates A's inverse, symmetric and definite, too
// Throws std::runtime_error where it does not get there.
template <typename Multiply, typename Precondition>
std::vector<double> conjugate_gradients(const Level& layout, std::vector<double> right_side, double tolerance,
                                        Multiply multiply, Precondition precondition) {
    // Every mask tried needs fewer than 100; this only bounds the time of a failure.
    constexpr int max_iterations = 300;
    std::vector<double> residual = std::move(right_side);
    std::vector<double> u(residual.size(), 0.0);
    std::vector<double> direction(residual.size(), 0.0);
    std::vector<double> product(residual.size(), 0.0);
    double previous_rz = 1.0;
    for (int iteration = 0; iteration < max_iterations; ++iteration) {
        const std::vector<double>& z = precondition(residual);
        double rz = 0.0;
        double error = 0.0;
        for_each_unknown(layout, [&](std::ptrdiff_t i) {
            rz += residual[i] * z[i];
            error = std::max(error, std::fabs(z[i]));
        });
        if (error <= tolerance) {
            return u;
        }
        const double beta = iteration == 0 ? 0.0 : rz / previous_rz;
        for_each_unknown(layout, [&](std::ptrdiff_t i) { direction[i] = z[i] + beta * direction[i]; });
        multiply(direction, product);
        double energy = 0.0;
        for_each_unknown(layout, [&](std::ptrdiff_t i) { energy += direction[i] * product[i]; });
        const double alpha = rz / energy;
        for_each_unknown(layout, [&](std::ptrdiff_t i) {
            u[i] += alpha * direction[i];
            residual[i] -= alpha * product[i];
        });
        previous_rz = rz;
    }
    throw std::runtime_error("the interpolation did not converge");
}

}  // namespace inpaintx
