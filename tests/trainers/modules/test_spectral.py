"""Spectral normalisation on matrices whose singular values are known, and in training."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from animesearch.errors import UnsupportedError
from animesearch.trainers.architectures import ARCHITECTURES
from animesearch.trainers.config import EmaOptions
from animesearch.trainers.ema import AverageGenerator
from animesearch.trainers.modules.layers import LayerMaker
from animesearch.trainers.modules.networks import Networks
from animesearch.trainers.modules.spectral import (
    TRANSPOSED,
    SpectralNorm,
    normalise_spectrally,
    normalised_layers,
)

DCGAN = {"name": "penn-dcgan", "width": 4, "latent": 8}
PROGAN = {"name": "progan", "width": 4, "latent": 8}
EQUALISED = {**PROGAN, "equalised": True}


def largest(layer: nn.Module) -> float:
    """The largest singular value of the weight in use, by LAPACK."""
    used = layer.weight
    assert isinstance(used, Tensor)
    dim = 1 if isinstance(layer, TRANSPOSED) else 0
    return float(torch.linalg.svdvals(used.detach().movedim(dim, 0).flatten(1))[0])


def normalised(options: dict[str, Any]) -> Networks:
    networks = ARCHITECTURES.parse(options).build(16, 3)
    normalise_spectrally(networks.generator)
    normalise_spectrally(networks.discriminator)
    return networks


def train(networks: Networks, steps: int, average: AverageGenerator | None = None) -> None:
    """Steps of the logistic loss on noise, with rates at which singular vectors turn."""
    generator, discriminator = networks.generator, networks.discriminator
    optimiser_g = torch.optim.Adam(generator.parameters(), 2e-3, (0.5, 0.9))
    optimiser_d = torch.optim.Adam(discriminator.parameters(), 2e-3, (0.5, 0.9))
    for step in range(steps):
        fake = generator(torch.randn(8, generator.latent_dim))
        real = torch.rand_like(fake) * 2 - 1
        loss = softplus(-discriminator(real)).mean() + softplus(discriminator(fake.detach())).mean()
        optimiser_d.zero_grad()
        loss.backward()
        optimiser_d.step()
        discriminator.constrain()
        optimiser_g.zero_grad()
        softplus(-discriminator(fake)).mean().backward()
        optimiser_g.step()
        generator.constrain()
        if average is not None:
            average.update(8, 8 * (step + 1))


@pytest.mark.parametrize(
    ("layer", "x"),
    [
        (nn.Conv2d(3, 8, 3), torch.randn(2, 3, 5, 5)),
        (nn.Conv2d(4, 8, 3, groups=2), torch.randn(2, 4, 5, 5)),
        (nn.ConvTranspose2d(3, 8, 4), torch.randn(2, 3, 5, 5)),
        (nn.Linear(7, 5), torch.randn(2, 7)),
        (nn.Embedding(6, 4), torch.tensor([0, 5])),
    ],
    ids=lambda value: type(value).__name__,
)
def test_largest_singular_value_becomes_1(layer: Any, x: Tensor) -> None:
    torch.manual_seed(0)
    layer.reset_parameters()  # made at import, from whatever random state there was
    before = layer.get_parameter("weight").detach().clone()
    normalise_spectrally(layer)
    for _ in range(200):
        layer(x)
    layer.eval()
    assert largest(layer) == pytest.approx(1.0, abs=1e-3)
    weight = layer.weight
    assert isinstance(weight, Tensor)
    ratio = before / weight.detach()
    assert torch.allclose(ratio, ratio.flatten()[0].expand_as(ratio), rtol=1e-4)


def test_matrix_of_known_singular_values() -> None:
    """diag(3, 2) becomes diag(1, 2/3); scaled by 10 it stays the same."""
    layer = nn.Linear(2, 2, bias=False)
    for factor in (1.0, 10.0):
        fresh = copy.deepcopy(layer)
        with torch.no_grad():
            fresh.weight.copy_(torch.tensor([[3.0, 0.0], [0.0, 2.0]]) * factor)
        normalise_spectrally(fresh)
        out = fresh.eval()(torch.eye(2)).detach()
        assert torch.allclose(out, torch.tensor([[1.0, 0.0], [0.0, 2 / 3]]), atol=1e-4)


def test_gradient_by_finite_differences() -> None:
    torch.manual_seed(0)
    weight = torch.randn(4, 3, dtype=torch.float64)
    norm = SpectralNorm(weight, 0).double().eval()
    norm.u_O.copy_(torch.linalg.svd(weight).U[:, 0])
    assert torch.autograd.gradcheck(norm, weight.requires_grad_(True), atol=1e-6)


def test_evaluation_moves_nothing_and_training_does() -> None:
    torch.manual_seed(0)
    layer = nn.Linear(30, 20)
    normalise_spectrally(layer)
    with torch.no_grad():
        layer.get_parameter("parametrizations.weight.original").normal_()
    u_O = layer.get_buffer("parametrizations.weight.0.u_O")
    before = u_O.clone()
    layer.eval()
    assert torch.equal(layer(torch.ones(1, 30)), layer(torch.ones(1, 30)))
    assert torch.equal(u_O, before)
    layer.train()(torch.ones(1, 30))
    assert not torch.equal(u_O, before)
    assert float(u_O.norm()) == pytest.approx(1.0, abs=1e-5)


def test_a_second_call_changes_nothing() -> None:
    networks = normalised(DCGAN)
    names = list(networks.discriminator.state_dict())
    layers = len(normalised_layers(networks.discriminator))
    normalise_spectrally(networks.discriminator)
    assert list(networks.discriminator.state_dict()) == names
    assert len(normalised_layers(networks.discriminator)) == layers == 3


def test_equalised_layers_use_a_weight_of_norm_1() -> None:
    """The factor gain / sqrt(fan in) falls out, as W and 0.01 W have one normalised form."""
    torch.manual_seed(0)
    conv = LayerMaker(equalised=True).conv(8, 8, 1)
    dense = LayerMaker(equalised=True).dense(8, 8)
    for layer, x in ((conv, torch.eye(8)[:, :, None, None]), (dense, torch.eye(8))):
        normalise_spectrally(layer)
        out = (layer.eval()(x) - layer(torch.zeros_like(x))).detach().flatten(1)
        assert float(torch.linalg.svdvals(out)[0]) == pytest.approx(1.0, abs=0.02)


def test_an_autocast_changes_nothing_of_it() -> None:
    torch.manual_seed(0)
    layer = nn.Linear(50, 50).eval()
    normalise_spectrally(layer)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        weight = layer.weight
        assert layer(torch.ones(1, 50)).dtype == torch.bfloat16
    assert torch.equal(weight, layer.weight)


def test_refuses_a_layer_of_zeros_by_name() -> None:
    module = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    nn.init.zeros_(module[1].weight)
    with pytest.raises(UnsupportedError, match=r"layer '1' is 0 by design; allowed"):
        normalise_spectrally(module)


@pytest.mark.parametrize(
    "options", [DCGAN, PROGAN, EQUALISED], ids=["dcgan", "progan", "equalised"]
)
def test_stays_1_in_training_and_in_the_average(options: dict[str, Any]) -> None:
    torch.manual_seed(0)
    networks = normalised(options)
    average = AverageGenerator(networks.generator, EmaOptions(half_life=200, ramp=0))
    vectors = [b.clone() for name, b in networks.generator.named_buffers() if "u_O" in name]
    train(networks, 20, average)
    trained = dict(networks.generator.named_buffers())
    turned = [b for name, b in trained.items() if "u_O" in name]
    assert sum(not torch.equal(*pair) for pair in zip(vectors, turned, strict=True)) >= 3
    for module in (networks.generator, average.module, networks.discriminator):
        assert len(normalised_layers(module)) >= 3
        for layer in normalised_layers(module.eval()):
            assert largest(layer) == pytest.approx(1.0, abs=0.06)


@pytest.mark.parametrize(
    "options", [DCGAN, PROGAN, EQUALISED], ids=["dcgan", "progan", "equalised"]
)
def test_state_round_trip(options: dict[str, Any]) -> None:
    torch.manual_seed(0)
    networks = normalised(options)
    train(networks, 2)
    generator = networks.generator.eval()
    twin = normalised(options).generator.eval()
    z_BZ = torch.randn(3, 8)
    assert not torch.equal(twin(z_BZ), generator(z_BZ))
    twin.load_state_dict(generator.state_dict())
    assert torch.equal(twin(z_BZ), generator(z_BZ))
    assert torch.equal(copy.deepcopy(generator)(z_BZ), generator(z_BZ))


def test_max_norm_of_1_is_kept_and_below_1_refused() -> None:
    torch.manual_seed(0)
    networks = normalised(PROGAN)
    train(networks, 3)
    for layer in normalised_layers(networks.discriminator.eval()):
        weight = layer.weight
        assert isinstance(weight, Tensor)
        assert float(weight.detach().flatten(1).norm(dim=1).max()) <= 1.02
    strict = normalised({**PROGAN, "max_norm": 0.5})
    with pytest.raises(UnsupportedError, match=r"max-norm of 0\.5 contradicts.*at least 1"):
        train(strict, 1)
