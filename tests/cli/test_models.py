"""`inpaintx models`, as users meet it."""

import json
from pathlib import Path

from cli_tools import Cli

from inpaintx.networks.checkpoint import shipped_models


def test_shipped_models_and_runs_say_what_they_are_and_what_they_scored(
    cli: Cli, model: Path, tmp_path: Path
) -> None:
    card = tmp_path / "card.json"
    scores = {"measure": "words", "left": {"psnr": [12.5, 12, 13], "perceptual": [0.25], "by": "me"}}
    card.write_text(json.dumps({"what": "blobs\x1b[2J", "scores": scores}))
    runs = tmp_path / "runs"
    assert cli("export", "--model", model, "--out", runs / "small.safetensors", "--card", card).code == 0
    (runs / "old" / "blobs").mkdir(parents=True)
    (runs / "old" / "blobs" / "checkpoint.safetensors").write_bytes(
        (model / "checkpoint.safetensors").read_bytes()
    )
    (runs / "torn.safetensors").write_bytes(b"torn")
    lines = [{"stage": "gan", "step": 10, "psnr": 9.0}, {"stage": "gan", "step": 20, "psnr": 11.234}]
    lines.append({"stage": "predictor", "step": 20, "psnr": 14.0})
    log = "".join(f"{json.dumps(line)}\n" for line in lines)
    (runs / "old" / "blobs" / "scores.jsonl").write_text(f'{log}{{"stage": "predictor", "st')  # killed

    ended = cli("models", folder=tmp_path)
    assert ended.code == 0
    assert ended.err.startswith("Broken: ")
    assert "runs/torn.safetensors" in ended.err
    shipped, run, export = ended.out.split("\n\n")
    assert shipped.startswith(
        "chars (shipped): 64×64, gray, 19,936 pictures, step 4,181, with encoder and predictor\n"
    )
    told = json.loads(shipped_models()["chars"].with_suffix(".card.json").read_bytes())["scores"]
    psnr, distance = (told["random-patch"][name][0] for name in ("psnr", "perceptual"))
    assert f"  random-patch: PSNR {psnr:.2f} dB, perceptual distance {distance:.4f}\n" in shipped
    assert run.splitlines() == [
        "runs/old/blobs: 32×32, gray, 24 pictures, step 20, with encoder and predictor",
        "  on pictures kept back: G and D 11.23 dB, predictor 14.00 dB",
    ]
    assert export.splitlines() == [
        "runs/small.safetensors: 32×32, gray, 24 pictures, step 20, with encoder and predictor",
        "  blobs\\x1b[2J",
        "  left: PSNR 12.50 dB, perceptual distance 0.2500",
    ]

    told = json.loads(cli("models", model, "--json").out)
    assert [one["name"] for one in told["models"]] == ["chars", str(model)]
    assert told["models"][1] == {
        **told["models"][1],
        **{"shipped": False, "size": 32, "channels": 1, "pictures": 24, "step": 20, "steps": 20},
        **{"encoder": True, "predictor": True, "what": "", "scores": {}, "kept_back": {}},
    }
    assert "no such file or folder" in cli("models", tmp_path / "nowhere").error
