#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "check.h"

namespace {

struct Test {
  const char* name;
  void (*run)();
};

std::vector<Test>& tests() {
  static std::vector<Test> registered;
  return registered;
}

int failures = 0;
bool stop_at_first = false;

}  // namespace

namespace check {

bool add(const char* name, void (*test)()) {
  tests().push_back({name, test});
  return true;
}

void fail(const char* file, int line, const std::string& message) {
  constexpr int kShown = 20;
  if (++failures <= kShown) {
    std::printf("%s:%d: %s\n", file, line, message.c_str());
  }
  if (stop_at_first) {
    std::fflush(stdout);
    std::_Exit(1);
  }
}

int run(const std::vector<Test>& chosen) {
  for (const Test& test : chosen) {
    const int failures_before = failures;
    const auto start = std::chrono::steady_clock::now();
    test.run();
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    std::printf("%s %s (%.2f s)\n", failures == failures_before ? "pass" : "FAIL", test.name, seconds.count());
    std::fflush(stdout);
  }
  std::printf("%zu tests, %d failed checks\n", chosen.size(), failures);
  return chosen.empty() || failures > 0 ? 1 : 0;
}

}  // namespace check

// No argument: all tests. --list: names them. --stop name: runs that one, and ends with the first check that fails.
int main(int argc, char** argv) {
  const std::string_view asked = argc > 1 ? argv[1] : "";
  if (asked == "--list") {
    for (const Test& test : tests()) std::puts(test.name);
    return 0;
  }
  if (asked != "--stop" || argc < 3) return check::run(tests());
  stop_at_first = true;
  std::vector<Test> chosen;
  for (const Test& test : tests()) {
    if (std::string_view(argv[2]) == test.name) chosen.push_back(test);
  }
  return check::run(chosen);
}
