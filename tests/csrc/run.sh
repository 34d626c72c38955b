#!/bin/sh
# Builds the C++ tests, or what changed of them, and runs them.
#   tests/csrc/run.sh            as they are
#   tests/csrc/run.sh sanitize   under AddressSanitizer and UndefinedBehaviorSanitizer; the first finding ends the run
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
# CMake and Ninja come with pip: those of the project's environment if it has one, otherwise what is on the path.
PATH="$root/.venv/bin:$PATH"
case "${1-}" in
  "") build=$root/build/csrc-tests sanitize=OFF ;;
  sanitize) build=$root/build/csrc-tests-sanitized sanitize=ON ;;
  *) echo "usage: $0 [sanitize]" >&2; exit 2 ;;
esac
if command -v ninja >/dev/null && [ ! -e "$build/CMakeCache.txt" ]; then
  export CMAKE_GENERATOR=Ninja
fi
cmake -S "$root/tests/csrc" -B "$build" -DSANITIZE=$sanitize
cmake --build "$build" --parallel 2
"$build/csrc_tests"
