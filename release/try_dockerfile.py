"""Carries out a Dockerfile where there is no Docker: ``sudo python release/try_dockerfile.py Dockerfile``.

Each stage is this machine's own root under an overlay, in place of its base image, so that what is installed,
copied and removed is seen by that stage only, and by nobody afterwards. At the end a picture is completed as
the image's user, by its entry point. Takes the instructions that our Dockerfiles have, and no others; tells
nothing of the base images. For Linux and root: overlays are mounted, in a namespace of their own.

With ``--wheels FOLDER`` a wheel that is there already takes the place of the stage that builds one.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from string import Template
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parent.parent
USE = """
inpaintx make-chars --out letters --count 1
{entry} complete letters --model chars --mask-plugin center --iterations 20 --out done
test -s done/*/*.png && test "$(id -u)" != 0
"""


@dataclass
class Stage:
    """A stage that is carried out: where its root is, and what its instructions have set."""

    root: Path
    folder: str = "/"
    user: str = "root"
    entry: str = ""
    variables: dict[str, str] = field(default_factory=dict)

    def run(self, command: str) -> None:
        """A command of the shell, in the stage."""
        words = ["chroot", f"--userspec={self.user}:", str(self.root), "/bin/sh", "-euc"]
        subprocess.run(
            [*words, f"cd {shlex.quote(self.folder)}\n{command}"],
            check=True,
            env={**os.environ, "HOME": "/", **self.variables},
        )

    def place(self, path: str) -> Path:
        """A path of the stage, as this machine sees it."""
        return self.root / os.path.join(self.folder, path).lstrip("/")


def instructions(text: str) -> list[tuple[str, str]]:
    """The instructions of a Dockerfile, each with what follows it."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    joined = "\n".join(lines).replace("\\\n", " ")
    pairs = [line.strip().partition(" ") for line in joined.splitlines() if line.strip()]
    return [(word, rest.strip()) for word, _, rest in pairs]


def context() -> list[str]:
    """What .dockerignore, which leaves out all else, lets into the context."""
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    return [line[1:] for line in lines if line.startswith("!")]


def begin(scratch: Path, number: int) -> Stage:
    """An empty layer over this machine's root."""
    upper, work, root = (scratch / f"{name}-{number}" for name in ("upper", "work", "root"))
    for folder in (upper, work, root):
        folder.mkdir()
    layers = f"lowerdir=/,upperdir={upper},workdir={work}"
    subprocess.run(["mount", "-t", "overlay", "overlay", "-o", layers, root], check=True)
    subprocess.run(["mount", "--rbind", "/dev", root / "dev"], check=True)
    subprocess.run(["mount", "-t", "proc", "proc", root / "proc"], check=True)
    for parent in Path(sys.base_prefix).parents:  # a base image's Python is anybody's
        inside = root / str(parent).lstrip("/")
        inside.chmod(inside.stat().st_mode | 0o055)
    path = os.pathsep.join([os.path.join(sys.base_prefix, "bin"), os.environ["PATH"]])
    return Stage(root, variables={"PATH": path})


def copy(stage: Stage, stages: dict[str, Stage], words: list[str]) -> None:
    """COPY: from the context, or (``--from``) from another stage."""
    source = None
    if words[0].startswith("--from="):
        source = stages[words.pop(0).removeprefix("--from=")].root
    *names, target = words
    for name in names:
        places = [source / name.lstrip("/")] if source else [ROOT / one for one in context()]
        if not source and name != ".":
            places = [place for place in places if place == ROOT / name]
        for place in places:
            whole = name != "." and place.is_dir()
            goal = stage.place(target) if whole else stage.place(target) / place.name
            if place.is_dir():
                shutil.copytree(
                    place, goal, dirs_exist_ok=True, ignore=shutil.ignore_patterns("*.so", "__pycache__")
                )
            else:
                goal.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(place, goal)


def carry_out(file: Path, scratch: Path, wheels: Path | None) -> Stage:
    """All instructions of a Dockerfile, the stage ``build`` apart where wheels are given; its last stage."""
    stages: dict[str, Stage] = {}
    stage: Stage | None = None
    given = False
    for number, (word, rest) in enumerate(instructions(file.read_text(encoding="utf-8"))):
        words = shlex.split(rest)
        if word == "FROM":
            stage, name = begin(scratch, number), words[2] if len(words) == 3 else ""
            stages[name] = stage
            given = wheels is not None and name == "build"
            if given:
                shutil.copytree(wheels, stage.place("/wheels"), ignore=_all_but_native)
        print(f"{'(given)' if given else '=>'} {word} {rest}", flush=True)
        if given or word == "FROM":
            continue
        assert stage is not None
        if word == "RUN":
            stage.run(rest)
        elif word == "COPY":
            copy(stage, stages, words)
        elif word == "WORKDIR":
            stage.folder = rest
            stage.place(".").mkdir(parents=True, exist_ok=True)
        elif word in ("ENV", "ARG"):
            for setting in words:
                name, _, value = setting.partition("=")
                stage.variables[name] = Template(value).safe_substitute(os.environ | stage.variables)
        elif word == "USER":
            stage.user = rest
        elif word == "ENTRYPOINT":
            stage.entry = shlex.join(json.loads(rest))
        elif word != "CMD":
            sys.exit(f"{file}: {word} is not known here")
    assert stage is not None
    return stage


def _all_but_native(_: str, names: list[str]) -> list[str]:
    """Names that are no wheel with native code, of which there is one for each Python."""
    tag = f"cp{sys.version_info.major}{sys.version_info.minor}-manylinux"
    return [name for name in names if tag not in name]


def overlays() -> bool:
    """Whether overlays over this machine's root can be mounted here."""
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        return False
    mount = "mkdir upper work root && mount -t overlay overlay -o lowerdir=/,upperdir=upper,workdir=work root"
    with TemporaryDirectory() as scratch:
        tried = subprocess.run(["unshare", "--mount", "sh", "-c", mount], cwd=scratch, capture_output=True)
    return tried.returncode == 0


def main() -> None:
    """Carries out the Dockerfiles that are named."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("files", nargs="+", type=Path, metavar="DOCKERFILE")
    parser.add_argument(
        "--wheels", type=Path, help="folder with a wheel, in place of the stage that builds it"
    )
    parser.add_argument(
        "--if-possible", action="store_true", help="where overlays can't be mounted, only say so"
    )
    given = parser.parse_args()
    if not overlays():
        why = "no overlay can be mounted over the root here: it takes root, and a file system for it"
        print(f"{', '.join(map(str, given.files))}: not carried out: {why}", file=sys.stderr)
        sys.exit(0 if given.if_possible else 1)
    if os.environ.get("INPAINTX_UNSHARED") != "1":  # what is mounted goes with this process
        os.environ["INPAINTX_UNSHARED"] = "1"
        os.execvp("unshare", ["unshare", "--mount", sys.executable, *sys.argv])
    for file in given.files:
        with TemporaryDirectory() as scratch:
            try:
                stage = carry_out(file, Path(scratch), given.wheels)
                stage.place(".").chmod(0o777)  # as a folder that the user brings
                stage.run(USE.format(entry=stage.entry))
            except subprocess.CalledProcessError as error:
                sys.exit(f"{file}: a step ended with {error.returncode}")
            finally:
                for root in Path(scratch).glob("root-*"):
                    subprocess.run(["umount", "--recursive", "--lazy", root], check=True)
        print(f"{file}: its steps complete a picture", flush=True)


if __name__ == "__main__":
    main()
