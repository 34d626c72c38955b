#include "biharmonic.hpp"

#include <algorithm>
#include <limits>
#include <utility>
#include <vector>

#include "conjugate_gradients.hpp"
#include "hole.hpp"
#include "multigrid.hpp"

namespace inpaintx {
namespace {

constexpr double relative_tolerance = 1e-6;  // of the range of the values around the hole

template <typename T>
void fill_box(const T* values, const bool* known, T* filled, const Size& size, const Box& box) {
    Multigrid multigrid(hole_in(known, size, box), box.height(), box.width());
    const Level& layout = multigrid.layout();
    const Level pixels =
        graph_laplacian(std::vector<char>(static_cast<std::size_t>(box.height() * box.width()), 1), box.height(), box.width());
    std::vector<double> curvature(layout.solution.size(), 0.0);
    const auto apply_squared = [&](const std::vector<double>& x, std::vector<double>& product) {
        for_each_unknown(pixels, [&](std::ptrdiff_t i) { curvature[i] = pixels.product(x, i); });
        for_each_unknown(layout, [&](std::ptrdiff_t i) { product[i] = pixels.product(curvature, i); });
    };
    for (std::ptrdiff_t channel = 0; channel < size.channels; ++channel) {
        double low = std::numeric_limits<double>::infinity();
        double high = -low;
        const auto for_each_known = [&](auto body) {
            for (std::ptrdiff_t row = box.rows.begin; row < box.rows.end; ++row) {
                for (std::ptrdiff_t column = box.columns.begin; column < box.columns.end; ++column) {
                    if (known[row * size.width + column]) {
                        body(layout.index(row - box.rows.begin, column - box.columns.begin), values[(row * size.width + column) * size.channels + channel]);
                    }
                }
            }
        };
        for_each_known([&](std::ptrdiff_t, T value) {
            low = std::min<double>(low, value);
            high = std::max<double>(high, value);
        });
        const double middle = low + (high - low) / 2;
        std::vector<double> around(layout.solution.size(), 0.0);
        std::vector<double> right_side(layout.solution.size(), 0.0);
        for_each_known([&](std::ptrdiff_t i, T value) { around[i] = middle - value; });
        apply_squared(around, right_side);
        const std::vector<double> u = conjugate_gradients(
            layout, std::move(right_side), relative_tolerance * (high - low), apply_squared,
            [&](const std::vector<double>& residual) -> const std::vector<double>& {
                return multigrid.precondition(multigrid.precondition(residual));
            });
        for_each_hole_pixel(known, size, box, [&](std::ptrdiff_t row, std::ptrdiff_t column) {
            filled[(row * size.width + column) * size.channels + channel] =
                static_cast<T>(u[layout.index(row - box.rows.begin, column - box.columns.begin)] + middle);
        });
    }
}

}  // namespace

template <typename T>
void biharmonic(const T* values, const bool* known, T* filled, std::ptrdiff_t height, std::ptrdiff_t width,
                std::ptrdiff_t channels) {
    const Size size{height, width, channels};
    std::copy(values, values + height * width * channels, filled);
    for (const Box& box : boxes_of_hole(known, size, 2)) {
        fill_box(values, known, filled, size, box);
    }
}

template void biharmonic(const float*, const bool*, float*, std::ptrdiff_t, std::ptrdiff_t, std::ptrdiff_t);
template void biharmonic(const double*, const bool*, double*, std::ptrdiff_t, std::ptrdiff_t, std::ptrdiff_t);

}  // namespace inpaintx
