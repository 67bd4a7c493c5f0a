"""What both StyleGANs are made of: mapping, noise, mixing, the mean style, grouped deviation."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from animesearch.trainers.modules.layers import MinibatchStdDev, ScaledLinear
from animesearch.trainers.modules.style import (
    AVERAGED,
    Mapping,
    MixingGenerator,
    NoiseInput,
    StylePlan,
    crossed,
)

PLAN = StylePlan(
    channels=3,
    classes=0,
    latent_dim=6,
    style_dim=5,
    depth=2,
    mapping_lr=0.01,
    mixing=1.0,
    filters=(4, 4, 4),
)


class Sums(MixingGenerator):
    """Draws the sum of its active styles, in one pixel of 3 channels."""

    active = 6

    def linear(self, w_BLW: Tensor) -> Tensor:
        return w_BLW[:, : self.active].sum((1, 2))[:, None, None, None].expand(-1, 3, 1, 1)


def sums(**changes: object) -> Sums:
    torch.manual_seed(0)
    return Sums(replace(PLAN, **changes))  # type: ignore[arg-type]


@pytest.mark.parametrize("rate", [1.0, 0.01])
def test_equalised_scale(rate: float) -> None:
    """He's constant whatever the rate; a step of the stored weights counts ``rate`` as much."""
    torch.manual_seed(0)
    layer = ScaledLinear(256, 300, gain=math.sqrt(2), rate=rate, start=1.0)
    assert float(layer.weight.detach().std()) == pytest.approx(1 / rate, rel=0.02)
    with torch.no_grad():
        effective = layer(torch.eye(256)) - layer(torch.zeros(1, 256))
        assert float(effective.std()) == pytest.approx(math.sqrt(2 / 256), rel=0.02)
        assert torch.allclose(layer(torch.zeros(1, 256)), torch.ones(300))
        layer.weight += 1.0
        layer.bias += 1.0
        moved = layer(torch.eye(256)) - layer(torch.zeros(1, 256)) - effective
        assert torch.allclose(moved, torch.tensor(rate * math.sqrt(2 / 256)), rtol=1e-2)
        assert torch.allclose(layer(torch.zeros(1, 256)), torch.tensor(1 + rate))


def test_mapping_sees_the_direction_of_z_alone() -> None:
    torch.manual_seed(0)
    mapping = Mapping(PLAN)
    assert [tuple(layer.weight.shape) for layer in mapping.layers] == [(5, 6), (5, 5)]
    z_BZ = torch.randn(4, 6)
    assert torch.allclose(mapping(z_BZ), mapping(z_BZ * 30), atol=1e-4)
    assert not torch.allclose(mapping(z_BZ), mapping(-z_BZ))


def test_classes_stand_beside_z_with_equal_weight() -> None:
    torch.manual_seed(0)
    mapping = Mapping(replace(PLAN, classes=3))
    assert mapping.layers[0].in_features == 12
    z_BZ, y_B = torch.randn(2, 6), torch.tensor([2, 0])
    seen = []
    mapping.layers[0].register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    mapping(z_BZ, y_B)
    halves = seen[0].square().reshape(2, 2, 6).mean(2)
    assert torch.allclose(halves, torch.ones(2, 2), atol=1e-4)
    with pytest.raises(ValueError, match="3 classes needs labels"):
        mapping(z_BZ)


def test_noise_is_one_map_weighted_per_feature() -> None:
    noise = NoiseInput(8, channels=3)
    with torch.no_grad():
        noise.strength += torch.tensor([0.0, 1.0, -2.0])[:, None, None]
    added = noise(torch.zeros(4, 3, 8, 8), gain=2.0).detach()
    assert not added[:, 0].any()
    assert torch.allclose(added[:, 2], -2 * added[:, 1])
    assert float(added[:, 1].std()) == pytest.approx(2.0, rel=0.15)
    assert not torch.allclose(added[0], added[1])
    assert not torch.equal(added, noise(torch.zeros(4, 3, 8, 8), gain=2.0))
    noise.eval()
    fixed = noise(torch.zeros(4, 3, 8, 8))
    assert torch.equal(fixed, noise(torch.zeros(4, 3, 8, 8)))
    assert torch.equal(fixed[0], fixed[3])
    assert fixed[0, 1].std() > 0.5


def test_coarse_layers_take_the_first_style_and_fine_ones_the_second() -> None:
    w1, w2 = torch.full((3, 2), 1.0), torch.full((3, 2), 2.0)
    w_BLW = crossed(w1, w2, torch.tensor([1, 3, 4]), 4)
    assert w_BLW[:, :, 0].tolist() == [[1, 2, 2, 2], [1, 1, 1, 2], [1, 1, 1, 1]]
    assert torch.equal(w_BLW[:, :, 0], w_BLW[:, :, 1])


def crossovers(generator: MixingGenerator, w_BW: Tensor) -> list[int]:
    """Layers that each image takes from its first style; all others have the second."""
    w_BLW = generator.mixed(w_BW).detach()
    first_BL = (w_BLW == w_BW[:, None]).all(2)
    counts = first_BL.sum(1).tolist()
    for own_L, w_LW, count in zip(first_BL, w_BLW, counts, strict=True):
        assert own_L[:count].all()
        assert (w_LW[count:] == w_LW[-1]).all()
    return counts


def test_mixing_crosses_evenly_among_active_layers() -> None:
    generator = sums()
    counts = crossovers(generator, torch.randn(3000, 5))
    shares = [counts.count(layer) / 3000 for layer in range(1, 6)]
    assert sum(shares) == pytest.approx(1.0)
    assert shares == pytest.approx([0.2] * 5, abs=0.03)
    generator.active = 2
    assert set(crossovers(generator, torch.randn(50, 5))) == {1}


def test_the_second_style_is_that_of_a_normal_latent() -> None:
    generator = sums()
    torch.manual_seed(7)
    w_BLW = generator.mixed(torch.zeros(4, 5))
    torch.manual_seed(7)
    assert torch.equal(w_BLW[:, -1], generator.mapping(torch.randn(4, 6)))


@pytest.mark.parametrize("share", [0.0, 0.4])
def test_the_share_that_is_mixed(share: float) -> None:
    counts = crossovers(sums(mixing=share), torch.randn(3000, 5))
    assert 1 - counts.count(6) / 3000 == pytest.approx(share, abs=0.03)


def test_drawing_mixes_nothing_and_needs_no_random_numbers() -> None:
    generator = sums()
    generator.mapper.requires_grad_(False).layers[-1].bias.fill_(-1000.0)
    z_BZ = torch.randn(4, 6)
    generator.eval()
    before = torch.get_rng_state()
    x_BCHW = generator(z_BZ)
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(x_BCHW, generator.draw(z_BZ))
    assert float(x_BCHW.min()) == -1.0  # the sum is about -60 times the slope of 0.2
    generator.train()
    assert float(generator(z_BZ).max()) < -5.0


def test_the_mean_style_is_that_of_the_samples() -> None:
    generator = sums()
    batches = [torch.randn(8, 6) for _ in range(5)]
    for z_BZ in batches:
        generator(z_BZ)
    expected = generator.mapping(torch.cat(batches)).mean(0)
    assert torch.allclose(generator.mean_style(), expected, atol=1e-5)
    generator.eval()
    generator(batches[0])
    assert torch.allclose(generator.mean_style(), expected, atol=1e-5)


def test_later_batches_count_one_in_200() -> None:
    generator = sums()
    with torch.no_grad():
        generator.batches.fill_(10 * AVERAGED)
        generator.mean_W.fill_(3.0)
    generator.observe(torch.full((4, 5), 5.0))
    assert torch.allclose(generator.mean_style(), torch.full((5,), 3.0 + 2.0 / 200))


def test_deviation_per_group() -> None:
    # Features of the groups (1, 3), (5, 5), (0, 8): deviations 1, 0 and 4.
    x_BCHW = torch.tensor([1.0, 3.0, 5.0, 5.0, 0.0, 8.0]).reshape(6, 1, 1, 1)
    out = MinibatchStdDev(2)(x_BCHW)[:, 1].flatten()
    assert torch.allclose(out, torch.tensor([1.0, 1.0, 0.0, 0.0, 4.0, 4.0]), atol=1e-3)
    whole = MinibatchStdDev()(x_BCHW)[:, 1].flatten()
    assert torch.allclose(whole, x_BCHW.std(correction=0), atol=1e-3)


@pytest.mark.parametrize(("batch", "parts"), [(7, [4, 3]), (5, [3, 2]), (3, [3]), (1, [1])])
def test_groups_where_they_do_not_divide_the_batch(batch: int, parts: list[int]) -> None:
    torch.manual_seed(0)
    x_BCHW = torch.randn(batch, 2, 3, 3)
    out = MinibatchStdDev(4)(x_BCHW)
    for part, own in zip(x_BCHW.split(parts), out.split(parts), strict=True):
        expected = part.std(0, correction=0).mean()
        assert torch.allclose(own[:, 2], expected, atol=2e-4)
