"""What all augmentations must do, and DiffAugment by hand."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor

from animesearch.trainers.architectures import ARCHITECTURES
from animesearch.trainers.augmentations import AUGMENTATIONS
from animesearch.trainers.modules.augment import diffaugment
from tests.trainers.augmenting import alike, built, images

NOTHING = {"blit": False, "geometry": False, "colour": False}
EVERYTHING = {"filter": True, "noise": True, "cutout": True}
CASES: list[dict[str, Any]] = [
    *({"name": name} for name in AUGMENTATIONS.names() if name not in ("none", "ada")),
    *({"name": "diffaugment", part: False} for part in ("colour", "translation", "cutout")),
    {"name": "ada", "adapt": False, "p": 0.5},
    {"name": "ada", "p": 1.0, **EVERYTHING},
    *(
        {"name": "ada", "p": 1.0, **NOTHING, part: True}
        for part in ("blit", "geometry", "colour", "filter", "noise", "cutout")
    ),
]
EACH = pytest.mark.parametrize("options", CASES, ids=str)


# -- what all must do ------------------------------------------------------------------------------


@EACH
@pytest.mark.parametrize("size", [8, 28, 64])
@pytest.mark.parametrize("channels", [1, 3])
def test_shapes_types_and_gradients(options: dict[str, Any], channels: int, size: int) -> None:
    torch.manual_seed(0)
    augment = built(**options)
    for count in (1, 6):
        x_BCHW = images(count, channels, size)
        before = x_BCHW.clone()
        y_BCHW = augment(x_BCHW.requires_grad_())
        assert (y_BCHW.shape, y_BCHW.dtype) == (x_BCHW.shape, torch.float32)
        assert bool(torch.isfinite(y_BCHW).all())
        assert torch.equal(x_BCHW.detach(), before)
        (slope,) = torch.autograd.grad(y_BCHW.square().sum(), x_BCHW)
        assert bool((slope.flatten(1) != 0).any(1).all())
    half = augment(images(channels=channels, size=size).bfloat16())
    assert half.dtype == torch.bfloat16
    assert bool(torch.isfinite(half).all())


@EACH
def test_seeds(options: dict[str, Any]) -> None:
    augment, x_BCHW = built(**options), images(16)
    torch.manual_seed(1)
    first, second = augment(x_BCHW), augment(x_BCHW)
    assert not torch.equal(first, second)
    assert not torch.equal(first, x_BCHW)
    torch.manual_seed(1)
    assert torch.equal(augment(x_BCHW), first)
    torch.manual_seed(1)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        alike(augment(x_BCHW), first)


@EACH
def test_images_are_changed_independently(options: dict[str, Any]) -> None:
    torch.manual_seed(2)
    same = images(1).expand(16, -1, -1, -1)
    y_BCHW = built(**options)(same)
    assert len(torch.unique(y_BCHW.flatten(1).round(decimals=3), dim=0)) > 4


@EACH
def test_gradients_agree_with_finite_differences(options: dict[str, Any]) -> None:
    augment = built(**options)

    def seeded(x_BCHW: Tensor) -> Tensor:
        torch.manual_seed(3)
        return augment(x_BCHW)

    x_BCHW = images(2, 3, 4).double().requires_grad_()
    assert torch.autograd.gradcheck(seeded, x_BCHW)


@EACH
def test_generator_learns_through_it(options: dict[str, Any]) -> None:
    torch.manual_seed(0)
    networks = ARCHITECTURES.parse({"name": "penn-dcgan", "width": 4, "latent": 8}).build(16, 3)
    x_BCHW = built(**options)(networks.generator(torch.randn(8, 8)))
    networks.discriminator(x_BCHW).sum().backward()
    assert all(p.grad is not None and p.grad.any() for p in networks.generator.parameters())


def test_nothing_to_do() -> None:
    off = {"colour": False, "translation": False, "cutout": False}
    for options in (
        {"name": "none"},
        {"name": "diffaugment", **off},
        {"name": "ada", **NOTHING, "p": 1.0},
        {"name": "ada", "adapt": False},
    ):
        assert AUGMENTATIONS.parse(options).build() is None


@pytest.mark.parametrize(
    "options",
    [
        {"name": "none", "p": 0.5},
        {"name": "diffaugment", "color": True},
        {"name": "ada", "p": 1.01},
        {"name": "ada", "p": -0.1},
        {"name": "ada", "target": 1.0},
        {"name": "ada", "speed": 0},
        {"name": "ada", "interval": 0},
    ],
)
def test_refused_options(options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        AUGMENTATIONS.parse(options)


# -- DiffAugment -----------------------------------------------------------------------------------


def test_shift_by_hand() -> None:
    x_BCHW = torch.arange(1.0, 10.0).view(1, 1, 3, 3).expand(2, -1, -1, -1)
    down, right = torch.tensor([1, -1]), torch.tensor([-1, 0])
    expected = [[[0, 0, 0], [2, 3, 0], [5, 6, 0]], [[4, 5, 6], [7, 8, 9], [0, 0, 0]]]
    shifted = diffaugment.shift(x_BCHW, down, right)
    assert torch.equal(shifted[:, 0], torch.tensor(expected, dtype=torch.float32))


@pytest.mark.parametrize(("size", "most"), [(8, 1), (28, 3), (64, 8)])
def test_translations_reach_an_eighth_and_no_further(size: int, most: int) -> None:
    """A lone bright pixel tells how far each image went."""
    torch.manual_seed(0)
    x_BCHW = torch.zeros(1500, 1, size, size)
    x_BCHW[:, :, size // 2, size // 2] = 1
    place_B = diffaugment.random_translation(x_BCHW).flatten(1).argmax(1)
    for moved_B in (place_B // size - size // 2, place_B % size - size // 2):
        values, counts = moved_B.unique(return_counts=True)
        assert values.tolist() == list(range(-most, most + 1))
        assert float(counts.float().max() / counts.float().min()) < 2


def test_cut_by_hand() -> None:
    x_BCHW = torch.ones(2, 3, 4, 4)
    cut = diffaugment.cut(x_BCHW, torch.tensor([1, -1]), torch.tensor([2, 3]))
    inside, corner = torch.ones(4, 4), torch.ones(4, 4)
    inside[1:3, 2:], corner[:1, 3:] = 0, 0
    assert torch.equal(cut, torch.stack([inside, corner])[:, None].expand(-1, 3, -1, -1))


@pytest.mark.parametrize("size", [8, 28, 30])
def test_share_cut_out(size: int) -> None:
    """From 1/16 (a centre in a corner) to 1/4, if 4 divides the side; on average the mean length
    squared."""
    torch.manual_seed(0)
    half = size // 2
    shown = diffaugment.random_cutout(torch.ones(4000, 1, size, size))
    share_B = 1 - shown.mean((1, 2, 3))
    assert float(share_B.max()) == pytest.approx(half**2 / size**2, abs=1e-6)
    assert float(share_B.min()) == pytest.approx((half - half // 2) ** 2 / size**2, abs=1e-6)
    starts = [centre - half // 2 for centre in range(size + 1 - half % 2)]
    lengths = [min(start + half, size) - max(start, 0) for start in starts]
    mean = (sum(lengths) / len(lengths) / size) ** 2
    assert float(share_B.mean()) == pytest.approx(mean, rel=0.02)


def test_brightness_adds_one_number_per_image() -> None:
    torch.manual_seed(0)
    x_BCHW = images(2000, 3, 2)
    added = diffaugment.random_brightness(x_BCHW) - x_BCHW
    flat_BN = added.flatten(1)
    alike(flat_BN, flat_BN[:, :1].expand_as(flat_BN))
    assert -0.5 <= float(flat_BN.min()) < -0.49
    assert 0.49 < float(flat_BN.max()) <= 0.5
    assert abs(float(flat_BN.mean())) < 0.02


def test_saturation_keeps_the_mean_of_channels() -> None:
    torch.manual_seed(0)
    x_BCHW = images(2000, 3, 2)
    y_BCHW = diffaugment.random_saturation(x_BCHW)
    alike(y_BCHW.mean(1), x_BCHW.mean(1))
    spread = y_BCHW.std(1).flatten(1) / x_BCHW.std(1).flatten(1)
    torch.testing.assert_close(spread, spread[:, :1].expand_as(spread), atol=1e-3, rtol=1e-2)
    assert float(spread.mean()) == pytest.approx(1, abs=0.05)
    assert 1.9 < float(spread[:, 0].max()) <= 2.01
    grey = images(8, 1)
    assert torch.equal(diffaugment.random_saturation(grey), grey)


def test_contrast_keeps_the_mean_of_the_image() -> None:
    torch.manual_seed(0)
    x_BCHW = images(2000, 3, 4)
    y_BCHW = diffaugment.random_contrast(x_BCHW)
    alike(y_BCHW.mean((1, 2, 3)), x_BCHW.mean((1, 2, 3)))
    spread_B = y_BCHW.std((1, 2, 3)) / x_BCHW.std((1, 2, 3))
    assert float(spread_B.min()) == pytest.approx(0.5, abs=0.01)
    assert float(spread_B.max()) == pytest.approx(1.5, abs=0.01)
    assert float(spread_B.mean()) == pytest.approx(1.0, abs=0.03)
