// The hole of a picture, in boxes that are problems of their own.
#pragma once

#include <cstddef>
#include <vector>

namespace inpaintx {

struct Span {
  std::ptrdiff_t begin, end;
  bool operator==(const Span& other) const { return begin == other.begin && end == other.end; }
};

struct Box {
  Span rows, columns;
  bool operator==(const Box& other) const { return rows == other.rows && columns == other.columns; }
  std::ptrdiff_t height() const { return rows.end - rows.begin; }
  std::ptrdiff_t width() const { return columns.end - columns.begin; }
};

struct Size {
  std::ptrdiff_t height, width, channels;
};

// Boxes that hold all of the hole, each with a rim of so many known lines around it, except where the picture ends:
// for an equation that reaches that far, every box is a problem of its own, and nothing is spent on what lies between.
// known: [height, width].
std::vector<Box> boxes_of_hole(const bool* known, const Size& size, std::ptrdiff_t rim);

// The box's pixels, row by row: nonzero in the hole.
std::vector<char> hole_in(const bool* known, const Size& size, const Box& box);

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

}  // namespace inpaintx
