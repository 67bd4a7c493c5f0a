"""The contract of every architecture, at every size it declares."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from animesearch.errors import UnsupportedError
from animesearch.trainers.architectures import ARCHITECTURES, ArchitectureSpec
from animesearch.trainers.compatibility import mismatch
from animesearch.trainers.config import TrialConfig
from animesearch.trainers.games import Game, make_game
from animesearch.trainers.losses import LOSSES
from animesearch.trainers.modules.networks import Networks, StyleGenerator
from animesearch.trainers.penalties import PENALTIES
from animesearch.trainers.sampling import Sampler
from animesearch.trainers.setting import TrialSetting
from animesearch.trainers.step import Batch, StepStats

BUDGET = 1000
CASES = [(spec.component_name(), size) for spec in ARCHITECTURES for size in spec.sizes]
CONDITIONAL = [spec.component_name() for spec in ARCHITECTURES if spec.conditional]


def smallest(name: str, **options: Any) -> ArchitectureSpec:
    spec = ARCHITECTURES.get(name)
    return ARCHITECTURES.parse({"name": name, **spec.smallest, **options})


def game(networks: Networks, spec: ArchitectureSpec, size: int, **options: Any) -> Game:
    """The training of ``networks`` with the architecture's own loss, or that of ``options``."""
    config = TrialConfig.model_validate({"architecture": spec, **options})
    setting = TrialSetting(Path("unused"), size, 3, BUDGET, (BUDGET,))
    return make_game(config, setting, networks)


def batch(networks: Networks, spec: ArchitectureSpec, size: int, count: int = 4) -> Batch:
    """Random reals at the current stage's view, and labels for a conditional pair."""
    low, high = spec.output_range
    channels = networks_channels(networks)
    x_BCHW = torch.rand(count, channels, size, size) * (high - low) + low
    classes = networks.generator.classes
    y_B = torch.randint(0, classes, (count,)) if classes else None
    return Batch(networks.partner.real_view(x_BCHW), y_B)


def networks_channels(networks: Networks) -> int:
    classes = networks.generator.classes
    z_BZ = torch.randn(2, networks.generator.latent_dim)
    with torch.no_grad():
        y_B = torch.zeros(2, dtype=torch.int64) if classes else None
        x_BCHW: Tensor = networks.generator.to_size(z_BZ, y_B)
    return x_BCHW.shape[1]


def play(player: Game, networks: Networks, spec: ArchitectureSpec, size: int, at: int) -> StepStats:
    stats = player.play([batch(networks, spec, size, 8)], at)
    needed = ("loss_g", "grad_norm_g", "grad_norm_d")
    assert all(bool(torch.isfinite(getattr(stats, name))) for name in needed)
    return stats


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
    play(game(networks, spec, size), networks, spec, size, 0)
    for module in (networks.generator, networks.partner):
        assert used(module)
    generator = networks.generator.eval()
    z_BZ = torch.randn(5, generator.latent_dim)
    x_BCHW = generator.to_size(z_BZ).detach()
    assert x_BCHW.shape == (5, channels, size, size)
    low, high = spec.output_range
    assert generator.output_range == spec.output_range
    assert low <= float(x_BCHW.min()) <= float(x_BCHW.max()) <= high
    # An eighth of a grey level: another batch size may take another algorithm.
    torch.testing.assert_close(generator.to_size(z_BZ[1:2]), x_BCHW[1:2], atol=1e-3, rtol=1e-3)
    twin = spec.build(size, channels).generator.eval()
    assert not torch.equal(twin.to_size(z_BZ), x_BCHW)
    twin.load_state_dict(copy.deepcopy(generator.state_dict()))
    assert torch.equal(twin.to_size(z_BZ), x_BCHW)
    assert Sampler(generator)(0, 2).dtype == torch.uint8


@pytest.mark.parametrize(("name", "size"), CASES)
def test_the_partner_judges_one_image_at_a_time(name: str, size: int) -> None:
    torch.manual_seed(0)
    spec = smallest(name)
    networks = spec.build(size, 3 if 3 in spec.channels else 1)
    view_BCHW = batch(networks, spec, size, 3).x_BCHW
    if spec.kind == "autoencoder":
        code = networks.encoder(view_BCHW)
        assert code.mean_BZ.shape == (3, networks.generator.latent_dim)
        assert (code.log_var_BZ is not None) == spec.variational == networks.decoder.variational
        assert networks.decoder.decode(code.sample()).shape == view_BCHW.shape
    else:
        assert networks.discriminator(view_BCHW).shape == (3,)


@pytest.mark.parametrize("name", ARCHITECTURES.names())
def test_every_parameter_learns_at_its_stage(name: str) -> None:
    """Over all stages and fades each parameter gets a gradient, and at each stage some do.

    Three iterations per stage: behind a layer that starts at zero gradients begin with the second.
    """
    torch.manual_seed(0)
    spec = smallest(name)
    size = spec.sizes[min(2, len(spec.sizes) - 1)]
    networks = spec.build(size, spec.channels[-1])
    player = game(networks, spec, size)
    modules = (networks.generator, networks.partner)
    everything = [{name for name, _ in module.named_parameters()} for module in modules]
    learned: list[set[str]] = [set(), set()]
    for images in moments(networks):
        networks.set_progress(images, BUDGET)
        for iteration in range(3):
            play(player, networks, spec, size, iteration)
            for number, module in enumerate(modules):
                learned[number] |= used(module)
        assert all(used(module) for module in modules)
    assert learned == everything


@pytest.mark.parametrize(("name", "size"), CASES)
def test_single_images_train_or_are_refused(name: str, size: int) -> None:
    """M6: one image at a time, refused only where a step cannot be made of it."""
    torch.manual_seed(0)
    spec = smallest(name)
    networks = spec.build(size, spec.channels[-1])
    player, real = game(networks, spec, size), batch(networks, spec, size, 1)
    least = spec.least_batch(size)
    assert bool(spec.batch_problem(1, size)) == (least > 1)
    assert not spec.batch_problem(least, size)
    if least > 1:
        assert f"'{name}' cannot be trained with batch 1 at {size}" in spec.batch_problem(1, size)
        with pytest.raises(ValueError, match="more than 1 value per channel"):
            player.play([real], 0)
        return
    for iteration in range(2):
        player.play([real], iteration)
    for module in (networks.generator, networks.partner):
        assert used(module)
        assert all(bool(value.isfinite().all()) for value in module.state_dict().values())


@pytest.mark.parametrize("name", CONDITIONAL)
def test_single_images_with_a_label(name: str) -> None:
    torch.manual_seed(0)
    spec = smallest(name)
    networks = spec.build(spec.sizes[0], 3, classes=3)
    player = game(networks, spec, spec.sizes[0])
    stats = player.play([batch(networks, spec, spec.sizes[0], 1)], 0)
    assert bool(stats.loss_g.isfinite()) and used(networks.partner)


@pytest.mark.parametrize("name", LOSSES.names())
def test_every_loss_trains_on_single_images(name: str) -> None:
    torch.manual_seed(0)
    loss = LOSSES.parse(name)
    able = [n for n in ARCHITECTURES.names() if not mismatch(smallest(n), loss)]
    spec = next(s for s in map(smallest, able) if s.least_batch(64) == 1 and 64 in s.sizes)
    networks = spec.build(64, 3)
    before = [p.detach().clone() for p in networks.generator.parameters()]
    stats = game(networks, spec, 64, loss=loss).play([batch(networks, spec, 64, 1)], 0)
    assert bool(stats.loss_g.isfinite() & stats.grad_norm_d.isfinite())
    moved = zip(before, networks.generator.parameters(), strict=True)
    assert any(not torch.equal(old, new) for old, new in moved)


@pytest.mark.parametrize("name", PENALTIES.names())
def test_every_penalty_looks_at_single_images(name: str) -> None:
    torch.manual_seed(0)
    spec = smallest("penn-dcgan")
    networks = spec.build(16, 3)
    player = game(networks, spec, 16, penalties=[{"name": name}])
    stats = player.play([batch(networks, spec, 16, 1)], 0)
    assert bool(stats.loss_d.isfinite() & stats.grad_norm_d.isfinite())


@pytest.mark.parametrize("name", ARCHITECTURES.names())
def test_all_channels(name: str) -> None:
    spec = smallest(name)
    for channels in spec.channels:
        networks = spec.build(spec.sizes[0], channels)
        play(game(networks, spec, spec.sizes[0]), networks, spec, spec.sizes[0], 0)


@pytest.mark.parametrize("name", ARCHITECTURES.names())
def test_refuses_other_images_by_name(name: str) -> None:
    spec = smallest(name)
    with pytest.raises(UnsupportedError, match=rf"'{name}' cannot do images of 37 pixels.*allowed"):
        spec.build(37, 3)
    with pytest.raises(UnsupportedError, match=rf"'{name}' cannot do 7 channels; allowed: "):
        spec.check(spec.sizes[0], 7)
    assert spec.source
    if not spec.conditional:
        with pytest.raises(UnsupportedError, match=rf"'{name}' takes no class labels"):
            spec.check(spec.sizes[0], spec.channels[0], 5)


@pytest.mark.parametrize("name", CONDITIONAL)
def test_labels_matter(name: str) -> None:
    torch.manual_seed(0)
    spec = smallest(name)
    size = spec.sizes[0]
    networks = spec.build(size, 3, classes=3)
    assert networks.generator.classes == 3
    player = game(networks, spec, size)
    for iteration in range(3):
        play(player, networks, spec, size, iteration)
    everything = {n for n, _ in networks.generator.named_parameters()}
    assert used(networks.generator) == everything
    networks.generator.eval()
    z_BZ = torch.randn(2, networks.generator.latent_dim)
    zeros_B, ones_B = torch.zeros(2, dtype=torch.int64), torch.ones(2, dtype=torch.int64)
    x_BCHW = networks.generator.to_size(z_BZ, zeros_B)
    assert not torch.allclose(x_BCHW, networks.generator.to_size(z_BZ, ones_B))
    view_BCHW = networks.partner.real_view(x_BCHW)
    one_B, other_B = (networks.discriminator(view_BCHW, y_B) for y_B in (zeros_B, ones_B))
    assert not torch.allclose(one_B, other_B)


@pytest.mark.parametrize("name", ARCHITECTURES.names())
def test_truncation_narrows(name: str) -> None:
    """Truncated to nothing, all samples are one."""
    torch.manual_seed(0)
    spec = smallest(name)
    networks = spec.build(spec.sizes[0], 3 if 3 in spec.channels else 1)
    play(game(networks, spec, spec.sizes[0]), networks, spec, spec.sizes[0], 0)
    generator = networks.generator.eval()
    z_BZ = torch.randn(4, generator.latent_dim)
    one_BCHW = generator.to_size(z_BZ, truncation=0.0)
    torch.testing.assert_close(one_BCHW, one_BCHW[:1].expand_as(one_BCHW), atol=1e-3, rtol=1e-3)
    torch.testing.assert_close(generator.to_size(z_BZ, truncation=1.0), generator.to_size(z_BZ))
    if isinstance(generator, StyleGenerator):
        styles_BLW = generator.styles(z_BZ)
        assert styles_BLW.shape[:2] == (4, generator.layers)
        torch.testing.assert_close(generator.synthesis(styles_BLW), generator.draw(z_BZ))


@pytest.mark.parametrize("name", LOSSES.names())
def test_every_loss_trains_an_architecture(name: str) -> None:
    """Every loss finds an architecture, and the other way round."""
    torch.manual_seed(0)
    loss = LOSSES.parse(name)
    able = [n for n in ARCHITECTURES.names() if not mismatch(smallest(n), loss)]
    preferred = "penn-dcgan" if "penn-dcgan" in able else able[0]
    spec = smallest(preferred)
    networks = spec.build(spec.sizes[0], 3)
    before = [p.detach().clone() for p in networks.generator.parameters()]
    player = game(networks, spec, spec.sizes[0], loss=loss)
    stats = play(player, networks, spec, spec.sizes[0], 0)
    assert bool(stats.real_right.isnan()) == (not loss.classifies)
    moved = zip(before, networks.generator.parameters(), strict=True)
    assert any(not torch.equal(old, new) for old, new in moved)


@pytest.mark.parametrize("name", ARCHITECTURES.names())
def test_its_default_loss_fits(name: str) -> None:
    spec = smallest(name)
    config = TrialConfig.model_validate({"architecture": spec})
    assert not mismatch(spec, config.loss)
    wrong = "mse" if spec.kind == "adversarial" else "ns"
    with pytest.raises(ValueError, match="losses for"):
        TrialConfig.model_validate({"architecture": spec, "loss": wrong})
