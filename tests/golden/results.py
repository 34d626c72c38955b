"""Hashes of what the command line gives, to see that a change of the code's structure changed none of it.

    python tests/golden/results.py record before.json
    python tests/golden/results.py compare before.json

The demo's sheet, folders under several masks, blends, estimates and searches, drawings, a run that was
stopped and resumed, and one that ended with its encoder. What comes out depends on the machine's instruction
set and on torch's version: compare on the machine that recorded.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from safetensors import safe_open

#: Folder of results: what completes into it, with the shipped model.
COMPLETIONS = {
    "patch": "--mask-plugin random-patch",
    "left-mean": "--mask-plugin left --estimate mean",
    "random-mean": "--mask-plugin random --estimate mean",
    "prior": "--mask-plugin center --prior 0.01 --prior-every 2 --iterations 12 --blend poisson",
    "codes": "--mask-plugin freeform --no-guess --iterations 12 --starts 32 --blend alpha -o blend.width=3",
    "lbfgs": "--mask-plugin grid --optimizer lbfgs --iterations 12 --blend biharmonic",
    "hmc": "--mask-plugin pattern --optimizer hmc --iterations 12 --lr 0.001 --blend none",
    "yeh": "--mask-plugin lowres --preset yeh --iterations 12 --norm huber --clip stochastic",
    "float32": "--mask-plugin random-patch --precision float32 --iterations 12 --patience 3",
    "constant": "--mask-plugin center --fill constant --estimate mean",
    "untrained": "--mask-plugin center --fill untrained --iterations 12",
}


def run(line: str, folder: Path) -> None:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    program = Path(sys.executable).with_name("inpaintx")
    if line.startswith("complete "):
        line += " --no-record"  # it names versions, and the hash of a model that is trained here
    done = subprocess.run(
        [program, *line.split()], cwd=folder, env=environment, capture_output=True, text=True
    )
    if done.returncode:
        sys.exit(f"inpaintx {line}: {done.stderr}")


def knows(command: str, flag: str) -> bool:
    """Whether this version's command has that flag: the one that recorded may not have had it."""
    program = Path(sys.executable).with_name("inpaintx")
    return flag in subprocess.run([program, command, "--help"], capture_output=True, text=True).stdout


def file_hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


def tensors_hash(path: Path) -> str:
    """Of a checkpoint's tensors: its header may say more from one version to the next."""
    digest = hashlib.sha256()
    with safe_open(path, framework="np") as file:
        for name in sorted(file.keys()):
            digest.update(name.encode() + file.get_tensor(name).tobytes())
    return digest.hexdigest()[:16]


def results(folder: Path) -> dict[str, str]:
    """What the commands wrote, by name."""
    run("make-chars --out letters --split test --count 62 --seed 1", folder)
    run("make-chars --out few --split test --count 8 --seed 2", folder)
    run("complete letters --model chars --mask-plugin random-patch --out demo --sheet sheet.png", folder)
    for name, flags in COMPLETIONS.items():
        run(f"complete few --model chars --out {name} --uncertainty {name}-maps {flags}", folder)
    run("complete few --model chars --mask-plugin left --out forming --gif fill.gif", folder)
    run("generate --model chars --count 16 --out drawn.png", folder)
    quick = "--size 32 --width 8 --batch 16 --translate 0.1 --save-every 5"
    if knows("train", "--predictor-steps"):
        quick += " --predictor-steps 0"
    run(f"train letters --out whole {quick} --steps 12 --encoder-steps 6 --flip", folder)
    run(f"train letters --out halves {quick} --steps 5 --encoder-steps 0", folder)
    run("train letters --out halves --resume --steps 12 --encoder-steps 6 --flip", folder)
    run(f"train letters --out resumed {quick} --steps 5 --encoder-steps 6 --flip", folder)
    run("train letters --out resumed --resume --steps 12", folder)
    run("complete few --model whole --mask-plugin center --out own --iterations 12", folder)
    found = {
        str(path.relative_to(folder)): file_hash(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix in (".png", ".gif")
    }
    runs = {f"{run} tensors": tensors_hash(path) for run, path in _checkpoints(folder)}
    return {**found, **runs}


def _checkpoints(folder: Path) -> list[tuple[str, Path]]:
    return [(name, folder / name / "checkpoint.safetensors") for name in ("whole", "halves", "resumed")]


def main() -> None:
    action, file = sys.argv[1], Path(sys.argv[2])
    with tempfile.TemporaryDirectory() as folder:
        now = results(Path(folder))
    if action == "record":
        file.write_text(json.dumps(now, indent=1))
        print(f"{len(now)} hashes in {file}")
        return
    before = json.loads(file.read_text())
    changed = sorted(name for name in before.keys() | now.keys() if before.get(name) != now.get(name))
    print("\n".join([*changed, f"{len(before) - len(changed)} of {len(before)} are as they were"]))
    sys.exit(bool(changed))


if __name__ == "__main__":
    main()
