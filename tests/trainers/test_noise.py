"""Noise and dropout in D."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from animesearch.trainers.architectures import ARCHITECTURES
from animesearch.trainers.config import NoiseOptions
from animesearch.trainers.modules.constraints import weighted_layers
from animesearch.trainers.modules.networks import Discriminator, PlainDiscriminator
from animesearch.trainers.modules.noise import DiscriminatorNoise, noisy_layers
from animesearch.trainers.modules.spectral import normalise_spectrally

ADVERSARIAL = [spec.component_name() for spec in ARCHITECTURES if spec.kind == "adversarial"]
BOTH = pytest.mark.parametrize("name", ["penn-dcgan", "progan"])


def discriminator(name: str, size: int = 16) -> Discriminator:
    torch.manual_seed(0)
    spec = ARCHITECTURES.get(name)
    options = {"name": name, **spec.smallest}
    return ARCHITECTURES.parse(options).build(size, spec.channels[-1]).discriminator


def images(count: int = 6, size: int = 16) -> Tensor:
    return torch.randn(count, 3, size, size, generator=torch.Generator().manual_seed(1))


def hooks(module: nn.Module) -> int:
    return sum(len(part._forward_hooks) + len(part._forward_pre_hooks) for part in module.modules())


class Recorder(Discriminator):
    """``body`` and then a sum: what the body is given and what it gives can be looked at."""

    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.body, self.last = body, nn.Linear(1, 1)

    def forward(self, x_BCHW: Tensor, y_B: Tensor | None = None) -> Tensor:
        self.given = x_BCHW
        self.gave = self.body(x_BCHW)
        self.labels = y_B
        return self.gave.flatten(1).sum(1)


def identity(channels: int) -> nn.Conv2d:
    """A layer that gives what it is given."""
    conv = nn.Conv2d(channels, channels, 1)
    nn.init.dirac_(conv.weight)
    nn.init.zeros_(conv.bias)
    return conv


# -- attaching -------------------------------------------------------------------------------------


@BOTH
def test_nothing_is_attached_for_nothing(name: str) -> None:
    module = discriminator(name)
    DiscriminatorNoise(module, NoiseOptions())
    assert hooks(module) == 0
    noise = DiscriminatorNoise(module, NoiseOptions(images=0.1, layers=0.1, dropout=0.1))
    assert hooks(module) > 3
    noise.remove()
    assert hooks(module) == 0


@BOTH
@pytest.mark.parametrize("options", [{"images": 0.5}, {"layers": 0.5}, {"dropout": 0.5}])
def test_logits_change_in_training_mode_only(name: str, options: dict[str, float]) -> None:
    module = discriminator(name)
    keys = list(module.state_dict())
    x_BCHW = images()
    training, evaluated = module(x_BCHW), module.eval()(x_BCHW)
    noise = DiscriminatorNoise(module, NoiseOptions(**options))
    assert torch.equal(module(x_BCHW), evaluated)
    module.train()
    first, second = module(x_BCHW), module(x_BCHW)
    assert not torch.allclose(first, training)
    assert not torch.allclose(first, second)
    torch.manual_seed(5)
    first = module(x_BCHW)
    torch.manual_seed(5)
    assert torch.equal(module(x_BCHW), first)
    noise.set_progress(50, 100)
    assert not torch.allclose(module(x_BCHW), training)
    noise.remove()
    assert torch.equal(module(x_BCHW), training)
    assert list(module.state_dict()) == keys


@pytest.mark.parametrize("name", ADVERSARIAL)
def test_the_verdict_stays_as_it_is(name: str) -> None:
    """The last layer that runs gets no noise; by far most of the others do."""
    spec = ARCHITECTURES.get(name)
    size = spec.sizes[0]
    module = discriminator(name, size)
    order: list[nn.Module] = []
    for layer in weighted_layers(module):
        layer.register_forward_hook(lambda ran, _args, _output: order.append(ran))
    module(torch.randn(4, spec.channels[-1], size, size))
    chosen = noisy_layers(module)
    assert order[-1] not in chosen
    assert len(set(order) & set(chosen)) >= 0.7 * len(set(order)) - 1
    assert len(chosen) > 0


def test_heads_are_found_in_any_order() -> None:
    class Twisted(Discriminator):
        def __init__(self) -> None:
            super().__init__()
            self.head = nn.Linear(8, 1)
            self.small_head = nn.Conv2d(4, 1, 2)
            self.embedding = nn.Embedding(3, 8)
            self.first, self.second = nn.Conv2d(3, 4, 3), nn.Linear(4, 8)
            self.decoder = nn.ConvTranspose2d(4, 3, 3)

    module = Twisted()
    assert noisy_layers(module) == [module.first, module.second]


def test_spectrally_normalised_layers_are_layers() -> None:
    module = discriminator("penn-dcgan")
    count = len(noisy_layers(module))
    normalise_spectrally(module)
    assert len(noisy_layers(module)) == count
    DiscriminatorNoise(module, NoiseOptions(dropout=0.5))
    assert not torch.equal(module(images()), module(images()))


def test_layers_used_outside_forward_are_left_alone() -> None:
    module = PlainDiscriminator(nn.Sequential(identity(3), nn.Flatten(), nn.Linear(12, 1)))
    DiscriminatorNoise(module, NoiseOptions(layers=1.0, dropout=0.5))
    x_BCHW = images(size=2)
    module(x_BCHW)
    torch.testing.assert_close(module.body[0](x_BCHW), x_BCHW)
    with pytest.raises(RuntimeError):
        module(images(size=3))
    torch.testing.assert_close(module.body[0](x_BCHW), x_BCHW)


# -- size ------------------------------------------------------------------------------------------


def test_spread_of_the_noise() -> None:
    module = Recorder(identity(3))
    labels = torch.arange(64)
    x_BCHW = images(64, 32)
    noise = DiscriminatorNoise(module, NoiseOptions(images=0.3, layers=0.4, until=0.5))
    for shown, strength in ((0, 1.0), (125, 0.75), (375, 0.25)):
        noise.set_progress(shown, 1000)
        module(x_BCHW, labels)
        entered = (module.given - x_BCHW).detach()
        added = (module.gave - module.given).detach()
        for difference, spread in ((entered, 0.3), (added, 0.4)):
            assert abs(float(difference.mean())) < 0.01 * strength
            assert float(difference.std()) == pytest.approx(spread * strength, rel=0.01)
        assert abs(float((entered * added).mean())) < 0.002
        assert torch.equal(module.labels, labels)


def test_strength_falls_to_nothing_and_stays_there() -> None:
    module = discriminator("penn-dcgan")
    before = module(images())
    options = NoiseOptions(images=0.3, layers=0.3, dropout=0.3, until=0.5)
    noise = DiscriminatorNoise(module, options)
    for shown in (500, 501, 1000):
        noise.set_progress(shown, 1000)
        assert noise.strength == 0
        assert torch.equal(module(images()), before)
    constant = DiscriminatorNoise(module, NoiseOptions(images=0.3))
    constant.set_progress(1000, 1000)
    assert constant.strength == 1


@pytest.mark.parametrize("share", [0.25, 0.5])
def test_dropout_drops_channels_and_rescales(share: float) -> None:
    channels, count = 40, 200
    module = Recorder(identity(channels))
    DiscriminatorNoise(module, NoiseOptions(dropout=share))
    x_BCHW = torch.rand(count, channels, 3, 3) + 0.5
    module(x_BCHW)
    factor_BCHW = (module.gave / x_BCHW).detach()
    whole_BC = factor_BCHW.mean((2, 3))
    torch.testing.assert_close(factor_BCHW, whole_BC[:, :, None, None].expand_as(factor_BCHW))
    dropped = float((whole_BC == 0).float().mean())
    assert dropped == pytest.approx(share, abs=0.025)  # 4.5 standard deviations of 8,000 draws
    assert float(whole_BC.max()) == pytest.approx(1 / (1 - share), rel=1e-5)
    assert not torch.equal(whole_BC[0], whole_BC[1])


def test_dropout_of_dense_layers_drops_units() -> None:
    dense = nn.Linear(50, 50)
    nn.init.eye_(dense.weight)
    nn.init.zeros_(dense.bias)
    module = Recorder(nn.Sequential(nn.Flatten(), dense))
    noise = DiscriminatorNoise(module, NoiseOptions(dropout=0.4, until=0.5))
    x_BCHW = torch.rand(200, 50, 1, 1) + 0.5
    for shown, share in ((0, 0.4), (250, 0.2)):
        noise.set_progress(shown, 1000)
        module(x_BCHW)
        factor_BC = (module.gave / x_BCHW[:, :, 0, 0]).detach()
        assert float((factor_BC == 0).float().mean()) == pytest.approx(share, abs=0.02)
        assert float(factor_BC.max()) == pytest.approx(1 / (1 - share))


# -- gradients -------------------------------------------------------------------------------------


def penalised(module: Discriminator, x_BCHW: Tensor) -> Tensor:
    """A loss with a gradient penalty: its gradient is a second derivative."""
    x_BCHW = x_BCHW.requires_grad_()
    logits = module(x_BCHW)
    (slope,) = torch.autograd.grad(logits.sum(), x_BCHW, create_graph=True)
    loss: Tensor = logits.square().mean() + slope.square().sum()
    return loss


@BOTH
def test_every_parameter_gets_a_gradient_through_a_penalty(name: str) -> None:
    plain, noised = discriminator(name), discriminator(name)
    DiscriminatorNoise(noised, NoiseOptions(images=0.1, layers=0.1, dropout=0.1))
    gradients: list[dict[str, Any]] = []
    for module in (plain, noised):
        penalised(module, images()).backward()
        gradients.append({n: p.grad for n, p in module.named_parameters() if p.grad is not None})
    assert gradients[0].keys() == gradients[1].keys()
    assert all(bool(torch.isfinite(g).all()) for g in gradients[1].values())
    some = [n for n, g in gradients[0].items() if g.any()]
    assert all(gradients[1][n].any() for n in some)


@BOTH
def test_copies_and_states(name: str) -> None:
    module = discriminator(name)
    DiscriminatorNoise(module, NoiseOptions(images=0.5, layers=0.5, dropout=0.5))
    twin = copy.deepcopy(module)
    plain = discriminator(name)
    plain.load_state_dict(module.state_dict())
    assert torch.equal(twin.eval()(images()), plain.eval()(images()))


def test_types_of_autocast() -> None:
    module = discriminator("penn-dcgan")
    DiscriminatorNoise(module, NoiseOptions(images=0.5, layers=0.5, dropout=0.5))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits = module(images())
    assert logits.dtype == torch.bfloat16
    assert bool(torch.isfinite(logits).all())
