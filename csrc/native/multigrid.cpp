#include "multigrid.hpp"

#include <algorithm>

namespace inpaintx {
namespace {

// Calls body(fine, coarse) for each unknown and the coarse cell that it is in.
template <typename Body>
void for_each_child(const Level& fine, const Level& coarse, Body body) {
    for (const Run& run : fine.runs) {
        const std::ptrdiff_t row = run.begin / fine.width - 1;
        const std::ptrdiff_t row_begin = fine.index(row, 0);
        const std::ptrdiff_t coarse_row_begin = coarse.index(row / 2, 0);
        for (std::ptrdiff_t i = run.begin; i < run.end; ++i) {
            body(i, coarse_row_begin + (i - row_begin) / 2);
        }
    }
}

// One half of a Gauss-Seidel sweep.
void relax(Level& level, bool black) {
    for (const Run& run : level.runs) {
        for (std::ptrdiff_t i = run.begin + (run.black != black); i < run.end; i += 2) {
            level.solution[i] = (level.right_side[i] + level.inflow(level.solution, i)) / level.diagonal[i];
        }
    }
}

std::vector<char> coarse_hole(const Level& fine, std::ptrdiff_t height, std::ptrdiff_t width) {
    std::vector<char> hole(static_cast<std::size_t>(height * width), 0);
    for_each_unknown(fine, [&](std::ptrdiff_t i) {
        const std::ptrdiff_t row = i / fine.width - 1;
        hole[row / 2 * width + i % fine.width / 2] = 1;
    });
    return hole;
}

Level coarse_level(const Level& fine) {
    const std::ptrdiff_t height = (fine.height + 1) / 2;
    const std::ptrdiff_t width = (fine.width + 1) / 2;
    Level coarse(coarse_hole(fine, height, width), height, width);
    for_each_child(fine, coarse, [&](std::ptrdiff_t i, std::ptrdiff_t j) {
        const float to_neighbours = fine.east[i] + fine.east[i - 1] + fine.south[i] + fine.south[i - fine.width];
        coarse.diagonal[j] += fine.diagonal[i] - to_neighbours;
        // Only what leaves the coarse cell counts: columns and rows with odd numbers are its right and lower ones.
        if (i % fine.width % 2 == 1) {
            coarse.east[j] += fine.east[i] / 2;
        }
        if (i / fine.width % 2 == 0) {  // the row above the first shifts the parity
            coarse.south[j] += fine.south[i] / 2;
        }
    });
    for_each_unknown(coarse, [&](std::ptrdiff_t j) {
        coarse.diagonal[j] += coarse.east[j] + coarse.east[j - 1] + coarse.south[j] + coarse.south[j - width];
    });
    return coarse;
}

}  // namespace

Level::Level(const std::vector<char>& hole, std::ptrdiff_t height, std::ptrdiff_t width)
    : height(height), width(width) {
    const auto size = static_cast<std::size_t>((height + 2) * width);
    for (auto* array : {&east, &south, &diagonal}) {
        array->assign(size, 0.0F);
    }
    for (auto* array : {&solution, &right_side}) {
        array->assign(size, 0.0);
    }
    for (std::ptrdiff_t row = 0; row < height; ++row) {
        const char* in_row = &hole[row * width];
        for (std::ptrdiff_t end = 0; end < width;) {
            const std::ptrdiff_t begin = std::find(in_row + end, in_row + width, char{1}) - in_row;
            end = std::find(in_row + begin, in_row + width, char{0}) - in_row;
            if (begin < end) {
                runs.push_back({index(row, begin), index(row, end), (row + begin) % 2 == 1});
            }
        }
    }
}

Level graph_laplacian(const std::vector<char>& hole, std::ptrdiff_t height, std::ptrdiff_t width) {
    Level level(hole, height, width);
    for (std::ptrdiff_t row = 0; row < height; ++row) {
        for (std::ptrdiff_t column = 0; column < width; ++column) {
            const std::ptrdiff_t pixel = row * width + column;
            if (!hole[pixel]) {
                continue;
            }
            const std::ptrdiff_t i = level.index(row, column);
            const bool has_east = column + 1 < width;
            const bool has_south = row + 1 < height;
            level.east[i] = has_east && hole[pixel + 1];
            level.south[i] = has_south && hole[pixel + width];
            level.diagonal[i] = static_cast<float>((column > 0) + has_east + (row > 0) + has_south);
        }
    }
    return level;
}

Multigrid::Multigrid(const std::vector<char>& hole, std::ptrdiff_t height, std::ptrdiff_t width) {
    levels_.push_back(graph_laplacian(hole, height, width));
    while (levels_.back().height > 1 || levels_.back().width > 1) {
        levels_.push_back(coarse_level(levels_.back()));
    }
}

// level.solution = B level.right_side, where B approximates the matrix's inverse. Sweeping in the opposite order on
// the way up makes B symmetric, as conjugate gradients need.
void Multigrid::cycle(std::size_t depth) {
    Level& level = levels_[depth];
    for_each_unknown(level, [&](std::ptrdiff_t i) { level.solution[i] = 0.0; });
    relax(level, false);
    relax(level, true);
    if (depth + 1 < levels_.size()) {
        Level& coarse = levels_[depth + 1];
        for_each_unknown(coarse, [&](std::ptrdiff_t j) { coarse.right_side[j] = 0.0; });
        for_each_child(level, coarse, [&](std::ptrdiff_t i, std::ptrdiff_t j) {
            coarse.right_side[j] += level.right_side[i] - level.product(level.solution, i);
        });
        cycle(depth + 1);
        for_each_child(level, coarse,
                       [&](std::ptrdiff_t i, std::ptrdiff_t j) { level.solution[i] += coarse.solution[j]; });
    }
    relax(level, true);
    relax(level, false);
}

const std::vector<double>& Multigrid::precondition(const std::vector<double>& right_side) {
    Level& level = levels_.front();
    for_each_unknown(level, [&](std::ptrdiff_t i) { level.right_side[i] = right_side[i]; });
    cycle(0);
    return level.solution;
}

}  // namespace inpaintx
