"""Images as D is shown them."""

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from inpaintx.training.augmentation import EdgesRepeated, padded, shift


def _cut_one_by_one(images: Tensor, shifts: Tensor, reach: int) -> Tensor:
    size = images.shape[-1]
    padded = F.pad(images, [reach] * 4, mode="replicate").unbind(0)
    moved = [
        image[:, y : y + size, x : x + size] for image, (y, x) in zip(padded, shifts.tolist(), strict=True)
    ]
    return torch.stack(moved)


@pytest.mark.parametrize(("channels", "layout"), [(1, "contiguous"), (3, "contiguous"), (3, "channels last")])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_shift_and_its_gradient_have_the_bits_of_cutting_image_by_image(
    channels: int, layout: str, dtype: torch.dtype
) -> None:
    noise = torch.Generator().manual_seed(0)
    images = torch.randn(9, channels, 32, 32, generator=noise).to(dtype)
    if layout == "channels last":
        images = images.contiguous(memory_format=torch.channels_last)
    shifts = torch.randint(9, (9, 2), generator=noise)
    shifts[:4] = torch.tensor([[0, 0], [8, 8], [0, 8], [4, 4]])
    weights = torch.randn(9, channels, 32, 32, generator=noise).to(dtype)
    results = []
    for way in (shift, _cut_one_by_one):
        given = images.clone().requires_grad_()
        moved = way(given, shifts, 4)
        moved.backward(weights)
        assert given.grad is not None
        results.append((moved.detach(), given.grad))
    for ours, theirs in zip(*results, strict=True):
        assert torch.equal(ours, theirs)
    assert torch.equal(results[0][0][3], images[3])
    assert results[0][0].is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("reach", [1, 4, 9])
@pytest.mark.parametrize("shape", [(2, 1, 2, 2), (3, 3, 8, 5)], ids=str)
def test_edges_repeated_by_gathers_are_torchs_padding_both_ways(
    shape: tuple[int, ...], reach: int, device: torch.device
) -> None:
    images = torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1)).to(device)
    ours, theirs = (images.clone().requires_grad_() for _ in range(2))
    moved, wanted = EdgesRepeated.apply(ours, reach), F.pad(theirs, [reach] * 4, mode="replicate")
    assert torch.equal(moved, wanted)
    weights = torch.randn(wanted.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    for way in (moved, wanted):
        way.backward(weights.to(device))
    torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-12, atol=1e-12)
    assert torch.autograd.gradcheck(EdgesRepeated.apply, (images.requires_grad_(), reach))


def test_gpus_pad_by_gathers_and_the_cpu_as_before() -> None:
    """An outline on `meta` is not on the CPU: its graph says how it was padded."""
    ways = [
        padded(torch.zeros(1, 1, 4, 4, device=place, requires_grad=True), 2).grad_fn
        for place in ("cpu", "meta")
    ]
    assert [type(way).__name__ for way in ways] == ["ReplicationPad2DBackward0", "EdgesRepeatedBackward"]


def _operations(call: Callable[[], object]) -> int:
    with torch.profiler.profile() as profile:
        call()
    return sum(event.count for event in profile.key_averages() if event.key.startswith("aten::"))


def test_shift_takes_as_many_operations_for_many_images_as_for_few() -> None:
    def count(batch: int) -> int:
        images = torch.randn(batch, 3, 32, 32, requires_grad=True)
        shifts = torch.randint(9, (batch, 2))
        return _operations(lambda: shift(images, shifts, 4).sum().backward())

    # Some small ones differ, by how many threads there are; image by image it would be over a thousand.
    assert count(64) < 2 * count(4)
