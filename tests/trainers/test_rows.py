"""One of several processes draws, normalises and looks across the batch as one process would."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from animesearch.errors import UnsupportedError
from animesearch.trainers.modules.batchwide import average, leading, own, places, total, whole
from animesearch.trainers.rows import OneBatch
from tests.trainers.workers import Team, together

ROWS, WORKERS = 2, 3
SHAPE = (ROWS, 4, 5, 6)


class Lonely:
    """What a process would exchange, if it only asked for its rank."""

    size = WORKERS

    def __init__(self, rank: int) -> None:
        self.rank = rank

    def sum_(self, x: Tensor) -> Tensor:
        raise AssertionError("nothing to add up")

    def gather(self, x_B: Tensor) -> Tensor:
        raise AssertionError("nothing to gather")


def images(rows: int) -> Tensor:
    return torch.ones(rows, *SHAPE[1:])


def channels_last(rows: int) -> Tensor:
    return images(rows).to(memory_format=torch.channels_last)


DRAWS: dict[str, Callable[[int], Tensor]] = {
    "randn": lambda rows: torch.randn(rows, 3),
    "randn of a tuple": lambda rows: torch.randn((rows, 1, 7, 7)),
    "rand by name": lambda rows: torch.rand(size=(rows, 2), dtype=torch.float64),
    "one number per image": torch.rand,
    "randint": lambda rows: torch.randint(5, (rows, 2)),
    "randint from": lambda rows: torch.randint(-3, 5, size=(rows,)),
    "generator": lambda rows: torch.rand(rows, 1, generator=torch.Generator().manual_seed(7)),
    "randn_like": lambda rows: torch.randn_like(images(rows)),
    "randn_like channels last": lambda rows: torch.randn_like(channels_last(rows)),
    "randn_like a slice": lambda rows: torch.randn_like(channels_last(rows)[:, :1]),
    "rand_like float64": lambda rows: torch.rand_like(images(rows), dtype=torch.float64),
    "bernoulli_": lambda rows: images(rows).bernoulli_(0.3),
    "normal_": lambda rows: channels_last(rows).normal_(2.0, 3.0),
    "uniform_": lambda rows: images(rows).uniform_(-1, 1),
    "bernoulli": lambda rows: torch.bernoulli(images(rows) * 0.4),
    "dropout": lambda rows: nn.Dropout(0.3)(channels_last(rows) * 2),
    "dropout in place": lambda rows: nn.Dropout(0.3, inplace=True)(images(rows)),
    "channel dropout": lambda rows: functional.dropout2d(images(rows), 0.4),
}


@pytest.mark.parametrize("name", DRAWS)
def test_draws_are_the_rows_of_one_draw_for_all(name: str) -> None:
    torch.manual_seed(3)
    expected, after = DRAWS[name](ROWS * WORKERS), torch.rand(1)
    for rank in range(WORKERS):
        torch.manual_seed(3)
        with OneBatch(Lonely(rank)):
            drawn = DRAWS[name](ROWS)
        assert torch.equal(drawn, expected[rank * ROWS :][:ROWS])
        assert torch.equal(torch.rand(1), after), "as many random numbers as one process used"
    assert len(expected.unique()) > 1


@pytest.mark.parametrize(
    "draw", [lambda: torch.rand(()), lambda: torch.randint(1000, ()), lambda: torch.randn(size=())]
)
def test_what_has_no_dimension_is_the_same_for_all(draw: Callable[[], Tensor]) -> None:
    found = []
    for rank in range(WORKERS):
        torch.manual_seed(3)
        with OneBatch(Lonely(rank)):
            found.append(draw())
    torch.manual_seed(3)
    assert all(torch.equal(number, draw()) for number in found[:1])
    assert all(torch.equal(number, found[0]) for number in found)


@pytest.mark.parametrize(
    "draw", [lambda: torch.randperm(4), lambda: functional.gumbel_softmax(torch.ones(4, 2))]
)
def test_what_cannot_be_shared_out_is_refused_by_name(draw: Callable[[], Tensor]) -> None:
    with OneBatch(Lonely(0)), pytest.raises(UnsupportedError, match=r"randperm|gumbel_softmax"):
        draw()


def test_nothing_changes_outside_and_in_evaluation() -> None:
    norm, x_BCHW = nn.BatchNorm2d(4), torch.rand(SHAPE)
    norm.eval()
    with OneBatch(Lonely(1)):
        assert torch.equal(norm(x_BCHW), x_BCHW / (1 + norm.eps) ** 0.5)
        assert torch.equal(nn.Dropout(0.5).eval()(x_BCHW), x_BCHW)
    assert torch.rand(4).shape == (4,)


def test_uneven_rows_are_refused() -> None:
    with (
        OneBatch(Lonely(0)),
        pytest.raises(UnsupportedError, match="7 images of a batch cannot be shared out evenly"),
    ):
        own(torch.ones(7))


def crossing(team: Team) -> dict[str, Tensor]:
    """Everything that reaches across the batch, on the rows of this worker."""
    x_B = torch.arange(8.0)[team.rank * 8 // team.size :][: 8 // team.size]
    with team.step():
        return {
            "whole": whole(x_B),
            "total": torch.tensor(total(x_B)),
            "places": places(x_B),
            "average": average(x_B.mean()),
            "leading": leading(x_B, 4 // team.size),
        }


def test_across_the_batch() -> None:
    (alone,), pair = together(1, crossing), together(2, crossing)
    assert alone["leading"].tolist() == [0, 1, 2, 3]
    for found in pair:
        assert torch.equal(found["whole"], torch.arange(8.0))
        assert found["total"] == 8 and found["average"] == 3.5
    for name in ("places", "leading"):
        assert torch.equal(
            torch.cat([found[name] for found in pair]), alone[name].to(pair[0][name])
        )


def second_order(team: Team) -> list[Tensor]:
    """A gradient penalty through batch norm: by the images, and by the weights."""
    torch.set_default_dtype(torch.float64)
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Tanh(), nn.Linear(4, 1))
    rows = slice(team.rank * 6 // team.size, (team.rank + 1) * 6 // team.size)
    x_BC = torch.randn(6, 3)[rows].requires_grad_(True)
    with team.step():
        (slope_BC,) = torch.autograd.grad(net(x_BC).sum(), x_BC, create_graph=True)
        penalty = (slope_BC.square().sum(1).sqrt() - 1).square().mean()
        penalty.backward()
        team.average_gradients(net)
    gradients = [p.grad for p in net.parameters() if p.grad is not None]
    return [*gradients, *net.buffers(), slope_BC.detach()]


def test_second_derivatives_reach_across_batch_norm() -> None:
    (alone,), pair = together(1, second_order), together(2, second_order)
    slopes = torch.cat([found.pop() for found in pair])
    torch.testing.assert_close(slopes, alone.pop(), rtol=1e-10, atol=1e-12)
    for found in pair:
        torch.testing.assert_close(found, alone, rtol=1e-10, atol=1e-12)
