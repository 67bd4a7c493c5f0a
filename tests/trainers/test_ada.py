"""ADA: its changes by hand, and how its strength moves."""

from __future__ import annotations

import io
import math
from typing import Any

import pytest
import torch
from torch import Tensor

from animesearch.trainers.modules.augment import colour, corruption, geometry
from animesearch.trainers.modules.augment.adaptive import AdaptiveAugmentation
from tests.trainers.augmenting import alike, built, images


def ones(count: int = 1) -> Tensor:
    return torch.ones(count, dtype=torch.float64)


# -- geometry --------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [8, 28, 64])
def test_blits_move_whole_pixels(size: int) -> None:
    x_BCHW = images(2, 3, size)
    one, zero = ones(2), torch.zeros(2, dtype=torch.float64)
    alike(geometry.warp(x_BCHW, geometry.scaling(-one, one)), x_BCHW.flip(3))
    for turns in range(4):
        clockwise = geometry.rotation(-one * turns * math.pi / 2)
        alike(geometry.warp(x_BCHW, clockwise), x_BCHW.rot90(-turns, (2, 3)))
    inverse = geometry.translation(-one * 3 * 2 / size, zero)
    moved = geometry.warp(x_BCHW, inverse)
    alike(moved[..., 3:], x_BCHW[..., :-3])
    alike(moved[..., :3], x_BCHW[..., :3].flip(3))


def test_drawn_blits_are_blits() -> None:
    torch.manual_seed(0)
    matrix = geometry.draw_blit(4000, 1.0, 28)
    linear = matrix[:, :2, :2]
    assert float((linear - linear.round()).abs().max()) < 1e-12
    assert torch.equal(linear.round().abs().sum((1, 2)), torch.full((4000,), 2).double())
    assert float((torch.linalg.det(linear) < 0).double().mean()) == pytest.approx(0.5, abs=0.03)
    seen = torch.unique(linear.round(), dim=0, return_counts=True)[1]
    assert len(seen) == 8
    assert int(seen.min()) > 400
    pixels = (linear.mT @ matrix[:, :2, 2:]).squeeze(2) * 14
    assert float((pixels - pixels.round()).abs().max()) < 1e-9
    assert set(pixels.round().int().flatten().tolist()) == set(range(-3, 4))


@pytest.mark.parametrize("p", [0.2, 0.7])
def test_probability_of_a_change(p: float) -> None:
    """Of a flip p/2, of any turn by quarters 3p/4, of rotation p, of scaling p."""
    torch.manual_seed(0)
    count = 20_000
    blit, affine = geometry.draw_blit(count, p, 64), geometry.draw_geometry(count, p)
    flipped = torch.linalg.det(blit[:, :2, :2]) < 0
    assert float(flipped.double().mean()) == pytest.approx(p / 2, abs=0.02)
    turned = blit[:, 1, 1] < 0.5
    assert float(turned.double().mean()) == pytest.approx(3 * p / 4, abs=0.02)
    scaled = (torch.linalg.det(affine[:, :2, :2]) - 1).abs() > 1e-9
    assert float(scaled.double().mean()) == pytest.approx(p, abs=0.02)
    gram = affine[:, :2, :2].mT @ affine[:, :2, :2]
    plain = (gram[:, 0, 0] - gram[:, 1, 1]).abs() + gram[:, 0, 1].abs() < 1e-9
    assert float(plain.double().mean()) == pytest.approx(1 - p, abs=0.02)
    straight = plain & (affine[:, 0, 1].abs() < 1e-9)
    assert float(straight.double().mean()) == pytest.approx((1 - p) ** 2, abs=0.02)
    still = affine[:, :2, 2].abs().sum(1) < 1e-12
    assert float(still.double().mean()) == pytest.approx(1 - p, abs=0.02)


def test_strength_of_geometric_changes() -> None:
    torch.manual_seed(0)
    matrix = geometry.draw_geometry(20_000, 1.0)
    linear = matrix[:, :2, :2]
    logarithm = torch.linalg.det(linear).log2() / -2
    assert float(logarithm.std()) == pytest.approx(0.2, rel=0.03)
    singular = torch.linalg.svdvals(linear)
    # The larger of two reciprocal scalings: half-normal, E|N| = 0.2 sqrt(2 / pi).
    stretch = (singular[:, 0] / singular[:, 1]).log2() / 2
    assert float(stretch.mean()) == pytest.approx(0.2 * math.sqrt(2 / math.pi), rel=0.03)
    shift = torch.linalg.solve(linear, matrix[:, :2, 2:]).squeeze(2)
    assert float(shift.std()) == pytest.approx(2 * 0.125, rel=0.03)
    angle = torch.atan2(linear[:, 1, 0], linear[:, 0, 0])
    assert float(angle.std()) == pytest.approx(math.pi / math.sqrt(3), rel=0.03)


def test_warp_shows_the_place_of_the_inverse() -> None:
    """Two ramps that hold their own coordinates tell which place is shown; mirrored outside."""
    torch.manual_seed(0)
    size, count = 32, 50
    centre = (torch.arange(size, dtype=torch.float64) + 0.5) * 2 / size - 1
    y_HW, x_HW = torch.meshgrid(centre, centre, indexing="ij")
    ramps = torch.stack([x_HW, y_HW]).expand(count, -1, -1, -1)
    matrix = geometry.draw_blit(count, 0.5, size) @ geometry.draw_geometry(count, 0.8)
    place = torch.einsum("bij,jhw->bihw", matrix, torch.stack([x_HW, y_HW, torch.ones_like(x_HW)]))
    mirrored = 1 - ((place[:, :2] + 1) % 4 - 2).abs()
    edge = 1 - 1 / size
    torch.testing.assert_close(
        geometry.warp(ramps, matrix), mirrored.clamp(-edge, edge), atol=1e-9, rtol=0
    )


# -- colour ----------------------------------------------------------------------------------------


def on_colour(matrix_B44: Tensor, *rgb: float) -> list[float]:
    x_BCHW = torch.tensor(rgb, dtype=torch.float64).view(1, 3, 1, 1)
    return colour.recolour(x_BCHW, matrix_B44).flatten().tolist()


def test_colour_matrices_by_hand() -> None:
    one = ones()
    red = (1.0, 0.0, 0.0)
    for matrix, given, expected in (
        (colour.brightness(0.25 * one), (0.5, 0.0, -1.0), (0.75, 0.25, -0.75)),
        (colour.contrast(2 * one), (0.5, 0.0, -1.0), (1.0, 0.0, -2.0)),
        # Luma (mean) 1/3 becomes -1/3, the rest (2/3, -1/3, -1/3) stays.
        (colour.luma_flip(one), red, (1 / 3, -2 / 3, -2 / 3)),
        (colour.luma_flip(one), (0.4, 0.4, 0.4), (-0.4, -0.4, -0.4)),
        (colour.luma_flip(0 * one), red, red),
        # Half a turn keeps the luma and turns the rest around.
        (colour.hue(math.pi * one), red, (-1 / 3, 2 / 3, 2 / 3)),
        (colour.hue(math.pi * 2 / 3 * one), red, (0.0, 1.0, 0.0)),
        (colour.hue(-math.pi * 2 / 3 * one), red, (0.0, 0.0, 1.0)),
        (colour.hue(1.234 * one), (0.3, 0.3, 0.3), (0.3, 0.3, 0.3)),
        (colour.saturation(0 * one), red, (1 / 3, 1 / 3, 1 / 3)),
        (colour.saturation(2 * one), red, (5 / 3, -1 / 3, -1 / 3)),
        (colour.saturation(3 * one), (0.3, 0.3, 0.3), (0.3, 0.3, 0.3)),
    ):
        assert on_colour(matrix, *given) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("channels", [1, 3])
def test_greys_stay_greys(channels: int) -> None:
    """A grey image changes as the same image with three equal channels does."""
    torch.manual_seed(0)
    grey = images(20, 1).double()
    matrix = colour.draw_colour(20, 0.8)
    three = colour.recolour(grey.expand(-1, 3, -1, -1), matrix)
    alike(colour.recolour(grey.expand(-1, channels, -1, -1), matrix), three[:, :channels])
    alike(three[:, 0], three[:, 2])


def test_strength_of_colour_changes() -> None:
    torch.manual_seed(0)
    matrix = colour.draw_colour(20_000, 1.0)
    axis = torch.full((3,), 1 / math.sqrt(3), dtype=torch.float64)
    luma = matrix[:, :3, :3] @ axis @ axis
    assert float((luma < 0).double().mean()) == pytest.approx(0.5, abs=0.02)
    assert float(luma.abs().log2().std()) == pytest.approx(0.5, rel=0.03)
    across = torch.tensor([1.0, -1.0, 0.0], dtype=torch.float64) / math.sqrt(2)
    turned = matrix[:, :3, :3] @ across
    assert float(turned.norm(dim=1).log2().std()) == pytest.approx(math.hypot(0.5, 1), rel=0.03)
    cosine = (turned @ across) / turned.norm(dim=1)
    assert float(cosine.mean()) == pytest.approx(0, abs=0.02)
    added = matrix[:, :3, 3] @ axis / luma / math.sqrt(3)
    assert float(added.std()) == pytest.approx(0.2, rel=0.03)
    plain = colour.draw_colour(20_000, 0.3) - torch.eye(4, dtype=torch.float64)
    untouched = (plain.abs().sum((1, 2)) < 1e-12).double().mean()
    # A flip that is drawn happens every other time.
    assert float(untouched) == pytest.approx(0.7**4 * 0.85, abs=0.02)


# -- filter, noise, cutout -------------------------------------------------------------------------


@pytest.mark.parametrize("size", [8, 28, 64])
def test_bands_on_waves(size: int) -> None:
    """Cosines of the mirrored line are multiplied by the filters' responses.

    Half-band low-pass of the wavelet: cos^4(w/2) (1 + 2 sin^2(w/2)) (Daubechies 1992).
    """

    def low(w: float) -> float:
        return math.cos(w / 2) ** 4 * (1 + 2 * math.sin(w / 2) ** 2)

    bands = corruption.band_matrices(size)
    torch.testing.assert_close(bands.sum(0), torch.eye(size, dtype=torch.float64))
    for k in range(size):
        w = math.pi * k / size
        wave = torch.cos(w * (torch.arange(size, dtype=torch.float64) + 0.5))
        one, two, four = low(w), low(2 * w), low(4 * w)
        responses = [one * two * four, one * two * (1 - four), one * (1 - two), 1 - one]
        for band, response in zip(bands, responses, strict=True):
            torch.testing.assert_close(band @ wave, response * wave, atol=1e-9, rtol=0)


def test_gains_of_bands() -> None:
    """Independent of each other but for the common factor; without a draw all are 1."""
    torch.manual_seed(0)
    gain_BK = corruption.draw_gains(20_000, 1.0)
    ratio = (gain_BK[:, 0] / gain_BK[:, 3]).log2()
    assert float(ratio.std()) == pytest.approx(math.sqrt(2), rel=0.03)
    assert abs(float(ratio.mean())) < 0.04
    assert float((corruption.draw_gains(50, 0.0) - 1).abs().max()) < 1e-12
    flat = torch.full((4, 3, 8, 8), 0.5)
    quieter = torch.tensor([[0.5, 3, 3, 3], [1, 0, 0, 0], [1, 1, 1, 1], [2, 0, 1, 0]]).double()
    alike(corruption.amplify(flat, quieter)[:, 0, 0, 0], 0.5 * quieter[:, 0].float() ** 2)
    x_BCHW = images(4)
    alike(corruption.amplify(x_BCHW, torch.ones(4, 4).double()), x_BCHW)


def test_one_drawn_gain_keeps_the_power() -> None:
    """Of images drawn in one band only: 10/13 g_0^2 + 1/13 (g_1^2 + g_2^2 + g_3^2) = 1."""
    torch.manual_seed(0)
    gain_BK = corruption.draw_gains(4000, 0.1)
    relative = gain_BK / gain_BK.median(1, keepdim=True).values
    single = ((relative - 1).abs() > 1e-9).sum(1) == 1
    assert int(single.sum()) > 500
    power = gain_BK[single].square() @ torch.tensor(corruption.POWER, dtype=torch.float64)
    torch.testing.assert_close(power, torch.ones_like(power))


def test_noise_of_its_own_strength_per_image() -> None:
    torch.manual_seed(0)
    x_BCHW = images(2000)
    added_BN = (corruption.add_noise(x_BCHW, 1.0) - x_BCHW).flatten(1)
    spread_B = added_BN.std(1)
    assert float((added_BN.mean(1) / spread_B).std()) == pytest.approx(192**-0.5, rel=0.1)
    assert float(spread_B.mean()) == pytest.approx(0.1 * math.sqrt(2 / math.pi), rel=0.05)
    assert float(spread_B.square().mean().sqrt()) == pytest.approx(0.1, rel=0.05)
    quiet = (corruption.add_noise(x_BCHW, 0.3) == x_BCHW).flatten(1).all(1)
    assert float(quiet.float().mean()) == pytest.approx(0.7, abs=0.05)


def test_cutout_share_and_probability() -> None:
    """Mean length 0.5 - 2 * 0.25^2 / 2 of the side each way."""
    torch.manual_seed(0)
    share_B = 1 - corruption.cut_out(torch.ones(8000, 1, 16, 16), 0.5).mean((1, 2, 3))
    assert float((share_B > 0).float().mean()) == pytest.approx(0.5, abs=0.03)
    assert float(share_B[share_B > 0].mean()) == pytest.approx(0.4375**2, rel=0.03)
    assert float(share_B.max()) == pytest.approx(0.25)


# -- strength --------------------------------------------------------------------------------------


def ada(**options: Any) -> AdaptiveAugmentation:
    augmentation = built(name="ada", **options)
    assert isinstance(augmentation, AdaptiveAugmentation)
    return augmentation


def strengths(augmentation: AdaptiveAugmentation, outputs: list[Tensor]) -> list[float]:
    """p after each observation of one batch."""
    seen = []
    for real_B in outputs:
        augmentation.observe(real_B, 0.5, len(real_B))
        seen.append(augmentation.readings()["ada_p"])
    return seen


HIGH, LOW = torch.full((8,), 0.6), torch.full((8,), 0.4)
"""On either side of the threshold 0.5, both above 0."""


def test_strength_zero_gives_the_very_same_images() -> None:
    x_BCHW = images()
    state = torch.get_rng_state()
    assert ada()(x_BCHW) is x_BCHW
    assert torch.equal(torch.get_rng_state(), state)


def test_strength_goes_from_0_to_1_in_speed_images_and_back() -> None:
    augmentation = ada(speed=320)
    up = strengths(augmentation, [HIGH] * 48)
    assert up[:9] == pytest.approx([0, 0, 0, 0.1, 0.1, 0.1, 0.1, 0.2, 0.2])
    assert up[35] == pytest.approx(0.9)
    assert up[39:] == pytest.approx([1.0] * 9)
    down = strengths(augmentation, [LOW] * 48)
    assert down[3] == pytest.approx(0.9)
    assert down[39:] == pytest.approx([0.0] * 9, abs=1e-12)
    assert min(down) >= 0


def test_default_speed_is_the_papers() -> None:
    augmentation = ada()
    strengths(augmentation, [torch.ones(64)] * 8)
    assert augmentation.p == pytest.approx(512 / 500_000)


@pytest.mark.parametrize(
    ("target", "above", "expected"),
    # Four batches of 8: r = (2 * above - 32) / 32.
    [(0.6, 26, 0.6), (0.6, 25, 0.4), (0.5, 24, 0.5), (0.0, 17, 0.6), (-0.5, 9, 0.6), (0.6, 0, 0.4)],
)
def test_target(target: float, above: int, expected: float) -> None:
    outputs = torch.where(torch.arange(32) < above, 0.6, 0.4).split(8)
    augmentation = ada(p=0.5, target=target, speed=320)
    assert strengths(augmentation, list(outputs))[-1] == pytest.approx(expected)


def test_interval_and_number_of_images() -> None:
    assert strengths(ada(speed=80, interval=1), [HIGH] * 3) == pytest.approx([0.1, 0.2, 0.3])
    augmentation = ada(speed=100, interval=2)
    augmentation.observe(HIGH, 0.5, 10)
    augmentation.observe(HIGH, 0.5, 20)
    assert augmentation.p == pytest.approx(0.3)


def test_fixed_strength() -> None:
    augmentation = ada(adapt=False, p=0.3)
    assert strengths(augmentation, [HIGH] * 8) == [0.3] * 8
    assert augmentation.state() == {}
    augmentation.load(ada(p=0.7).state())
    assert augmentation.p == 0.3


def test_broken_outputs_count_for_neither_side() -> None:
    augmentation = ada(p=0.5, speed=320)
    broken = torch.full((8,), torch.nan)
    assert strengths(augmentation, [broken, HIGH, HIGH, HIGH])[-1] == pytest.approx(0.6)
    assert strengths(augmentation, [broken] * 4)[-1] == pytest.approx(0.5)


@pytest.mark.parametrize("at", [2, 4, 6])
def test_state_survives(at: int) -> None:
    """Within an interval as well, and through a file of tensors."""
    torch.manual_seed(0)
    outputs = list(torch.randn(24, 8) + 1.34)  # r = 0.6 on average
    whole = ada(p=0.2, speed=320)
    expected = strengths(whole, outputs)
    moves = torch.tensor(expected).diff()
    assert float(moves.max()) > 0 > float(moves.min())
    first = ada(p=0.2, speed=320)
    strengths(first, outputs[:at])
    buffer = io.BytesIO()
    torch.save(first.state(), buffer)
    second = ada(speed=320)
    second.load(torch.load(io.BytesIO(buffer.getvalue()), weights_only=True))
    strengths(first, outputs[at:])
    assert strengths(second, outputs[at:]) == expected[at:]
    assert first.p == second.p


def test_waits_for_the_device_once_in_an_interval() -> None:
    """Tensors without values: who asks for one fails."""
    augmentation = ada(interval=4)
    nowhere = torch.empty(8, device="meta")
    for _ in range(3):
        augmentation.observe(nowhere, 0.0, 8)
    with pytest.raises((RuntimeError, NotImplementedError)):
        augmentation.observe(nowhere, 0.0, 8)
