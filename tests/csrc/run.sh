#!/bin/sh
# Builds the C++ tests, or what changed of them, and runs them.
#   tests/csrc/run.sh            as they are
#   tests/csrc/run.sh sanitize   under AddressSanitizer and UndefinedBehaviorSanitizer; the first finding ends the run
#   tests/csrc/run.sh thread     under ThreadSanitizer, which sees the threads of a block as threads
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
# CMake and Ninja come with pip: those of the project's environment if it has one, otherwise what is on the path.
PATH="$root/.venv/bin:$PATH"
case "${1-}" in
  "") build=$root/build/csrc-tests sanitize= ;;
  sanitize) build=$root/build/csrc-tests-sanitized sanitize=address,undefined ;;
  thread) build=$root/build/csrc-tests-thread sanitize=thread; export TSAN_OPTIONS=halt_on_error=1 ;;
  *) echo "usage: $0 [sanitize|thread]" >&2; exit 2 ;;
esac
if command -v ninja >/dev/null && [ ! -e "$build/CMakeCache.txt" ]; then
  export CMAKE_GENERATOR=Ninja
fi
cmake -S "$root/tests/csrc" -B "$build" -DSANITIZE="$sanitize"
cmake --build "$build" --parallel 2
"$build/csrc_tests"
