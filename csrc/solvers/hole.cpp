#include "hole.h"

#include <algorithm>

namespace inpaintx {
namespace {

// The maximal spans of marked lines, counted from `origin`, where fewer than `gap` unmarked lines don't end a span.
std::vector<Span> spans(const std::vector<char>& marked, std::ptrdiff_t origin, std::ptrdiff_t gap) {
  std::vector<Span> found;
  for (auto end = marked.begin(); end != marked.end();) {
    const auto begin = std::find(end, marked.end(), char{1});
    end = std::find(begin, marked.end(), char{0});
    if (begin == end) {
      break;
    }
    const Span span{origin + (begin - marked.begin()), origin + (end - marked.begin())};
    if (!found.empty() && span.begin - found.back().end < gap) {
      found.back().end = span.end;
    } else {
      found.push_back(span);
    }
  }
  return found;
}

std::vector<Span> rows_with_hole(const bool* known, const Size& size, const Box& box, std::ptrdiff_t gap) {
  std::vector<char> marked;
  for (std::ptrdiff_t row = box.rows.begin; row < box.rows.end; ++row) {
    const bool* end = known + row * size.width + box.columns.end;
    marked.push_back(std::find(known + row * size.width + box.columns.begin, end, false) != end);
  }
  return spans(marked, box.rows.begin, gap);
}

std::vector<Span> columns_with_hole(const bool* known, const Size& size, const Box& box, std::ptrdiff_t gap) {
  std::vector<char> marked(static_cast<std::size_t>(box.width()), 0);
  for (std::ptrdiff_t row = box.rows.begin; row < box.rows.end; ++row) {
    const bool* in_row = known + row * size.width + box.columns.begin;
    for (std::size_t column = 0; column < marked.size(); ++column) {
      marked[column] |= static_cast<char>(!in_row[column]);
    }
  }
  return spans(marked, box.columns.begin, gap);
}

// Cuts a box wherever `gap` of its rows or columns are wholly known, and each part again.
void cut(const bool* known, const Size& size, const Box& box, std::ptrdiff_t gap, std::vector<Box>& boxes) {
  for (const Span& rows : rows_with_hole(known, size, box, gap)) {
    for (const Span& columns : columns_with_hole(known, size, {rows, box.columns}, gap)) {
      const Box part{rows, columns};
      if (part == box) {
        boxes.push_back(part);
      } else {
        cut(known, size, part, gap, boxes);
      }
    }
  }
}

Span widened(const Span& span, std::ptrdiff_t rim, std::ptrdiff_t end) {
  return {std::max<std::ptrdiff_t>(span.begin - rim, 0), std::min(span.end + rim, end)};
}

}  // namespace

std::vector<Box> boxes_of_hole(const bool* known, const Size& size, std::ptrdiff_t rim) {
  std::vector<Box> boxes;
  cut(known, size, {{0, size.height}, {0, size.width}}, rim, boxes);
  for (Box& box : boxes) {
    box = {widened(box.rows, rim, size.height), widened(box.columns, rim, size.width)};
  }
  return boxes;
}

std::vector<char> hole_in(const bool* known, const Size& size, const Box& box) {
  std::vector<char> hole(static_cast<std::size_t>(box.height() * box.width()), 0);
  for_each_hole_pixel(known, size, box, [&](std::ptrdiff_t row, std::ptrdiff_t column) {
    hole[(row - box.rows.begin) * box.width() + column - box.columns.begin] = 1;
  });
  return hole;
}

}  // namespace inpaintx
