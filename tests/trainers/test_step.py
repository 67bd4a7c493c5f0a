"""One iteration: labels, fakes among reals, penalties, augmentation, own terms, autoencoders."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from animesearch.trainers.augmentations.base import Augmentation
from animesearch.trainers.config import TrialConfig
from animesearch.trainers.games import Contest, make_game
from animesearch.trainers.losses import LOSSES
from animesearch.trainers.modules.networks import (
    Code,
    Decoder,
    Discriminator,
    Encoder,
    Generator,
    Networks,
)
from animesearch.trainers.optimisers import OPTIMISERS
from animesearch.trainers.setting import TrialSetting
from animesearch.trainers.step import (
    Autoencoding,
    Batch,
    Players,
    adversarial_step,
    autoencoder_step,
)
from animesearch.trainers.updates import Updater, gradient_norm, group_norms, layer_groups


class Line(Generator):
    """Draws ``weight * z`` at one pixel."""

    def __init__(self, own: float = 0.0) -> None:
        super().__init__(1, 1)
        self.weight = nn.Parameter(torch.tensor(2.0))
        self.own = own

    def forward(self, z_BZ: Tensor, y_B: Tensor | None = None) -> Tensor:
        shift = 0 if y_B is None else y_B[:, None]
        return (self.weight * z_BZ + shift)[:, :, None, None]

    def own_loss(self, batch: int, iteration: int, y_B: Tensor | None = None) -> Tensor | None:
        return self.own * self.weight * iteration if self.own else None


class Judge(Discriminator):
    """Gives ``weight`` times the pixel, plus the label; keeps what it saw."""

    def __init__(self, own: float = 0.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(1.0))
        self.own = own
        self.seen: list[Tensor] = []
        self.labels: list[Tensor | None] = []

    def forward(self, x_BCHW: Tensor, y_B: Tensor | None = None) -> Tensor:
        self.seen.append(x_BCHW.detach().clone())
        self.labels.append(y_B)
        return (self.weight * x_BCHW).flatten() + (0 if y_B is None else y_B)

    def own_loss(self, x_real_BCHW: Tensor) -> Tensor | None:
        return self.own * self.weight * x_real_BCHW.mean() if self.own else None


def still(module: Any) -> Updater:
    """An updater that changes next to nothing, so that steps can be worked out by hand."""
    return Updater(module, OPTIMISERS.parse({"name": "adam", "lr": 1e-12}))


def contest(own_g: float = 0.0, own_d: float = 0.0, **parts: Any) -> Players:
    networks = Networks(Line(own_g), Judge(own_d))
    return Players(
        networks=networks,
        loss=LOSSES.parse(parts.pop("loss", {"name": "lsgan", "half": False})).build(),
        generator=still(networks.generator),
        discriminator=still(networks.partner),
        latents=lambda count: torch.full((count, 1), 0.5),
        rng=torch.Generator().manual_seed(0),
        **parts,
    )


def reals(*values: float) -> Tensor:
    return torch.tensor(values)[:, None, None, None]


def test_losses_by_hand() -> None:
    """Reals 1 and 0; fakes 2 * 0.5 = 1, outputs as the pixels: D is wrong about all fakes."""
    stats = adversarial_step(contest(), [Batch(reals(1.0, 0.0))], g_steps=1)
    assert float(stats.loss_d) == pytest.approx(0.5 + 1.0)
    assert float(stats.loss_g) == pytest.approx(0.0, abs=1e-9)
    assert float(stats.real_right) == 0.5
    assert float(stats.fake_right) == 0.0
    # d/dw of mean((w x - 1)^2) + mean((w x)^2): reals 2(w-1)x at x=1 -> 0; fakes 2 -> norm 2
    assert float(stats.grad_norm_d) == pytest.approx(2.0)


def test_own_terms_join_their_network() -> None:
    plain = adversarial_step(contest(), [Batch(reals(1.0, 0.0))], 1, iteration=3)
    own = adversarial_step(contest(own_g=2.0, own_d=4.0), [Batch(reals(1.0, 0.0))], 1, iteration=3)
    assert float(own.loss_d - plain.loss_d) == pytest.approx(4.0 * 0.5)
    assert float(own.loss_g - plain.loss_g) == pytest.approx(2.0 * 2.0 * 3)


def test_labels_go_with_reals_and_fakes() -> None:
    players = contest()
    y_B = torch.tensor([3, 5])
    adversarial_step(players, [Batch(reals(1.0, 0.0), y_B)], g_steps=2)
    judge = players.networks.discriminator
    assert isinstance(judge, Judge)
    assert all(labels is not None and torch.equal(labels, y_B) for labels in judge.labels)
    fakes_BCHW = judge.seen[1].flatten()
    assert fakes_BCHW.tolist() == [4.0, 6.0]


@pytest.mark.parametrize(("accuracy", "replaced"), [(1.0, 2), (0.75, 1), (0.5, 0), (0.2, 0)])
def test_fakes_among_reals_follow_the_accuracy(accuracy: float, replaced: int) -> None:
    """(accuracy - 0.5) / 0.5 of at most a fifth of ten reals."""
    players = contest(slipped=0.2, accuracy=torch.tensor(accuracy))
    adversarial_step(players, [Batch(reals(*[-1.0] * 10))], g_steps=1)
    judge = players.networks.discriminator
    assert isinstance(judge, Judge)
    assert judge.seen[0].flatten().tolist() == [1.0] * replaced + [-1.0] * (10 - replaced)
    expected = (replaced / 10 + 0.0) / 2  # D takes 1 for real, -1 for fake, and fakes (1) for real
    assert float(players.accuracy) == pytest.approx(expected)


def test_penalties_are_weighted_and_lazy() -> None:
    """R1-like: the penalty is D's squared slope, 1; weight 3 every 2 steps counts 6 or 0."""

    class Slope:
        weight, every = 3.0, 2

        def due(self, step: int) -> float:
            return self.weight * self.every if step % self.every == 0 else 0.0

    def slope(critic: Any, x_real: Tensor, x_fake: Tensor, rng: torch.Generator) -> Tensor:
        return (critic(torch.ones(1, 1, 1, 1)) - critic(torch.zeros(1, 1, 1, 1))).square().sum()

    losses = []
    for iteration in range(3):
        players = contest(penalties=[(Slope(), slope)])
        stats = adversarial_step(players, [Batch(reals(1.0, 0.0))], 1, iteration)
        losses.append(float(stats.loss_d))
    assert losses == pytest.approx([1.5 + 6.0, 1.5, 1.5 + 6.0])


def test_augmentation_sees_the_symmetric_range_and_both_kinds() -> None:
    class Mirror(Augmentation):
        def __init__(self) -> None:
            self.seen: list[Tensor] = []
            self.told: list[tuple[int, float]] = []

        def __call__(self, x_BCHW: Tensor) -> Tensor:
            self.seen.append(x_BCHW.detach())
            return -x_BCHW

        def observe(self, real_B: Tensor, threshold: float, images: int) -> None:
            self.told.append((images, threshold))

    mirror = Mirror()
    players = contest(augment=mirror)
    players.networks.generator.output_range = (0.0, 1.0)
    adversarial_step(players, [Batch(reals(1.0, 0.25))], g_steps=1)
    assert mirror.seen[0].flatten().tolist() == [1.0, -0.5]
    judge = players.networks.discriminator
    assert isinstance(judge, Judge)
    assert judge.seen[0].flatten().tolist() == [0.0, 0.75]
    assert mirror.told == [(2, 0.5)]
    assert len(mirror.seen) == 3  # reals and fakes for D, fakes again for G
    pairs = contest(augment=Mirror(), loss="rpgan")
    adversarial_step(pairs, [Batch(reals(1.0, 0.25))], g_steps=1)
    assert isinstance(pairs.augment, Mirror)
    assert len(pairs.augment.seen) == 4  # G is compared with reals as D sees them


def test_bfloat16_computes_and_keeps_float32_losses() -> None:
    players = contest(precision=torch.bfloat16)
    stats = adversarial_step(players, [Batch(reals(1.0, 0.0))], 1)
    assert stats.loss_d.dtype == torch.float32
    assert float(stats.loss_d) == pytest.approx(1.5, rel=1e-2)


def test_gradients_are_clipped_but_told_as_they_were() -> None:
    layer = nn.Linear(1, 1, bias=False)
    nn.init.constant_(layer.weight, 5.0)
    sgd = {"name": "sgd", "lr": 1.0, "clip": 0.5, "momentum": 0.0}

    class Module(Generator):
        def __init__(self) -> None:
            super().__init__(1, 1)
            self.layer = layer

    updater = Updater(Module(), OPTIMISERS.parse(sgd))
    norm = updater.update(layer.weight.square().sum())
    assert float(norm) == 10.0
    assert layer.weight.item() == pytest.approx(4.5)


def test_max_norm_holds_after_each_update() -> None:
    class Module(Generator):
        def __init__(self) -> None:
            super().__init__(3, 1)
            self.layer = nn.Linear(3, 4)

    module = Module()
    with torch.no_grad():
        module.layer.weight.mul_(100)
    updater = Updater(module, OPTIMISERS.parse({"name": "adam", "lr": 1e-3, "max_norm": 0.7}))
    updater.update(module.layer(torch.ones(1, 3)).sum())
    assert float(module.layer.weight.norm(dim=1).max()) <= 0.7 + 1e-6


def test_layer_groups_cover_every_parameter_once() -> None:
    body = nn.Sequential(nn.Linear(2, 2), nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2)))
    module = nn.ModuleDict({"body": body, "head": nn.Linear(2, 1)})
    groups = layer_groups(module)
    assert list(groups) == ["body.0", "body.1", "head"]
    assert sum(map(len, groups.values())) == len(list(module.parameters()))
    module["head"](torch.ones(1, 2)).sum().backward()
    body_0, body_1, head = group_norms(groups)
    assert body_0.isnan()
    assert body_1.isnan()
    assert float(head) == pytest.approx(float(gradient_norm(module)))


class Half(Decoder):
    def __init__(self) -> None:
        super().__init__(2, 1)
        self.layer = nn.Linear(2, 4)

    def decode(self, code_BZ: Tensor) -> Tensor:
        return self.layer(code_BZ).reshape(-1, 1, 2, 2)


class Shrink(Encoder):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 2)

    def forward(self, x_BCHW: Tensor) -> Code:
        return Code(self.layer(x_BCHW.flatten(1)), None)


def test_an_autoencoder_learns_and_its_prior_follows_the_codes() -> None:
    torch.manual_seed(0)
    networks = Networks(Half(), Shrink())
    adam = OPTIMISERS.parse({"name": "adam", "lr": 0.02})
    updaters = [Updater(module, adam) for module in (networks.generator, networks.partner)]
    players = Autoencoding(networks, LOSSES.parse("mse").build(), *updaters)
    basis = torch.randn(2, 4)
    losses = []
    for _ in range(400):
        x_BCHW = (torch.randn(64, 2) * 0.3 @ basis).reshape(-1, 1, 2, 2)
        stats = autoencoder_step(players, Batch(x_BCHW))
        losses.append(float(stats.loss_g))
    assert losses[-1] < losses[0] / 20
    assert stats.loss_d.isnan()
    assert float(stats.grad_norm_d) > 0
    code_BZ = networks.encoder(x_BCHW).mean_BZ.detach()
    decoder = networks.decoder
    torch.testing.assert_close(decoder.code_mean_Z, code_BZ.mean(0), atol=0.3, rtol=0)
    spread_ZZ = torch.cov(code_BZ.T)
    torch.testing.assert_close(decoder.code_covariance_ZZ, spread_ZZ, atol=0.35, rtol=0.35)
    drawn_BCHW = decoder(torch.randn(4000, 2)).detach()
    torch.testing.assert_close(drawn_BCHW.std(0), x_BCHW.std(0), atol=0.1, rtol=0.3)


def test_a_contest_remembers(tmp_path: Path, config: Callable[..., TrialConfig]) -> None:
    """Latents, loss, augmentation and accuracy go on after state and load."""
    spec = config(fakes_among_reals=0.1)
    setting = TrialSetting(tmp_path, 16, 3, 96, (96,))
    players = []
    for _ in range(2):
        torch.manual_seed(0)
        game = make_game(spec, setting, spec.architecture.build(16, 3))
        assert isinstance(game, Contest)
        players.append(game)
    first, second = players
    first.play([Batch(torch.rand(8, 3, 16, 16))], 0)
    second.load(first.state())
    assert torch.equal(first.players.latents(3), second.players.latents(3))
    assert torch.equal(first.players.accuracy, second.players.accuracy)
    assert float(second.players.accuracy) != 1.0
