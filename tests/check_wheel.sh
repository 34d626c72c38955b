#!/bin/sh
# Uses inpaintx in the environment that it is installed in, away from the source tree:
#   tests/check_wheel.sh ENVIRONMENT native|reference
set -eu

ENVIRONMENT=${1:?say which environment: tests/check_wheel.sh build/environment native}
KIND=${2:?say what must run there: native or reference}
BIN=$(cd "$ENVIRONMENT/bin" && pwd)
SCRATCH=$(mktemp -d)
trap 'rm -rf "$SCRATCH"' EXIT
cd "$SCRATCH"

"$BIN/inpaintx" info --json > info.json 2> warnings
"$BIN/python" - "$KIND" <<'CHECK'
import json
import sys
import inpaintx
from inpaintx.ops import solvers
info = json.load(open("info.json"))
native = sys.argv[1] == "native"
assert "site-packages" in inpaintx.__file__, inpaintx.__file__
assert info["native"]["available"] == native and "chars" in info["models"], info
assert (solvers.native() is not None) == native
CHECK
"$BIN/inpaintx" make-chars --out letters --count 4
"$BIN/inpaintx" complete letters --model chars --mask-plugin left --iterations 20 --out done --sheet sheet.png
test -s sheet.png && test "$(find done -name '*.png' | wc -l)" = 4
echo "inpaintx: the wheel works in an empty environment ($KIND)"
