"""Is it the pictures, the model or the search? What ``inpaintx check`` measures, and says in plain words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from inpaintx.judge.learned import ProbabilisticPCA
from inpaintx.networks.checkpoint import Networks
from inpaintx.options import SearchOptions
from inpaintx.pictures.arrays import images_to_values, levels_to_images, to_values
from inpaintx.search import Search
from inpaintx.training.clusters import near_copies, nearest
from inpaintx.training.collection import Collection
from inpaintx.training.score import Score

FEW, MANY = 1_000, 3_000  # pictures
COPY = 0.95  # correlation at 16×16 above which one picture is a near-copy of another
ALIGNED, LOOSE = 0.03, 0.08  # typical shifts, as shares of the side
DRAWINGS = 256
CEILING_PICTURES = 64
BY_HEART = 2.0  # dB between pictures of the collection and others


@dataclass(frozen=True)
class Finding:
    """One thing that was measured.

    Attributes:
        name: a short name.
        values: what was measured, by name.
        text: what it means, in plain words.
        advice: what to do about it; empty: nothing.
    """

    name: str
    values: dict[str, float | int | list[str]]
    text: str
    advice: str = ""


def diagnose_collection(collection: Collection) -> list[Finding]:
    """How many pictures, how many near-copies, how well aligned."""
    images = collection.images.numpy()
    return [_size(len(images)), _copies(images), _alignment(images)]


def diagnose_model(model: Networks, collection: Collection, held_out: np.ndarray | None) -> list[Finding]:
    """What G can reach, and what it copies.

    Args:
        model: trained on the collection.
        collection: what it was trained on.
        held_out: uint8 ``[N, C, S, S]``, intact pictures that training never saw; without them the ceiling is
            measured on pictures of the collection, and is too high.
    """
    findings = [_ceiling(model, collection, held_out), _copied(model, collection)]
    if held_out is not None and (model.predictor is not None or model.encoder is not None):
        findings.append(_gap(model, collection.images, torch.from_numpy(held_out)))
    return findings


def _size(count: int) -> Finding:
    if count < FEW:
        advice = (
            "Add pictures of the same kind if you can; with few, train for fewer steps, look for copies, "
            "and train with --flip if their mirror images are of that kind, too (faces, not letters)."
        )
    elif count < MANY:
        advice = "It is enough to begin with; more pictures of the same kind help more than longer training."
    else:
        advice = ""
    return Finding("pictures", {"count": count}, f"There are {count} pictures to learn from.", advice)


def _copies(images: np.ndarray) -> Finding:
    sizes = np.bincount(near_copies(images, COPY))
    share = float(sizes[sizes > 1].sum() / len(images))
    text = (
        f"{share:.1%} of the pictures are near-copies of another one (the largest cluster has "
        f"{int(sizes.max())}): they look alike at 16×16 pixels."
    )
    advice = ""
    if share > 0.01:
        advice = "Hold out clusters whole when you judge a model: --hold-out and --list write such a list."
    return Finding("near-copies", {"share": share, "largest": int(sizes.max())}, text, advice)


def _alignment(images: np.ndarray) -> Finding:
    shift = typical_shift(images)
    if shift < ALIGNED:
        text, advice = "well aligned", ""
    elif shift < LOOSE:
        text, advice = (
            "loosely aligned",
            "Cropping to the same frame would let the model spend itself on looks.",
        )
    else:
        text = "hardly aligned"
        advice = "Crop and centre them alike: a small GAN learns one kind of frame, not all shifts of it."
    return Finding(
        "alignment",
        {"typical shift": shift},
        f"They are {text}: typically, a picture fits the collection's mean best when it is moved by "
        f"{shift:.0%} of its side.",
        advice,
    )


def typical_shift(images: np.ndarray) -> float:
    """The median over the pictures of the shift that fits each to the collection's mean best.

    As a share of the side; shifts of up to a quarter of it are tried, by cross-correlation of the luma.

    Args:
        images: uint8 ``[N, C, S, S]``.
    """
    planes = torch.from_numpy(images).float().mean(1)
    planes = planes - planes.mean((1, 2), keepdim=True)
    side = planes.shape[-1]
    reference = torch.fft.rfft2(planes.mean(0)).conj()
    reach = side // 4
    shifts = torch.arange(-reach, reach + 1)
    rows, columns = torch.meshgrid(shifts, shifts, indexing="ij")
    lengths = torch.hypot(rows.float(), columns.float()).flatten()
    found = []
    for part in planes.split(512):
        # Letters are dark on light in one picture and light on dark in another, so the sign doesn't count.
        fit = torch.fft.irfft2(torch.fft.rfft2(part) * reference, s=part.shape[-2:]).abs()
        near = fit[:, rows % side, columns % side].flatten(1)
        found.append(lengths[near.argmax(1)])
    return float(torch.cat(found).median() / side)


def _ceiling(model: Networks, collection: Collection, held_out: np.ndarray | None) -> Finding:
    trained_on = collection.learned(model.flip).numpy()
    judged = collection.images.numpy() if held_out is None else held_out
    judged = judged[np.linspace(0, len(judged) - 1, min(CEILING_PICTURES, len(judged))).astype(int)]
    ours = fitted_psnr(model, judged)
    shown = to_values(judged.transpose(0, 2, 3, 1))
    whole = np.ones(shown.shape[:3], bool)
    linear = _psnr(ProbabilisticPCA(trained_on)(shown, whole), shown)
    kind = "pictures of the collection" if held_out is None else "intact held-out pictures"
    text = (
        f"Fitted to {len(judged)} {kind}, G reaches {ours:.1f} dB; no completion of such pictures can be "
        f"much nearer to the truth. A linear model with 32 components reaches {linear:.1f} dB."
    )
    advice = ""
    if ours < linear:
        advice = "The model is the limit, not the search: train longer, wider, or on better aligned pictures."
    if held_out is None:
        advice = (advice + " Give --held-out for an honest figure: G may remember these.").strip()
    return Finding("ceiling", {"psnr": ours, "linear psnr": linear, "pictures": len(judged)}, text, advice)


def fitted_psnr(model: Networks, images: np.ndarray) -> float:
    """Mean PSNR, dB, of the images that G makes when it is fitted to intact ones.

    Args:
        model: the networks.
        images: uint8 ``[N, C, S, S]``.
    """
    options = replace(SearchOptions(), prior=0.0, depth=0, estimate="sample")
    y = levels_to_images(torch.from_numpy(images))
    found = Search(model.generator, None, options)(y, torch.ones_like(y[:, :1]))
    fills = images_to_values(found.fill)
    return _psnr(fills, to_values(images.transpose(0, 2, 3, 1)))


def _copied(model: Networks, collection: Collection) -> Finding:
    noise = torch.Generator().manual_seed(0)
    codes = model.generator.sample_codes(DRAWINGS, noise).to(next(model.generator.parameters()).device)
    with torch.no_grad():
        drawings = torch.cat([model.generator(part) for part in codes.split(64)]).cpu().numpy()
    index, correlation = nearest(drawings, collection.learned(model.flip).numpy())
    copies = np.flatnonzero(correlation > COPY)
    count = len(collection.paths)
    names = list(dict.fromkeys(collection.paths[index[copy] % count].name for copy in copies))
    share = len(copies) / DRAWINGS
    text = f"{share:.0%} of {DRAWINGS} drawings of G are near-copies of a training picture" + (
        f", such as {', '.join(names[:5])}." if names else "."
    )
    advice = ""
    if share > 0.2:
        advice = "The model remembers pictures; train it for fewer steps, or on more pictures."
    return Finding("copied", {"share": share, "pictures": names}, text, advice)


def _gap(model: Networks, learned: Tensor, unseen: Tensor) -> Finding:
    """How much better holes in pictures of the collection are filled than in others, without a search."""
    fills = "what the predictor expects" if model.predictor is not None else "the encoder's guess"
    of_learned, of_unseen = (_score(model, images) for images in (learned, unseen))
    gap = of_learned - of_unseen
    text = (
        f"In holes, {fills} is {of_learned:.1f} dB near the truth on pictures of the collection, and "
        f"{of_unseen:.1f} dB on pictures that training never saw."
    )
    advice = ""
    if gap > BY_HEART:
        advice = "The model learns its pictures by heart: train it for less time, or on more pictures."
    return Finding("gap", {"learned psnr": of_learned, "unseen psnr": of_unseen, "gap": gap}, text, advice)


def _score(model: Networks, images: Tensor) -> float:
    chosen = torch.linspace(0, len(images) - 1, min(CEILING_PICTURES, len(images))).long()
    device = next(model.generator.parameters()).device
    score = Score(Collection(images[chosen], [Path(str(number)) for number in chosen.tolist()]), device)
    if model.predictor is not None:
        return score.of_predictor(model.predictor)
    assert model.encoder is not None
    return score.of_encoder(model.encoder, model.generator)


def _psnr(fills: np.ndarray, truth: np.ndarray) -> float:
    errors = ((fills.clip(0, 1) - truth) ** 2).mean((1, 2, 3))
    return float((-10 * np.log10(np.maximum(errors, 1e-8))).mean())


def in_words(findings: Sequence[Finding]) -> str:
    """A paragraph for each finding."""
    return "\n".join(
        f"{finding.name}: {finding.text}" + (f"\n  → {finding.advice}" if finding.advice else "")
        for finding in findings
    )
