"""The frozen networks against autograd over the modules."""

import gc
from itertools import product
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from inpaintx import ops
from inpaintx.networks.dcgan import Discriminator, FrozenDiscriminator, FrozenGenerator, Generator
from inpaintx.options import Architecture

ARCHITECTURES = [
    Architecture(size=size, kernel=kernel, channels=channels, code=code, width=4, nz=8)
    for size, kernel, channels, code in product((32, 64, 96, 128), (4, 5), (1, 3), ("uniform", "normal"))
]
every_architecture = pytest.mark.parametrize(
    "architecture", ARCHITECTURES, ids=lambda a: f"{a.size}px-kernel{a.kernel}-{a.channels}ch-{a.code}"
)


def _trained_looking(network: nn.Module) -> nn.Module:
    """Evaluation mode, float64, with weights and batch statistics that leave no term at 0 or 1."""
    noise = torch.Generator().manual_seed(3)
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            fan = (
                module.weight[:, 0].numel()
                if isinstance(module, nn.ConvTranspose2d)
                else module.weight[0].numel()
            )
            module.weight.data.normal_(0, fan**-0.5, generator=noise)
            if module.bias is not None:
                module.bias.data.normal_(0, 0.2, generator=noise)
        elif isinstance(module, nn.BatchNorm2d):
            module.weight.data.uniform_(0.5, 1.5, generator=noise)
            module.bias.data.normal_(0, 0.3, generator=noise)
            assert module.running_mean is not None
            assert module.running_var is not None
            module.running_mean.normal_(0, 0.3, generator=noise)
            module.running_var.uniform_(0.5, 2, generator=noise)
    return network.double().eval().requires_grad_(False)


def _generator(architecture: Architecture) -> Generator:
    network = _trained_looking(Generator(architecture))
    assert isinstance(network, Generator)
    return network


def _discriminator(architecture: Architecture) -> Discriminator:
    network = _trained_looking(Discriminator(architecture))
    assert isinstance(network, Discriminator)
    return network


def _random(*shape: int) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(5), dtype=torch.float64) * 2 - 1


def _assert_close(ours: Tensor, reference: Tensor) -> None:
    """To a billionth of the largest value: float64 on both sides."""
    assert ours.shape == reference.shape
    assert (ours - reference).abs().max() <= 1e-9 * reference.abs().max()
    assert reference.abs().max() > 1e-6


@every_architecture
def test_generator_and_its_product_equal_autograd(architecture: Architecture) -> None:
    generator = _generator(architecture)
    frozen = FrozenGenerator(generator)
    z = _random(3, architecture.nz).requires_grad_()
    before_tanh = generator.layers[:-1](z[:, :, None, None])
    cotangent = _random(*before_tanh.shape)
    (reference,) = torch.autograd.grad(before_tanh, z, cotangent)
    _assert_close(frozen.forward(z.detach()), before_tanh.detach().tanh())
    _assert_close(frozen.vjp(cotangent), reference)


@every_architecture
def test_generators_loss_and_its_gradient_equal_autograd(architecture: Architecture) -> None:
    """And the images of the same codes, whose activations serve a gradient as well."""
    generator = _generator(architecture)
    frozen = FrozenGenerator(generator)
    z = _random(3, architecture.nz).requires_grad_()
    x = generator(z)
    y, w = -_random(*x.shape), _random(3, 1, *x.shape[2:]).relu()
    d = x - y
    reference = (w * d.square()).sum((1, 2, 3))
    (by_code,) = torch.autograd.grad(reference.sum(), z)
    loss, grad = frozen.loss(z.detach(), y, w, "l2", 1.0)
    _assert_close(loss.sum(1), reference.detach())
    _assert_close(frozen.vjp(grad), by_code)
    _assert_close(frozen.forward(z.detach()), x.detach())
    separate = ops.context_loss(x.detach(), y, w, None, "l2")[1]
    _assert_close(frozen.vjp(separate), by_code)


@every_architecture
def test_what_comes_after_each_activation_equals_autograd(architecture: Architecture) -> None:
    """The first two, standardised; drawn from there, the image is that of the code."""
    generator = _generator(architecture)
    frozen, z = FrozenGenerator(generator), _random(3, architecture.nz)
    image = generator(z)
    for depth in (1, 2):
        maps = frozen.first(z)
        end = 3 * depth - 1
        _assert_close(maps, generator.layers[:end](_random(3, architecture.nz)[:, :, None, None]))
        mean, deviation = (0.1 + each[0].abs() for each in torch.std_mean(maps, (0, 2, 3), keepdim=True))
        frozen = frozen.later(mean, deviation)
        standardised = ((maps - mean) / deviation).requires_grad_()
        z = standardised.detach().permute(0, 2, 3, 1).flatten(1)
        _assert_close(frozen.forward(z), image)
        before_tanh = generator.layers[end:-1](standardised * deviation + mean)
        cotangent = _random(*before_tanh.shape)
        (reference,) = torch.autograd.grad(before_tanh, standardised, cotangent)
        _assert_close(frozen.vjp(cotangent), reference.permute(0, 2, 3, 1).flatten(1))


@every_architecture
def test_prior_and_its_gradient_equal_autograd(architecture: Architecture) -> None:
    discriminator = _discriminator(architecture)
    x = _random(3, architecture.channels, architecture.size, architecture.size)
    given = x.clone()
    prior, grad = FrozenDiscriminator(discriminator).prior(x)
    x.requires_grad_()
    reference = F.softplus(-discriminator(x))
    (reference_grad,) = torch.autograd.grad(reference.sum(), x)
    _assert_close(prior, reference.detach())
    _assert_close(grad, reference_grad)
    assert torch.equal(x, given)  # it belongs to the caller


@pytest.mark.parametrize("kernel", [4, 5])
@pytest.mark.parametrize(
    ("dtype", "tolerance"), [(torch.float32, 2e-5), (torch.bfloat16, 0.1)], ids=["float32", "bfloat16"]
)
def test_narrower_types_are_near_autograd(kernel: int, dtype: torch.dtype, tolerance: float) -> None:
    """float32, the weights packed, and bfloat16 inside float32, against float64: relative to the norm."""
    architecture = Architecture(size=64, kernel=kernel, channels=3, width=8, nz=16)
    generator, discriminator = _generator(architecture), _discriminator(architecture)
    z = _random(4, 16).requires_grad_()
    image = generator(z)
    prior = F.softplus(-discriminator(image))
    by_image, by_code = torch.autograd.grad(prior.sum(), [image, z])

    g = FrozenGenerator(generator.float(), dtype)
    d = FrozenDiscriminator(discriminator.float(), dtype)
    x = g.forward(z.detach().float())
    ours, grad = d.prior(x)
    pulled = g.vjp(grad * (1 - x * x))
    for result, expected in ((x, image), (ours, prior), (grad, by_image), (pulled, by_code)):
        assert result.dtype == torch.float32
        assert (result - expected).norm() <= tolerance * expected.norm()


def test_vjp_belongs_to_the_last_forward() -> None:
    frozen = FrozenGenerator(_generator(ARCHITECTURES[0]))
    z, cotangent = _random(2, 8), _random(2, 1, 32, 32)
    frozen.forward(z)
    expected = frozen.vjp(cotangent)
    frozen.forward(-z)
    other = frozen.vjp(cotangent)
    frozen.forward(z)
    assert torch.equal(frozen.vjp(cotangent), expected)
    assert not torch.allclose(other, expected)


def test_samples_do_not_depend_on_each_other() -> None:
    """Trap 3: batch statistics while completing."""
    frozen = FrozenGenerator(_generator(ARCHITECTURES[0]))
    z, cotangent = _random(4, 8), _random(4, 1, 32, 32)
    together, pulled = frozen.forward(z), frozen.vjp(cotangent)
    alone, pulled_alone = frozen.forward(z[1:2]), frozen.vjp(cotangent[1:2])
    torch.testing.assert_close(alone, together[1:2])
    torch.testing.assert_close(pulled_alone, pulled[1:2])


def _pair(architecture: Architecture) -> tuple[FrozenGenerator, FrozenDiscriminator]:
    """Both networks in float32, as they are searched in."""
    return (
        FrozenGenerator(_generator(architecture).float()),
        FrozenDiscriminator(_discriminator(architecture).float()),
    )


def _iteration(g: FrozenGenerator, d: FrozenDiscriminator, z: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Images, prior losses and gradients of the codes, with an image of zeros, all known."""
    x = g.forward(z)
    prior, grad = d.prior(x)
    _, grad = ops.context_loss(x, torch.zeros_like(x), torch.ones_like(x[:, :1]), grad, "l2")
    return x, prior, g.vjp(grad)


def test_a_sample_in_a_batch_of_64_is_what_it_is_alone() -> None:
    g, d = _pair(Architecture(size=64, channels=3, width=16, nz=16))
    z = _random(64, 16).float()
    together = [result.clone() for result in _iteration(g, d, z)]
    for sample in (0, 63):
        alone = _iteration(g, d, z[sample : sample + 1])
        for one, many in zip(alone, together, strict=True):
            assert (one[0] - many[sample]).norm() <= 1e-4 * many[sample].norm()


@pytest.mark.parametrize("batch", [1, 64])
def test_the_same_codes_give_the_same_bits(batch: int) -> None:
    architecture = Architecture(size=64, channels=3, width=16, nz=16)
    z = _random(batch, 16).float()
    first = [result.clone() for result in _iteration(*_pair(architecture), z)]
    g, d = _pair(architecture)
    _iteration(g, d, -z)
    for _ in range(3):
        for again, result in zip(_iteration(g, d, z), first, strict=True):
            assert torch.equal(again, result)


def test_what_is_handed_out_belongs_to_the_caller() -> None:
    """Memory is used again inside, but not what forward, prior and vjp have returned."""
    g, d = _pair(ARCHITECTURES[0])
    z = _random(3, 8).float()
    results = _iteration(g, d, z)
    kept = [result.clone() for result in results]
    _iteration(g, d, -z)
    for result, before in zip(results, kept, strict=True):
        assert torch.equal(result, before)


def test_batches_may_grow_and_shrink() -> None:
    g, d = _pair(ARCHITECTURES[1])
    z = _random(7, 8).float()
    for count in (2, 7, 1, 0, 5):
        x, prior, grad = _iteration(g, d, z[:count])
        other = _iteration(*_pair(ARCHITECTURES[1]), z[:count])
        assert (len(x), len(prior), len(grad)) == (count, count, count)
        assert all(torch.equal(a, b) for a, b in zip((x, prior, grad), other, strict=True))


def _resident() -> int:
    """Bytes of this process that are in memory."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs Linux's /proc")
def test_memory_stays_flat_over_10000_iterations() -> None:
    g, d = _pair(Architecture(size=32, channels=1, width=4, nz=8))
    z = _random(2, 8).float()

    def tensors() -> int:
        gc.collect()
        return sum(issubclass(type(thing), Tensor) for thing in gc.get_objects())

    for _ in range(500):
        _iteration(g, d, z)
    held, before = tensors(), _resident()  # in this order: to count takes memory, too
    for _ in range(10000):
        _iteration(g, d, z)
    assert tensors() <= held
    assert _resident() - before < 2**20  # a hundred bytes an iteration: less than any tensor takes


def test_trap_2_a_step_down_the_prior_raises_the_logit() -> None:
    discriminator = _discriminator(ARCHITECTURES[0])
    x = _random(4, 1, 32, 32)
    prior, grad = FrozenDiscriminator(discriminator).prior(x)
    stepped = x - 0.01 * grad / grad.flatten(1).norm(dim=1)[:, None, None, None]
    assert (discriminator(stepped) > discriminator(x)).all()
    assert (FrozenDiscriminator(discriminator).prior(stepped)[0] < prior).all()


def test_trap_2_the_prior_follows_the_one_logit_there_is() -> None:
    """A constant added to the logit is no other's gain: the prior falls, as softplus(−logit) does."""
    discriminator = _discriminator(ARCHITECTURES[0])
    x = _random(4, 1, 32, 32)
    last = discriminator.layers[-1]
    assert isinstance(last, nn.Conv2d)
    assert last.bias is not None
    priors = []
    for shift in (0.0, 1.0, 2.0):
        last.bias.fill_(shift)
        logits = discriminator(x)
        prior, _ = FrozenDiscriminator(discriminator).prior(x)
        torch.testing.assert_close(prior, F.softplus(-logits))
        priors.append(prior)
    assert (priors[1] < priors[0]).all()
    assert (priors[2] < priors[1]).all()


def test_prior_of_hopeless_images_is_finite_and_still_has_a_gradient() -> None:
    discriminator = _discriminator(ARCHITECTURES[0])
    last = discriminator.layers[-1]
    assert isinstance(last, nn.Conv2d)
    assert last.bias is not None
    last.bias.fill_(-1000)
    prior, grad = FrozenDiscriminator(discriminator).prior(_random(2, 1, 32, 32))
    assert torch.allclose(prior, prior.new_tensor(1000.0), rtol=0.1)
    assert grad.abs().amax((1, 2, 3)).min() > 0


def test_empty_batch_gives_empty_results() -> None:
    frozen = FrozenGenerator(_generator(ARCHITECTURES[0]))
    assert frozen.forward(_random(0, 8)).shape == (0, 1, 32, 32)
    assert frozen.vjp(_random(0, 1, 32, 32)).shape == (0, 8)
