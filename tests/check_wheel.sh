#!/bin/sh
# Installs the wheel into an empty environment, away from the source tree, and uses it there.
set -eu

ROOT=$(cd "$(dirname "$0")/.." && pwd)
SCRATCH=$(mktemp -d)
trap 'rm -rf "$SCRATCH"' EXIT
cd "$ROOT"

.venv/bin/pip wheel --quiet --no-build-isolation --no-deps --wheel-dir "$SCRATCH" .
.venv/bin/python -m venv "$SCRATCH/venv"
"$SCRATCH/venv/bin/pip" install --disable-pip-version-check --quiet -c constraints.txt "$SCRATCH"/*.whl

cd "$SCRATCH"
venv/bin/inpaintx info --json > info.json
venv/bin/python - <<'CHECK'
import json
import inpaintx
info = json.load(open("info.json"))
assert "site-packages" in inpaintx.__file__, inpaintx.__file__
assert info["native"]["available"] and "chars" in info["models"], info
CHECK
venv/bin/inpaintx make-chars --out letters --count 4
venv/bin/inpaintx complete letters --model chars --mask-plugin left --iterations 20 --out done --sheet sheet.png
test -s sheet.png && test "$(find done -name '*.png' | wc -l)" = 4
echo "inpaintx: the wheel works in an empty environment"
