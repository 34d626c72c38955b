"""The manifest: what a line says, and what a later run makes of it."""

import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from completion_cases import OPTIONS, make_blend, make_picture
from PIL import Image

from inpaintx.completion import Completer, FolderReport, FolderRequest, complete_folder, folder
from inpaintx.completion.manifest import file_hash, mask_hash
from inpaintx.errors import InpaintxError
from inpaintx.networks.checkpoint import Networks
from inpaintx.pictures import read_picture, write_picture
from inpaintx.plugins import registry
from inpaintx.plugins.masks import make_mask

NAMES = ["0.png", "1.png", "deep/2.png", "3.png"]
Run = Callable[..., FolderReport]


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    (tmp_path / "photos" / "deep").mkdir(parents=True)
    for number, name in enumerate(NAMES):
        write_picture(make_picture(24, 30, seed=number), tmp_path / "photos" / name)
    return tmp_path / "photos"


@pytest.fixture
def run(model: Networks, photos: Path, tmp_path: Path) -> Run:
    """Completes the photos into `out`, with its manifest."""

    def complete(
        mask: str = "center", out: str = "out", seed: int = 0, region: str = "auto", **more: Any
    ) -> FolderReport:
        place = tmp_path / out
        more = {"manifest": place / "manifest.jsonl"} | more
        request = FolderRequest([photos], place, registry.make("mask", mask), seed, **more)
        return complete_folder(Completer(model, make_blend(), OPTIONS, region=region), request)

    return complete


def lines(path: Path) -> dict[str, dict[str, Any]]:
    """By the result's name; each has one line."""
    read = [json.loads(line) for line in path.read_text().splitlines()]
    assert len({line["result"] for line in read}) == len(read)
    return {line["result"]: line for line in read}


def results(out: Path) -> dict[str, bytes]:
    return {str(path.relative_to(out)): path.read_bytes() for path in sorted(out.rglob("*.png"))}


def test_what_a_line_says(run: Run, photos: Path, tmp_path: Path) -> None:
    run(masks=tmp_path / "masks", seed=3)
    told = lines(tmp_path / "out" / "manifest.jsonl")
    assert sorted(told) == sorted(NAMES)
    for name, line in told.items():
        picture = read_picture(photos / name)
        mask = make_mask(registry.make("mask", "center"), picture, 3)
        rows, columns = np.nonzero(~mask)
        box = [columns.min(), rows.min(), np.ptp(columns) + 1, np.ptp(rows) + 1]
        assert line["filled"] == {"pixels": (~mask).sum(), "box": box, "mask": name}
        assert np.array_equal(np.asarray(Image.open(tmp_path / "masks" / name)) == 0, mask)
        assert line["picture_sha256"] == file_hash(photos / name)
        assert line["mask_sha256"] == mask_hash(mask)
        assert line["result_sha256"] == file_hash(tmp_path / "out" / name)
        assert (line["status"], line["seed"], line["picture"]) == ("completed", 3, str(photos / name))
        assert line["settings"]["search"]["iterations"] == OPTIONS.iterations
        assert line["settings"]["mask"]["name"] == "center"
        assert line["settings"]["blend"]["name"] == "poisson"
        assert line["versions"]["numpy"] == np.__version__
        assert line["when"] > "2020"


def test_the_record_is_in_the_result_and_no_pixel_differs(run: Run, tmp_path: Path) -> None:
    run()
    run(out="plain", record=False)
    for name in NAMES:
        with Image.open(tmp_path / "out" / name) as marked, Image.open(tmp_path / "plain" / name) as plain:
            assert "compositeWithTrainedAlgorithmicMedia" in str(marked.info)
            assert "XML:com.adobe.xmp" not in plain.info
            assert np.array_equal(np.asarray(marked), np.asarray(plain))


def test_the_same_run_gives_the_same_bytes(run: Run, tmp_path: Path) -> None:
    run()
    run(out="again")
    assert results(tmp_path / "out") == results(tmp_path / "again")


def test_a_rerun_does_only_what_is_left(run: Run, photos: Path, tmp_path: Path) -> None:
    run()
    whole = results(tmp_path / "out")
    (tmp_path / "out" / "0.png").unlink()
    (tmp_path / "out" / "3.png").write_bytes(b"")
    again = run(skip_done=True)
    assert sorted(again.done) == [photos / "0.png", photos / "3.png"]
    assert sorted(again.kept) == [photos / "1.png", photos / "deep" / "2.png"]
    assert results(tmp_path / "out") == whole
    assert sorted(lines(tmp_path / "out" / "manifest.jsonl")) == sorted(NAMES)


def test_a_rerun_redoes_what_changed(run: Run, photos: Path, tmp_path: Path) -> None:
    run()
    write_picture(make_picture(24, 30, seed=99), photos / "1.png")
    again = run(skip_done=True)
    assert list(again.done) == [photos / "1.png"]
    first_result = results(tmp_path / "out")
    assert not run(skip_done=True).done
    assert len(run(skip_done=True, region="whole").done) == len(NAMES)
    assert len(run(skip_done=True, seed=1).done) == len(NAMES)
    assert len(run("left", skip_done=True).done) == len(NAMES)
    assert results(tmp_path / "out") != first_result


def test_a_result_that_was_changed_by_hand_is_not_written_over(
    run: Run, photos: Path, tmp_path: Path
) -> None:
    run()
    (tmp_path / "out" / "3.png").write_bytes(b"retouched")
    for _ in range(2):
        again = run(skip_done=True)
        assert again.failures == {
            photos / "3.png": f"changed since it was written: {tmp_path / 'out' / '3.png'}; "
            "move it away to have it made again"
        }
        assert (tmp_path / "out" / "3.png").read_bytes() == b"retouched"
    (tmp_path / "out" / "3.png").unlink()
    assert list(run(skip_done=True).done) == [photos / "3.png"]


def test_without_a_line_a_result_is_done_unless_it_is_empty(run: Run, photos: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "0.png").write_bytes(b"by hand")
    (tmp_path / "out" / "1.png").write_bytes(b"")
    report = run(skip_done=True)
    assert photos / "0.png" not in report.done
    assert photos / "1.png" in report.done
    assert (tmp_path / "out" / "0.png").read_bytes() == b"by hand"


def test_failures_are_in_it_and_tried_again(run: Run, photos: Path, tmp_path: Path) -> None:
    good = (photos / "1.png").read_bytes()
    (photos / "1.png").write_bytes(b"no picture")
    report = run()
    line = lines(tmp_path / "out" / "manifest.jsonl")["1.png"]
    assert (line["status"], line["why"]) == ("failed", report.failures[photos / "1.png"])
    (photos / "1.png").write_bytes(good)
    assert list(run(skip_done=True).done) == [photos / "1.png"]
    assert lines(tmp_path / "out" / "manifest.jsonl")["1.png"]["status"] == "completed"


def test_a_line_that_a_kill_cut_off(run: Run, tmp_path: Path) -> None:
    """Its result is there, so that it is taken for done; the other lines are as good as before."""
    run()
    manifest = tmp_path / "out" / "manifest.jsonl"
    manifest.write_bytes(manifest.read_bytes()[:-40])
    again = run(skip_done=True)
    assert (len(again.done), len(again.kept)) == (0, len(NAMES))
    assert sorted(lines(manifest)) == sorted(NAMES)[:-1]
    (tmp_path / "out" / sorted(NAMES)[-1]).unlink()
    assert len(run(skip_done=True).done) == 1
    assert sorted(lines(manifest)) == sorted(NAMES)


@pytest.mark.parametrize("error", [SystemExit, InpaintxError])
@pytest.mark.parametrize("late", [False, True])
def test_a_run_that_ends_between_a_line_and_its_result(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: type[BaseException], late: bool
) -> None:
    """Whether the result came to be or not, what is there is ours, and the next run makes what is missing."""
    write, out = folder.write_result, tmp_path / "out"
    run(out="straight", seed=1)
    run(seed=0)

    def fail(target: Path, data: bytes, record: Callable[[], None]) -> None:
        if target.name == "1.png":
            record()
            if late:
                write(target, data, lambda: None)
            raise error("no more")
        write(target, data, record)

    with monkeypatch.context() as patch, suppress(SystemExit):
        patch.setattr(folder, "write_result", fail)
        run(seed=1, skip_done=True)
    again = run(seed=1, skip_done=True)
    assert not again.failures
    assert results(out) == results(tmp_path / "straight")
    assert sorted(lines(out / "manifest.jsonl")) == sorted(NAMES)
    assert len(run(seed=1, skip_done=True).kept) == len(NAMES)


def test_what_no_run_wrote_is_not_written_over(run: Run, photos: Path, tmp_path: Path) -> None:
    """A picture failed, and somebody put a result there."""
    good = (photos / "1.png").read_bytes()
    (photos / "1.png").write_bytes(b"no picture")
    run()
    (photos / "1.png").write_bytes(good)
    (tmp_path / "out" / "1.png").write_bytes(b"by hand")
    for _ in range(2):
        again = run(skip_done=True)
        assert again.failures == {
            photos / "1.png": f"no run wrote it: {tmp_path / 'out' / '1.png'}; move it away to have it made"
        }
        assert (tmp_path / "out" / "1.png").read_bytes() == b"by hand"


@pytest.mark.parametrize("content", [b"dear diary\n", b"[1]\n", b'{"a": 1}\n', b"\xff\xfe"])
def test_what_is_no_manifest_is_left_alone(content: bytes, run: Run, tmp_path: Path) -> None:
    (tmp_path / "diary").write_bytes(content)
    with pytest.raises(InpaintxError, match=r"no manifest: .*line 1"):
        run(manifest=tmp_path / "diary")
    assert (tmp_path / "diary").read_bytes() == content


def test_shards_make_the_whole(run: Run, tmp_path: Path) -> None:
    run()
    for part in (1, 2, 3):
        run(out="parts", shard=(part, 3), manifest=tmp_path / f"{part}.jsonl")
    assert results(tmp_path / "parts") == results(tmp_path / "out")
    together = "".join((tmp_path / f"{part}.jsonl").read_text() for part in (1, 2, 3))
    (tmp_path / "all.jsonl").write_text(together)
    assert sorted(lines(tmp_path / "all.jsonl")) == sorted(NAMES)
    assert not run(out="parts", manifest=tmp_path / "all.jsonl", skip_done=True).done
    with pytest.raises(InpaintxError, match="no shard 4 of 3"):
        run(shard=(4, 3))
