"""Kills at random moments of training, saving and folders; what is gone on with ends as if there was none."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from random import Random

import numpy as np
import torch
import torch._dynamo  # what takes long to load is forked with the process
from drawing import draw
from folders import hashes
from PIL import Image

from inpaintx.atomic import LEFTOVER
from inpaintx.completion import folder as completion_folder
from inpaintx.networks import checkpoint
from inpaintx.training.encoder import mask_pool
from inpaintx_cli.main import main

SIZE = 32
TINY_RUN = (
    *("--size", str(SIZE), "--gray", "--width", "4", "--nz", "8", "--batch", "4", "--lr", "0.005"),
    *("--steps", "30", "--save-every", "7", "--encoder-steps", "20", "--predictor-steps", "20"),
)
GROUP = 3  # pictures that are completed together
PICTURES = 12


@dataclass
class Killed:
    """What came of kills.

    Attributes:
        kills: processes that a signal ended.
        chains: things that were done in spite of them.
        wrong: what should not have been, a line each.
    """

    kills: int = 0
    chains: int = 0
    wrong: list[str] = field(default_factory=list)


def prepare(place: Path) -> dict[str, float]:
    """Pictures and masks, a run and a folder that nobody interrupts; gives the seconds that each took.

    Imports are done, and settings are made small, before any process is forked.
    """
    completion_folder.GROUP_PICTURES = GROUP
    torch.set_num_threads(1)
    mask_pool(SIZE)
    os.environ["SOURCE_DATE_EPOCH"] = "1700000000"  # the manifest tells the time
    random = Random(1)
    for number in range(PICTURES):
        inside = place / "pictures" / ("nested" if number % 3 else ".")
        inside.mkdir(parents=True, exist_ok=True)
        rng = np.random.default_rng(number)
        size = 20 + 5 * (number % 5), 24 + 3 * (number % 4)
        Image.fromarray(rng.integers(0, 255, size, np.uint8)).save(inside / f"{number}.png")
    (place / "pictures" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n" + draw(random, 1).tobytes())
    taken: dict[str, float] = {}
    for what, words in (("train", train(place, "run")), ("complete", complete(place, "out"))):
        start = time.monotonic()
        code = _wait(_start(words, place))
        taken[what] = time.monotonic() - start
        if code not in (0, 3):  # the broken picture
            raise RuntimeError(f"{words} ended with {code}: {(place / 'said').read_text()}")
    return taken


def train(place: Path, name: str, resume: bool = False) -> list[str]:
    """The command of a run."""
    return ["train", "pictures", "--out", name, *TINY_RUN, *(["--resume"] if resume else [])]


def complete(place: Path, name: str) -> list[str]:
    """The command that completes a folder, or goes on with it."""
    return [
        *("complete", "pictures", "--out", name, "--model", "run", "--mask-plugin", "center"),
        *("--iterations", "3", "--candidates", "2", "--starts", "4", "--skip-done"),
        *("--masks-out", f"{name}-filled", "--uncertainty", f"{name}-maps", "--device", "cpu"),
    ]


def _start(words: Sequence[str], place: Path) -> int:
    """`inpaintx` with these arguments, in a process of its own."""
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        os.chdir(place)
        said = os.open("said", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(said, 1)
        os.dup2(said, 2)
        sys.stdout, sys.stderr = open(1, "w", closefd=False), open(2, "w", closefd=False)  # noqa: SIM115
        sys.argv = ["inpaintx", *words]
        main()
    except SystemExit as ended:
        code = int(ended.code or 0)
    finally:
        sys.stdout.flush()
        os._exit(code)


def _wait(child: int) -> int:
    """Its exit code; below 0: the signal that ended it."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _kill(child: int, number: int, after: float) -> int:
    time.sleep(after)
    os.kill(child, number)
    return _wait(child)


def kill_training(random: Random, place: Path, seconds: float, killed: Killed) -> None:
    """Kills a run up to three times, lets it end, and compares it with the one that nobody interrupted."""
    name, want = f"run-{random.getrandbits(32):08x}", place / "run"
    run, terminated = place / name, False
    for _ in range(random.choice([1, 1, 2, 3])):
        resume = (run / checkpoint.FILE_NAME).is_file()
        number = random.choice([signal.SIGKILL, signal.SIGKILL, signal.SIGTERM])
        code = _kill(_start(train(place, name, resume), place), number, random.uniform(0.005, 1.02 * seconds))
        killed.kills += code in (-9, -15, 130)
        terminated |= number == signal.SIGTERM
        if code not in (-9, 130, 0) and not (code == -15 and not run.exists()):  # before it is listened to
            killed.wrong.append(f"{name}: {number.name} gave {code}: {(place / 'said').read_text()[-400:]}")
        if (run / checkpoint.FILE_NAME).is_file():
            checkpoint.load_model(run)  # whole, by its checksums
    code = _wait(_start(train(place, name, (run / checkpoint.FILE_NAME).is_file()), place))
    killed.chains += 1
    if code:
        killed.wrong.append(f"{name}: going on gave {code}: {(place / 'said').read_text()[-400:]}")
        return
    ours, theirs = (hashes(each) | {checkpoint.FILE_NAME: _networks(each)} for each in (run, want))
    logs = [
        [_timeless(line) for line in (each / "log.jsonl").read_text().splitlines()] for each in (run, want)
    ]
    differing = [file for file in theirs if file != "log.jsonl" and ours.get(file) != theirs[file]]
    if differing or logs[0] != logs[1]:
        killed.wrong.append(f"{name}: differs in {differing or 'its log'}")
    extra = {
        file for file in ours.keys() - theirs.keys() if not (terminated and file.startswith("samples/step-"))
    }
    if extra:
        killed.wrong.append(f"{name}: left {extra}")


def _networks(run: Path) -> str:
    """What a run's checkpoint holds, but for how long it took."""
    header, tensors = checkpoint.load(run / checkpoint.FILE_NAME)
    told = {key: value for key, value in header.items() if key not in ("seconds", "clock")}
    digest = sha256(json.dumps(told, sort_keys=True).encode())
    for name, tensor in sorted(tensors.items()):
        digest.update(name.encode() + tensor.numpy().tobytes())
    return digest.hexdigest()


def _timeless(line: str) -> dict[str, float]:
    return {key: value for key, value in json.loads(line).items() if key != "seconds"}


def kill_folder(random: Random, place: Path, seconds: float, killed: Killed) -> None:
    """The same of a folder that is completed."""
    name = f"out-{random.getrandbits(32):08x}"
    for _ in range(random.choice([1, 1, 2, 3])):
        number = random.choice([signal.SIGKILL, signal.SIGKILL, signal.SIGTERM])
        code = _kill(_start(complete(place, name), place), number, random.uniform(0.005, 1.02 * seconds))
        killed.kills += code in (-9, -15, 130)
        if code not in (-9, -15, 130, 3):
            killed.wrong.append(f"{name}: {number.name} gave {code}: {(place / 'said').read_text()[-400:]}")
        for result, digest in hashes(place / name).items():  # what is there is whole
            unfinished = LEFTOVER.fullmatch(Path(result).name) or result == "manifest.jsonl"
            if not unfinished and digest != hashes(place / "out").get(result):
                killed.wrong.append(f"{name}: {result} is not whole")
    code = _wait(_start(complete(place, name), place))
    killed.chains += 1
    if code != 3:
        killed.wrong.append(f"{name}: going on gave {code}: {(place / 'said').read_text()[-400:]}")
    for ending in ("", "-filled", "-maps"):
        ours, theirs = hashes(place / f"{name}{ending}"), hashes(place / f"out{ending}")
        if ours != theirs:
            off = sorted(file for file in ours.keys() | theirs.keys() if ours.get(file) != theirs.get(file))
            killed.wrong.append(f"{name}{ending}: differs in {off}")


def kill_saving(random: Random, place: Path, killed: Killed) -> None:
    """Kills a process that saves two checkpoints in turn: one of them is there, whole."""
    folder = place / f"saved-{random.getrandbits(32):08x}"
    folder.mkdir()
    header, tensors = checkpoint.load(place / "run" / checkpoint.FILE_NAME)
    path = folder / checkpoint.FILE_NAME
    versions = [tensors, {name: tensor + tensor for name, tensor in tensors.items()}]

    def save_for_ever() -> None:
        for number in range(1_000_000):
            checkpoint.save(path, header | {"number": number % 2}, versions[number % 2])

    for _ in range(random.choice([1, 2, 3])):
        child = os.fork()
        if child == 0:
            try:
                save_for_ever()
            finally:
                os._exit(1)
        killed.kills += _kill(child, signal.SIGKILL, random.uniform(0.005, 0.2)) == -9
        if path.is_file():
            found, held = checkpoint.load(path)
            want = versions[found["number"]]
            if held.keys() != want.keys() or not all(torch.equal(held[key], want[key]) for key in want):
                killed.wrong.append(f"{folder.name}: neither of the two checkpoints")
    checkpoint.save(path, header | {"number": 0}, versions[0])
    killed.chains += 1
    if [file.name for file in folder.iterdir()] != [checkpoint.FILE_NAME]:
        killed.wrong.append(f"{folder.name}: left {sorted(file.name for file in folder.iterdir())}")


def kill(random: Random, place: Path, taken: dict[str, float], count: int) -> Killed:
    """At least so many kills: of training three in five, of folders and of saving one in five each."""
    killed = Killed()
    ways: list[Callable[[], None]] = [
        *[lambda: kill_training(random, place, taken["train"], killed)] * 3,
        lambda: kill_folder(random, place, taken["complete"], killed),
        lambda: kill_saving(random, place, killed),
    ]
    turn = 0
    while killed.kills < count:
        ways[turn % len(ways)]()
        turn += 1
    return killed
