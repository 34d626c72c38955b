#!/bin/sh
# Runs what touches a GPU on one, then the ops and the search under compute-sanitizer's four tools:
#   tests/test_gpu.sh
# Where there is no GPU or no compute-sanitizer, it says so in one line and fails.
set -eu

cd "$(dirname "$0")/.."
PYTHON=${PYTHON:-.venv/bin/python}
SANITIZER=${SANITIZER:-compute-sanitizer}

missing() {
    echo "test-gpu: $1" >&2
    exit 1
}
"$PYTHON" -c "import sys, torch; sys.exit(not torch.cuda.is_available())" ||
    missing "torch sees no GPU here; run it where there is one"
command -v "$SANITIZER" >/dev/null ||
    missing "no $SANITIZER on the PATH; install the CUDA toolkit's, or name it: SANITIZER=..."

"$PYTHON" -m pytest -q -k cuda tests

# Each allocation of the ops' tests on its own, so that no access beyond one lands in its neighbour. Recorded
# iterations can't allocate so.
for tool in memcheck racecheck initcheck synccheck; do
    echo "compute-sanitizer: $tool"
    PYTORCH_NO_CUDA_MEMORY_CACHING=1 "$SANITIZER" --tool "$tool" --target-processes all --error-exitcode 9 \
        "$PYTHON" -m pytest -q -k cuda tests/ops
    "$SANITIZER" --tool "$tool" --target-processes all --error-exitcode 9 \
        "$PYTHON" -m pytest -q -k cuda -m "not slow" tests/search
done
