#include "membrane.hpp"

#include <algorithm>
#include <limits>
#include <utility>
#include <vector>

#include "multigrid.hpp"

namespace inpaintx {
namespace {

// Of the range of the values around the hole; the error is at most a few times that.
constexpr double relative_tolerance = 1e-6;

struct Span {
    std::ptrdiff_t begin, end;
    bool operator==(const Span& other) const { return begin == other.begin && end == other.end; }
};

struct Box {
    Span rows, columns;
    bool operator==(const Box& other) const { return rows == other.rows && columns == other.columns; }
};

struct Size {
    std::ptrdiff_t height, width, channels;
};

// The maximal spans of marked lines, counted from `origin`.
std::vector<Span> spans(const std::vector<char>& marked, std::ptrdiff_t origin) {
    std::vector<Span> found;
    for (auto end = marked.begin(); end != marked.end();) {
        const auto begin = std::find(end, marked.end(), char{1});
        end = std::find(begin, marked.end(), char{0});
        if (begin != end) {
            found.push_back({origin + (begin - marked.begin()), origin + (end - marked.begin())});
        }
    }
    return found;
}

std::vector<Span> rows_with_hole(const bool* known, const Size& size, const Box& box) {
    std::vector<char> marked;
    for (std::ptrdiff_t row = box.rows.begin; row < box.rows.end; ++row) {
        const bool* end = known + row * size.width + box.columns.end;
        marked.push_back(std::find(known + row * size.width + box.columns.begin, end, false) != end);
    }
    return spans(marked, box.rows.begin);
}

std::vector<Span> columns_with_hole(const bool* known, const Size& size, const Box& box) {
    std::vector<char> marked(static_cast<std::size_t>(box.columns.end - box.columns.begin), 0);
    for (std::ptrdiff_t row = box.rows.begin; row < box.rows.end; ++row) {
        const bool* in_row = known + row * size.width + box.columns.begin;
        for (std::size_t column = 0; column < marked.size(); ++column) {
            marked[column] |= static_cast<char>(!in_row[column]);
        }
    }
    return spans(marked, box.columns.begin);
}

// Cuts a box at its rows and columns that are wholly known, and each part again. Every box that is left is a problem
// of its own, since all around it is known or outside the picture, and nothing is spent on what lies between them.
void cut(const bool* known, const Size& size, const Box& box, std::vector<Box>& boxes) {
    for (const Span& rows : rows_with_hole(known, size, box)) {
        for (const Span& columns : columns_with_hole(known, size, {rows, box.columns})) {
            const Box part{rows, columns};
            if (part == box) {
                boxes.push_back(part);
            } else {
                cut(known, size, part, boxes);
            }
        }
    }
}

Box with_rim(const Box& box, const Size& size) {
    return {{std::max<std::ptrdiff_t>(box.rows.begin - 1, 0), std::min(box.rows.end + 1, size.height)},
            {std::max<std::ptrdiff_t>(box.columns.begin - 1, 0), std::min(box.columns.end + 1, size.width)}};
}

// Calls body(row, column) for each hole pixel of the box.
template <typename Body>
void for_each_hole_pixel(const bool* known, const Size& size, const Box& box, Body body) {
    for (std::ptrdiff_t row = box.rows.begin; row < box.rows.end; ++row) {
        for (std::ptrdiff_t column = box.columns.begin; column < box.columns.end; ++column) {
            if (!known[row * size.width + column]) {
                body(row, column);
            }
        }
    }
}

// Calls body(pixel) for each known neighbour of a pixel.
template <typename Body>
void for_each_known_neighbour(const bool* known, const Size& size, std::ptrdiff_t row, std::ptrdiff_t column,
                              Body body) {
    const std::ptrdiff_t pixel = row * size.width + column;
    const std::pair<bool, std::ptrdiff_t> neighbours[] = {{column > 0, pixel - 1},
                                                          {column + 1 < size.width, pixel + 1},
                                                          {row > 0, pixel - size.width},
                                                          {row + 1 < size.height, pixel + size.width}};
    for (const auto& [inside, neighbour] : neighbours) {
        if (inside && known[neighbour]) {
            body(neighbour);
        }
    }
}

Multigrid multigrid_for(const bool* known, const Size& size, const Box& box) {
    const std::ptrdiff_t width = box.columns.end - box.columns.begin;
    const std::ptrdiff_t height = box.rows.end - box.rows.begin;
    std::vector<char> hole(static_cast<std::size_t>(height * width), 0);
    for_each_hole_pixel(known, size, box, [&](std::ptrdiff_t row, std::ptrdiff_t column) {
        hole[(row - box.rows.begin) * width + column - box.columns.begin] = 1;
    });
    return Multigrid(hole, height, width);
}

// The box has its rim, and a hole. Solves for the difference from the middle of the values around, so that their
// offset costs no precision, and keeps the result between the lowest and the highest of them, where the exact one is.
template <typename T>
void fill_box(const T* values, const bool* known, T* filled, const Size& size, const Box& box) {
    Multigrid multigrid = multigrid_for(known, size, box);
    const Level& layout = multigrid.layout();
    const auto cell = [&](std::ptrdiff_t row, std::ptrdiff_t column) {
        return layout.index(row - box.rows.begin, column - box.columns.begin);
    };
    for (std::ptrdiff_t channel = 0; channel < size.channels; ++channel) {
        const auto at = [&](std::ptrdiff_t pixel) { return pixel * size.channels + channel; };
        double low = std::numeric_limits<double>::infinity();
        double high = -low;
        for_each_hole_pixel(known, size, box, [&](std::ptrdiff_t row, std::ptrdiff_t column) {
            for_each_known_neighbour(known, size, row, column, [&](std::ptrdiff_t pixel) {
                low = std::min<double>(low, values[at(pixel)]);
                high = std::max<double>(high, values[at(pixel)]);
            });
        });
        const double middle = low + (high - low) / 2;
        std::vector<double> right_side(layout.solution.size(), 0.0);
        for_each_hole_pixel(known, size, box, [&](std::ptrdiff_t row, std::ptrdiff_t column) {
            for_each_known_neighbour(known, size, row, column, [&](std::ptrdiff_t pixel) {
                right_side[cell(row, column)] += values[at(pixel)] - middle;
            });
        });
        const std::vector<double> u = multigrid.solve(std::move(right_side), relative_tolerance * (high - low));
        for_each_hole_pixel(known, size, box, [&](std::ptrdiff_t row, std::ptrdiff_t column) {
            const double value = std::clamp(u[cell(row, column)] + middle, low, high);
            filled[at(row * size.width + column)] = static_cast<T>(value);
        });
    }
}

}  // namespace

template <typename T>
void membrane(const T* values, const bool* known, T* filled, std::ptrdiff_t height, std::ptrdiff_t width,
              std::ptrdiff_t channels) {
    const Size size{height, width, channels};
    std::copy(values, values + height * width * channels, filled);
    std::vector<Box> boxes;
    cut(known, size, {{0, height}, {0, width}}, boxes);
    for (const Box& box : boxes) {
        fill_box(values, known, filled, size, with_rim(box, size));
    }
}

template void membrane(const float*, const bool*, float*, std::ptrdiff_t, std::ptrdiff_t, std::ptrdiff_t);
template void membrane(const double*, const bool*, double*, std::ptrdiff_t, std::ptrdiff_t, std::ptrdiff_t);

}  // namespace inpaintx
