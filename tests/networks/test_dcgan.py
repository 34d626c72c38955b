"""G and D: shapes, ranges, initialisation, codes and batch statistics."""

import math

import pytest
import torch
from torch import Tensor, nn

from inpaintx.networks.base import calibrate
from inpaintx.networks.dcgan import LEAK, Discriminator, Generator
from inpaintx.options import Architecture

SIZES, KERNELS, CHANNELS = (32, 64, 96, 128), (4, 5), (1, 3)


@pytest.mark.parametrize("channels", CHANNELS)
@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("size", SIZES)
def test_shapes_and_ranges(size: int, kernel: int, channels: int) -> None:
    architecture = Architecture(size=size, kernel=kernel, channels=channels, width=4, nz=8)
    torch.manual_seed(0)
    generator, discriminator = Generator(architecture), Discriminator(architecture)
    with torch.no_grad():
        images = generator(100 * generator.sample_codes(3))
        logits = discriminator(images)
    assert images.shape == (3, channels, size, size)
    assert images.abs().max() <= 1
    assert images.std() > 0
    assert logits.shape == (3,)
    kernels = {
        module.kernel_size
        for network in (generator, discriminator)
        for module in network.modules()
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d) and module.stride == (2, 2)
    }
    assert kernels == {(kernel, kernel)}


def test_output_is_squashed_by_tanh() -> None:
    generator = Generator(Architecture(size=32, channels=1, width=4, nz=8))
    codes = generator.sample_codes(4)
    with torch.no_grad():
        logits = generator.layers[:-1](codes[:, :, None, None])
        torch.testing.assert_close(generator(codes), logits.tanh())


@pytest.mark.parametrize("network", [Generator, Discriminator])
def test_initialisation_is_that_of_radford_et_al(network: type[Generator] | type[Discriminator]) -> None:
    torch.manual_seed(0)
    made = network(Architecture(size=64, width=32, nz=64))
    scales: list[Tensor] = []
    for name, parameter in made.requires_grad_(False).named_parameters():
        if parameter.dim() == 4:
            margin = 5 / math.sqrt(parameter.numel())  # five standard errors
            assert abs(parameter.mean()) < 0.02 * margin, name
            assert parameter.std() == pytest.approx(0.02, rel=margin), name
        elif name.endswith("bias"):
            assert not parameter.any(), name
        else:
            scales.append(parameter)
    scale = torch.cat(scales)
    margin = 5 / math.sqrt(scale.numel())
    assert abs(scale.mean() - 1) < 0.02 * margin
    assert scale.std() == pytest.approx(0.02, rel=margin)


def test_discriminator_normalises_all_but_its_ends() -> None:
    layers = list(Discriminator(Architecture(size=64, width=4, nz=8)).layers)
    kinds = [type(layer) for layer in layers]
    middle = [nn.Conv2d, nn.BatchNorm2d, nn.LeakyReLU]
    assert kinds == [nn.Conv2d, nn.LeakyReLU, *middle * 3, nn.Conv2d]
    assert {layer.negative_slope for layer in layers if isinstance(layer, nn.LeakyReLU)} == {LEAK}


def test_generator_normalises_all_but_its_end() -> None:
    kinds = [type(layer) for layer in Generator(Architecture(size=64, width=4, nz=8)).layers]
    hidden = [nn.ConvTranspose2d, nn.BatchNorm2d, nn.ReLU]
    assert kinds == [*hidden * 4, nn.ConvTranspose2d, nn.Tanh]


def test_uniform_codes_fill_their_box() -> None:
    generator = Generator(Architecture(size=32, width=1, nz=50))
    codes = generator.sample_codes(400, torch.Generator().manual_seed(1))
    assert codes.shape == (400, 50)
    assert codes.dtype == torch.float32
    bound = generator.architecture.bound
    assert codes.abs().max() <= bound
    assert codes.min() < -0.999 * bound
    assert codes.max() > 0.999 * bound
    assert codes.std() == pytest.approx(1 / math.sqrt(3), rel=0.02)


def test_normal_codes_leave_their_box_rarely() -> None:
    generator = Generator(Architecture(size=32, width=1, nz=50, code="normal"))
    codes = generator.sample_codes(400, torch.Generator().manual_seed(1))
    assert codes.std() == pytest.approx(1, rel=0.02)
    outside = (codes.abs() > generator.architecture.bound).float().mean().item()
    assert outside == pytest.approx(0.0027, abs=0.0015)


def test_codes_are_a_function_of_the_generator_given() -> None:
    network = Generator(Architecture(size=32, width=1, nz=5))
    first, again, other = (network.sample_codes(3, torch.Generator().manual_seed(s)) for s in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_calibrate_measures_the_statistics_of_the_weights_as_they_are() -> None:
    torch.manual_seed(0)
    generator = Generator(Architecture(size=32, channels=1, width=4, nz=8))
    with torch.no_grad():  # other weights than the running statistics were gathered from
        generator(generator.sample_codes(16))
        for parameter in generator.parameters():
            parameter.mul_(3)
    calibrate(generator, torch.Generator().manual_seed(7), batch=32, batches=5)

    noise = torch.Generator().manual_seed(7)
    features = []
    with torch.no_grad():
        for _ in range(5):
            features.append(generator.layers[0](generator.sample_codes(32, noise)[:, :, None, None]))
    norm = generator.layers[1]
    assert isinstance(norm, nn.BatchNorm2d)
    means = torch.stack([feature.mean((0, 2, 3)) for feature in features])
    variances = torch.stack([feature.var((0, 2, 3)) for feature in features])
    torch.testing.assert_close(norm.running_mean, means.mean(0))
    torch.testing.assert_close(norm.running_var, variances.mean(0))
    assert not generator.training


def test_calibrated_generator_draws_as_it_does_in_training() -> None:
    """In evaluation, with measured statistics, G's images are close to those with the batch's own."""
    torch.manual_seed(0)
    generator = Generator(Architecture(size=32, channels=1, width=4, nz=8))
    with torch.no_grad():
        for parameter in generator.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    calibrate(generator, torch.Generator().manual_seed(1))
    codes = generator.sample_codes(512, torch.Generator().manual_seed(2))
    with torch.no_grad():
        measured = generator(codes)
        own = generator.train()(codes)
    assert (measured - own).abs().mean() < 0.05 * own.std()
