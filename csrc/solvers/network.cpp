#include "network.h"

#include <utility>

namespace inpaintx {

Network::Network(Grid grid) : Grid(std::move(grid)), east(size, 0.0F), south(size, 0.0F), diagonal(size, 0.0F) {}

Network unit_network(const std::vector<char>& hole, std::ptrdiff_t height, std::ptrdiff_t width) {
  Network network(Grid(hole, height, width));
  for_each_cell(network, [&](std::ptrdiff_t i, std::ptrdiff_t row, std::ptrdiff_t column) {
    const std::ptrdiff_t pixel = row * width + column;
    const bool has_east = column + 1 < width;
    const bool has_south = row + 1 < height;
    network.east[i] = has_east && hole[pixel + 1];
    network.south[i] = has_south && hole[pixel + width];
    network.diagonal[i] = static_cast<float>((column > 0) + has_east + (row > 0) + has_south);
  });
  return network;
}

}  // namespace inpaintx
