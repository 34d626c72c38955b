// What the library says of itself.
#pragma once

#include <stdint.h>

#include <string>

namespace inpaintx {

// A line "name=value" of inpaintx_ops_info. An op whose folder has something to say keeps one with static lifetime.
class Fact {
 public:
  Fact(const char* name, const std::string& value);
};

// All choices of an enumeration, in the order of their values, comma-separated: so that a test can hold Python's
// against it.
template <class Choice>
std::string names_of() {
  std::string names;
  for (int64_t value = 0; const char* name = name_of(static_cast<Choice>(value)); ++value) {
    names += (names.empty() ? "" : ",") + std::string(name);
  }
  return names;
}

}  // namespace inpaintx
