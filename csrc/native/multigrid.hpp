// Laplace's equation on the hole of a picture: conjugate gradients, preconditioned by one multigrid V-cycle.
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

namespace inpaintx {

// Unknowns side by side in one row: indices [begin, end) into a level's arrays.
struct Run {
    std::ptrdiff_t begin;
    std::ptrdiff_t end;
    bool black;  // colour of the first one, as on a chessboard
};

// One grid. Arrays are row-major with one more row above and below, so that every neighbour's index is valid;
// where there is no neighbour the conductance is 0.
struct Level {
    Level(const std::vector<char>& hole, std::ptrdiff_t height, std::ptrdiff_t width);

    std::ptrdiff_t index(std::ptrdiff_t row, std::ptrdiff_t column) const { return (row + 1) * width + column; }
    // The matrix's row i times x, without the diagonal, negated: the current that flows in from the neighbours.
    double inflow(const std::vector<double>& x, std::ptrdiff_t i) const {
        return east[i] * x[i + 1] + east[i - 1] * x[i - 1] + south[i] * x[i + width] + south[i - width] * x[i - width];
    }

    // The matrix's row i times x.
    double product(const std::vector<double>& x, std::ptrdiff_t i) const { return diagonal[i] * x[i] - inflow(x, i); }

    std::ptrdiff_t height, width;
    std::vector<Run> runs;
    std::vector<float> east, south;  // conductance to the cell on the right, and to the one below
    std::vector<float> diagonal;     // the sum of all the cell's conductances
    std::vector<double> solution, right_side;  // of the V-cycle
};

// Calls body(i) for each unknown.
template <typename Body>
void for_each_unknown(const Level& level, Body body) {
    for (const Run& run : level.runs) {
        for (std::ptrdiff_t i = run.begin; i < run.end; ++i) {
            body(i);
        }
    }
}

// The 5-point Laplacian (with a plus on the diagonal) on the hole: 1 between neighbours that are both in it, and
// their number on the diagonal, whether in the hole or not, as long as they are in the grid.
Level graph_laplacian(const std::vector<char>& hole, std::ptrdiff_t height, std::ptrdiff_t width);

class Multigrid {
public:
    // hole: [height * width], nonzero where a pixel is unknown.
    Multigrid(const std::vector<char>& hole, std::ptrdiff_t height, std::ptrdiff_t width);

    // B right_side, where B approximates the matrix's inverse; both arrays are laid out as `layout()` says.
    const std::vector<double>& precondition(const std::vector<double>& right_side);

    const Level& layout() const { return levels_.front(); }

private:
    void cycle(std::size_t depth);

    std::vector<Level> levels_;
};

}  // namespace inpaintx
