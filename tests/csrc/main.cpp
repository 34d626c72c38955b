#include <chrono>
#include <cstdio>
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
}

int run_all(bool stop_at_first) {
  for (const Test& test : tests()) {
    if (stop_at_first && failures > 0) break;
    const int failures_before = failures;
    const auto start = std::chrono::steady_clock::now();
    test.run();
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    std::printf("%s %s (%.2f s)\n", failures == failures_before ? "pass" : "FAIL", test.name, seconds.count());
    std::fflush(stdout);
  }
  std::printf("%zu tests, %d failed checks\n", tests().size(), failures);
  return tests().empty() || failures > 0 ? 1 : 0;
}

}  // namespace check

// With any argument it ends with the first test that fails.
int main(int argc, char**) { return check::run_all(argc > 1); }
