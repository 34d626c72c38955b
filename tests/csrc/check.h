// A test is a function that registers itself; a check that fails says where and what, and the run goes on.
#pragma once

#include <functional>
#include <sstream>
#include <string>

namespace check {

bool add(const char* name, void (*test)());
void fail(const char* file, int line, const std::string& message);

}  // namespace check

#define TEST(name)                                              \
  static void name();                                           \
  static const bool name##_is_added = check::add(#name, &name); \
  static void name()

// CHECK(condition) or CHECK(condition, "shape " << n): the rest is streamed into the message.
#define CHECK(condition, ...)                                   \
  do {                                                          \
    if (!(condition)) {                                         \
      std::ostringstream message;                               \
      message << #condition << "  " __VA_OPT__(<< __VA_ARGS__); \
      check::fail(__FILE__, __LINE__, message.str());           \
    }                                                           \
  } while (false)

#define CHECK_THROWS(expression, exception)                     \
  do {                                                          \
    bool thrown = false;                                        \
    try {                                                       \
      expression;                                               \
    } catch (const exception&) {                                \
      thrown = true;                                            \
    }                                                           \
    CHECK(thrown, #expression << " must throw " << #exception); \
  } while (false)
