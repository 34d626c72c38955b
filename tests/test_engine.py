"""The frozen networks against autograd over the modules."""

from itertools import product

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from inpaintx.engine import FrozenDiscriminator, FrozenGenerator
from inpaintx.models import Discriminator, Generator
from inpaintx.options import Architecture

ARCHITECTURES = [
    Architecture(size=size, kernel=kernel, channels=channels, width=4, nz=8)
    for size, kernel, channels in product((32, 64, 96, 128), (4, 5), (1, 3))
]
every_architecture = pytest.mark.parametrize(
    "architecture", ARCHITECTURES, ids=lambda a: f"{a.size}px-kernel{a.kernel}-{a.channels}ch"
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
