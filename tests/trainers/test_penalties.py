"""Penalties against values worked out by hand, and second derivatives by finite differences."""

from __future__ import annotations

import math
import subprocess
import sys
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor, nn

from animesearch.trainers.modules.networks import PlainDiscriminator
from animesearch.trainers.penalties import PENALTIES
from animesearch.trainers.penalties.base import Penalty
from animesearch.trainers.penalties.points import around, between

NAMES = PENALTIES.names()


def built(name: str, **options: Any) -> Penalty:
    return PENALTIES.parse({"name": name, **options}).build()


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def images(*pixels: tuple[float, float, float, float]) -> Tensor:
    return torch.tensor(pixels, dtype=torch.float64).view(-1, 1, 2, 2)


def bowl(x_BCHW: Tensor) -> Tensor:
    """``|x|^2 / 2``: its gradient is x."""
    return x_BCHW.flatten(1).square().sum(1) / 2


# -- values ----------------------------------------------------------------------------------------

REAL = images((1, 2, 2, 0), (0, 0, 0, 1))  # slopes 3 and 1
FAKE = images((2, 2, 2, 2), (0.5, 0, 0, 0))  # slopes 4 and 0.5


@pytest.mark.parametrize(
    ("options", "x_real", "x_fake", "expected"),
    [
        ({"name": "none"}, REAL, FAKE, 0.0),
        ({"name": "r1"}, REAL, FAKE, (9 + 1) / 2 / 2),
        ({"name": "r2"}, REAL, FAKE, (16 + 0.25) / 2 / 2),
        # With reals as fakes too the points between them are known.
        ({"name": "gp"}, REAL, REAL, ((3 - 1) ** 2 + (1 - 1) ** 2) / 2),
        ({"name": "gp"}, FAKE, FAKE, ((4 - 1) ** 2 + (0.5 - 1) ** 2) / 2),
        ({"name": "gp", "one_sided": True}, FAKE, FAKE, ((4 - 1) ** 2 + 0) / 2),
        # Next to no noise.
        ({"name": "dragan-gp", "spread": 1e-9}, REAL, FAKE, ((3 - 1) ** 2 + (1 - 1) ** 2) / 2),
        ({"name": "dragan-gp", "spread": 1e-9, "noise": "normal"}, FAKE, REAL, (9 + 0.25) / 2),
    ],
)
def test_values_by_hand(
    options: dict[str, Any], x_real: Tensor, x_fake: Tensor, expected: float
) -> None:
    value = built(**options)(bowl, x_real, x_fake, seeded())
    assert value.shape == ()
    assert float(value.detach()) == pytest.approx(expected, abs=1e-7)


def test_the_weight_is_gamma() -> None:
    """gamma / 2 E |grad D|^2: with gamma 4 and slopes of 3 and 1, 4 / 2 * 5."""
    spec = PENALTIES.parse({"name": "r1", "weight": 4})
    assert spec.due(0) * float(spec.build()(bowl, REAL, FAKE, seeded()).detach()) == 10.0


def test_lazy_penalties_weigh_more_and_come_less_often() -> None:
    spec = PENALTIES.parse({"name": "r1", "weight": 5, "every": 16})
    assert [spec.due(step) for step in (0, 1, 15, 16, 17, 32)] == [80, 0, 0, 80, 0, 80]
    assert PENALTIES.parse("none").due(0) == 0


# -- points ----------------------------------------------------------------------------------------


def test_points_between_lie_on_the_lines() -> None:
    x_real, x_fake = (torch.randn(64, 3, 4, 4, generator=seeded(seed)) for seed in (1, 2))
    share_BCHW = (between(x_real, x_fake, seeded()) - x_fake) / (x_real - x_fake)
    share_B = share_BCHW.flatten(1).median(1).values
    assert torch.allclose(share_BCHW, share_B.view(-1, 1, 1, 1).expand_as(share_BCHW), atol=1e-2)
    assert 0 <= float(share_B.min()) < 0.1
    assert 0.9 < float(share_B.max()) <= 1


@pytest.mark.parametrize("spread", [0.5, 2.0])
def test_noise_around_the_reals(spread: float) -> None:
    x_BCHW = 0.3 + 0.7 * torch.randn(32, 3, 16, 16, generator=seeded(1))
    deviation = float(x_BCHW.std(correction=0))
    uniform = around(x_BCHW, "uniform", spread, seeded()) - x_BCHW
    assert float(uniform.abs().max()) <= spread * deviation / 2 + 1e-6
    assert float(uniform.abs().max()) == pytest.approx(spread * deviation / 2, rel=1e-2)
    assert float(uniform.std()) == pytest.approx(spread * deviation / math.sqrt(12), rel=2e-2)
    normal = around(x_BCHW, "normal", spread, seeded()) - x_BCHW
    assert float(normal.std()) == pytest.approx(spread * deviation, rel=2e-2)
    for noise_BCHW in (uniform, normal):
        assert abs(float(noise_BCHW.mean())) < 0.02 * spread
        assert abs(float((noise_BCHW[:, 0] * noise_BCHW[:, 1]).mean())) < 0.02 * spread**2


def test_noise_on_a_batch_of_one_colour_is_none() -> None:
    x_BCHW = torch.full((2, 1, 4, 4), 0.5)
    assert torch.equal(around(x_BCHW, "uniform", 1.0, seeded()), x_BCHW)


def test_each_penalty_looks_where_it_should() -> None:
    x_real, x_fake = torch.randn(4, 1, 2, 2, generator=seeded(1)), torch.ones(4, 1, 2, 2)
    seen: list[Tensor] = []

    def critic(x_BCHW: Tensor) -> Tensor:
        seen.append(x_BCHW.detach())
        return bowl(x_BCHW)

    for name in ("r1", "r2", "gp", "dragan-gp"):
        built(name)(critic, x_real, x_fake, seeded(5))
    expected = [
        x_real,
        x_fake,
        between(x_real, x_fake, seeded(5)),
        around(x_real, "uniform", 1.0, seeded(5)),
    ]
    assert all(torch.equal(a, b) for a, b in zip(seen, expected, strict=True))


# -- every penalty ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_gradients_by_d_s_weights_agree_with_finite_differences(name: str) -> None:
    """They are second derivatives of D; the sum of the weights keeps ``none`` in the graph."""
    x_real, x_fake = (
        torch.randn(3, 1, 2, 2, generator=seeded(seed), dtype=torch.float64) for seed in (1, 2)
    )
    first, second = (
        torch.randn(*shape, generator=seeded(3), dtype=torch.float64).requires_grad_()
        for shape in ((4, 5), (5,))
    )
    penalty = built(name)

    def value(first: Tensor, second: Tensor) -> Tensor:
        def critic(x_BCHW: Tensor) -> Tensor:
            return torch.tanh(x_BCHW.flatten(1) @ first) @ second

        return penalty(critic, x_real, x_fake, seeded()) + first.sum() + second.sum()

    assert torch.autograd.gradcheck(value, (first, second))
    assert torch.autograd.gradgradcheck(value, (first, second))


def network() -> PlainDiscriminator:
    torch.manual_seed(0)
    layers = nn.Conv2d(3, 4, 3, 2, 1), nn.BatchNorm2d(4), nn.LeakyReLU(0.2)
    return PlainDiscriminator(nn.Sequential(*layers, nn.Flatten(), nn.Linear(64, 1)))


def batches(dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor]:
    real, fake = (torch.rand(4, 3, 8, 8, generator=seeded(seed)) * 2 - 1 for seed in (1, 2))
    return real.to(dtype), fake.to(dtype)


@pytest.mark.parametrize("name", NAMES)
def test_full_precision_whatever_is_around(name: str) -> None:
    penalty, critic = built(name), network()
    x_real, x_fake = batches(torch.bfloat16)
    plain = penalty(critic, x_real.float(), x_fake.float(), seeded())
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert critic(x_real.float()).dtype == torch.bfloat16
        cast = penalty(critic, x_real.float(), x_fake.float(), seeded())
        low = penalty(critic, x_real, x_fake, seeded())
    assert plain.dtype == cast.dtype == torch.float32
    assert torch.equal(plain.detach(), cast.detach())
    assert name == "none" or torch.equal(plain.detach(), low.detach())


@pytest.mark.parametrize("name", [name for name in NAMES if name != "none"])
@pytest.mark.parametrize("flat", [False, True])
def test_finite_gradients_for_d_and_none_for_the_images(name: str, flat: bool) -> None:
    critic = network()
    if flat:
        nn.init.zeros_(critic.body[-1].weight)
    x_real, x_fake = (x.requires_grad_() for x in batches())
    value = built(name)(critic, x_real, x_fake, seeded())
    value.backward()
    gradients = [p.grad for p in critic.parameters() if p.grad is not None]
    assert all(bool(g.isfinite().all()) for g in (value.detach(), *gradients))
    assert flat or any(bool(g.any()) for g in gradients)
    assert x_real.grad is None
    assert x_fake.grad is None


@pytest.mark.parametrize("name", NAMES)
def test_the_generator_decides_the_points(name: str) -> None:
    penalty, (x_real, x_fake) = built(name), batches()
    first, again, other = (
        float(penalty(bowl, x_real, x_fake, seeded(seed)).detach()) for seed in (1, 1, 2)
    )
    assert first == again
    assert (first != other) == (name in ("gp", "dragan-gp"))


@pytest.mark.parametrize(
    "options",
    [
        {"name": "r1", "weight": -1},
        {"name": "r2", "every": 0},
        {"name": "r2", "every": 1001},
        {"name": "gp", "one_sided": "perhaps"},
        {"name": "gp", "noise": "normal"},
        {"name": "dragan-gp", "spread": 0},
        {"name": "dragan-gp", "noise": "salt"},
        {"name": "none", "weight": 1},
    ],
)
def test_refused_options(options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as caught:
        PENALTIES.parse(options)
    (field,) = set(options) - {"name"}
    assert [error["loc"] for error in caught.value.errors()] == [(field,)]


WITHOUT_TORCH = """
import sys
sys.modules["torch"] = None
from animesearch.trainers.{part} import {registry} as registry
for spec in registry:
    default = registry.parse(spec.component_name())
    assert registry.parse(default.model_dump(mode="json")) == default
    assert default.source and default.model_json_schema()
print(len(registry.names()))
"""


@pytest.mark.parametrize(("part", "registry"), [("penalties", "PENALTIES"), ("losses", "LOSSES")])
def test_validates_without_torch(part: str, registry: str) -> None:
    code = WITHOUT_TORCH.format(part=part, registry=registry)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) >= {"penalties": 5, "losses": 11}[part]
