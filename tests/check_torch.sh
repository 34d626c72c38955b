#!/bin/sh
# Runs the op tests under another torch with the very _ops.so that is built here, not rebuilt:
#   tests/check_torch.sh 2.14.1
# A scratch environment is kept under build/, so that a second run downloads nothing.
set -eu

TORCH=${1:?say which torch: tests/check_torch.sh 2.14.1}
ROOT=$(cd "$(dirname "$0")/.." && pwd)
PYTHON=$ROOT/.venv/bin/python
SCRATCH=$ROOT/build/check-torch-$TORCH
cd "$ROOT"

rm -rf "$SCRATCH/wheel"
"$PYTHON" -m pip wheel --quiet --no-build-isolation --no-deps --wheel-dir "$SCRATCH/wheel" .
built=$("$PYTHON" -c "import torch; print(torch.__version__)")

test -x "$SCRATCH/venv/bin/python" || "$PYTHON" -m venv "$SCRATCH/venv"
"$SCRATCH/venv/bin/pip" install --quiet "torch==$TORCH" pytest hypothesis "$SCRATCH"/wheel/*.whl
"$SCRATCH/venv/bin/pip" install --quiet --no-deps --force-reinstall "$SCRATCH"/wheel/*.whl

# From elsewhere: in the source tree Python would import the sources, and those lie beside another build.
cd "$SCRATCH"
venv/bin/python - "$ROOT/build" <<'CHECK'
import filecmp, glob, sys
from pathlib import Path
import torch
import inpaintx
from inpaintx.ops.library import native_available, native_info
installed = Path(inpaintx.__file__).with_name("ops") / "_ops.so"
built = glob.glob(sys.argv[1] + f"/cmake-{sys.implementation.cache_tag}/out/_ops.so")[0]
assert "site-packages" in str(installed) and filecmp.cmp(installed, built, shallow=False)
assert native_available(), native_info()
print(f"torch {torch.__version__}, {native_info()}")
CHECK
echo "inpaintx: op tests in torch $TORCH, _ops.so built with torch $built"
venv/bin/pytest -q -o addopts= -p no:cacheprovider "$ROOT"/tests/ops/test_ops*.py "$ROOT/tests/ops/test_library.py" "$ROOT/tests/ops/test_reference.py"
