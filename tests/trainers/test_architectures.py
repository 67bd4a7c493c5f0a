"""The contract of every architecture, at every size it declares."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import nn

from animesearch.errors import UnsupportedError
from animesearch.trainers.architectures import ARCHITECTURES, ArchitectureSpec
from animesearch.trainers.losses import LOSSES
from animesearch.trainers.modules.networks import Networks
from animesearch.trainers.sampling import Sampler
from animesearch.trainers.step import Players, adversarial_step

BUDGET = 1000
CASES = [(spec.component_name(), size) for spec in ARCHITECTURES for size in spec.sizes]


def smallest(name: str, **options: Any) -> ArchitectureSpec:
    spec = ARCHITECTURES.get(name)
    return ARCHITECTURES.parse({"name": name, **spec.smallest, **options})


def players(networks: Networks, loss: str = "ns") -> Players:
    rng = torch.Generator().manual_seed(0)
    dim = networks.generator.latent_dim
    return Players(
        networks=networks,
        loss=LOSSES.parse(loss).build(),
        optimiser_g=torch.optim.Adam(networks.generator.parameters(), lr=1e-4),
        optimiser_d=torch.optim.Adam(networks.discriminator.parameters(), lr=1e-4),
        latents=lambda count: torch.randn(count, dim, generator=rng),
        rng=rng,
    )


def train_step(networks: Networks, size: int, channels: int, batch: int = 4) -> None:
    x_BCHW = torch.rand(batch, channels, size, size) * 2 - 1
    view_BCHW = networks.discriminator.real_view(x_BCHW)
    stats = adversarial_step(players(networks), [view_BCHW], g_steps=1)
    assert all(bool(torch.isfinite(value)) for value in stats)


def moments(networks: Networks) -> list[int]:
    """Image counts with every stage and fade: one of each distinct stage, if there are any."""
    seen = {}
    for images in range(0, BUDGET + 1, 20):
        networks.set_progress(images, BUDGET)
        stage = getattr(networks.generator, "stage", None)
        key = None if stage is None else (stage.doublings, stage.fading)
        seen.setdefault(key, images)
    return list(seen.values())


def used(module: nn.Module) -> set[str]:
    return {name for name, p in module.named_parameters() if p.grad is not None and p.grad.any()}


@pytest.mark.parametrize(("name", "size"), CASES)
def test_trains_draws_and_keeps_its_state(name: str, size: int) -> None:
    torch.manual_seed(0)
    spec = smallest(name)
    channels = spec.channels[-1]
    networks = spec.build(size, channels)
    train_step(networks, size, channels)
    for module in (networks.generator, networks.discriminator):
        assert used(module) or not list(module.parameters())
    logits_B = networks.discriminator(
        networks.discriminator.real_view(torch.rand(3, 3, size, size))
    )
    assert logits_B.shape == (3,)
    generator = networks.generator.eval()
    z_BZ = torch.randn(5, generator.latent_dim)
    x_BCHW = generator.to_size(z_BZ).detach()
    assert x_BCHW.shape == (5, channels, size, size)
    low, high = spec.output_range
    assert generator.output_range == spec.output_range
    assert low <= float(x_BCHW.min()) <= float(x_BCHW.max()) <= high
    twin = spec.build(size, channels).generator.eval()
    assert not torch.equal(twin.to_size(z_BZ), x_BCHW)
    twin.load_state_dict(copy.deepcopy(generator.state_dict()))
    assert torch.equal(twin.to_size(z_BZ), x_BCHW)
    assert Sampler(generator)(0, 2).dtype == torch.uint8


@pytest.mark.parametrize("name", ARCHITECTURES.names())
def test_every_parameter_learns_at_its_stage(name: str) -> None:
    """Over all stages and fades each parameter gets a gradient, and at each stage some do."""
    torch.manual_seed(0)
    spec = smallest(name)
    size = spec.sizes[min(2, len(spec.sizes) - 1)]
    networks = spec.build(size, 3)
    modules = (networks.generator, networks.discriminator)
    everything = [{name for name, _ in module.named_parameters()} for module in modules]
    learned: list[set[str]] = [set(), set()]
    for images in moments(networks):
        networks.set_progress(images, BUDGET)
        train_step(networks, size, 3, batch=16)
        for number, module in enumerate(modules):
            assert used(module)
            learned[number] |= used(module)
    assert learned == everything


@pytest.mark.parametrize("name", ARCHITECTURES.names())
def test_one_channel(name: str) -> None:
    spec = smallest(name)
    if 1 in spec.channels:
        networks = spec.build(spec.sizes[0], 1)
        train_step(networks, spec.sizes[0], 1)


@pytest.mark.parametrize("name", ARCHITECTURES.names())
def test_refuses_other_images_by_name(name: str) -> None:
    spec = smallest(name)
    with pytest.raises(UnsupportedError, match=rf"'{name}' cannot do images of 37 pixels.*allowed"):
        spec.build(37, 3)
    with pytest.raises(UnsupportedError, match=rf"'{name}' cannot do 7 channels; allowed: "):
        spec.check(spec.sizes[0], 7)
    assert spec.source


@pytest.mark.parametrize("name", LOSSES.names())
def test_every_loss_trains_an_architecture(name: str) -> None:
    torch.manual_seed(0)
    networks = smallest("penn-dcgan").build(16, 3)
    before = [p.detach().clone() for p in networks.generator.parameters()]
    step = players(networks, name)
    reals = [torch.rand(4, 3, 16, 16) * 2 - 1 for _ in range(2)]
    stats = adversarial_step(step, reals, g_steps=2)
    threshold = LOSSES.parse(name).build().threshold
    assert bool(stats.real_right.isnan()) == (threshold is None)
    assert all(bool(value.isfinite()) for value in stats[:6])
    assert any(
        not torch.equal(b, p) for b, p in zip(before, networks.generator.parameters(), strict=True)
    )
