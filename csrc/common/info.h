// What the library says of itself.
#pragma once

#include <string>

namespace inpaintx {

// A line "name=value" of inpaintx_ops_info. An op whose folder has something to say keeps one with static lifetime.
class Fact {
 public:
  Fact(const char* name, const std::string& value);
};

}  // namespace inpaintx
