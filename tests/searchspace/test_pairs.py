"""Components are checked by twos: rules that only two alternatives together break."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Annotated, ClassVar

import pytest
from pydantic import model_validator

from animesearch.errors import SpaceError
from animesearch.registry import Options
from animesearch.searchspace import Space, parse_space
from tests.searchspace.models import BODIES, PAINTS, BodySpec, PaintSpec

ROUNDS = "[{name: round, label: a}, {name: round, label: b}, square]"
PLAINS = "[{name: plain, label: p}, {name: plain, label: q}, {name: layered, coats: 3}]"


class Coated(Options):
    """A trial of two components that do not always fit together."""

    validations: ClassVar[int] = 0

    body: Annotated[BodySpec, BODIES.field()]
    paint: Annotated[PaintSpec, PAINTS.field()]
    batch: int = 1

    @model_validator(mode="after")
    def _fits(self) -> Coated:
        Coated.validations += 1
        if self.body.name == "square" and self.paint.name == "layered":
            raise ValueError("a square body takes no layers")
        return self


class File(Options):
    """A space file."""

    trial: Coated


@pytest.fixture
def count() -> Callable[[str], int]:
    """Documents that were validated for a space."""

    def validations(trial: str) -> int:
        before = Coated.validations
        load(trial)
        return Coated.validations - before

    return validations


def load(trial: str) -> Space:
    return parse_space(f"trial: {trial}\n".encode(), "pairs.yaml", File)


def problems(trial: str) -> list[tuple[str, str, str]]:
    with pytest.raises(SpaceError) as caught:
        load(trial)
    return [(p.path, p.message, p.hint) for p in caught.value.problems]


def test_two_alternatives_that_do_not_fit_together() -> None:
    trial = f"{{body: {{choice: {ROUNDS}}}, paint: {{choice: {PLAINS}}}}}"
    assert problems(trial) == [
        (
            "trial",
            "a square body takes no layers",
            "with body = 'square', paint = 'layered'",
        )
    ]


def test_bare_names_are_components() -> None:
    trial = "{body: {choice: [round, square]}, paint: {choice: [plain, layered]}}"
    assert problems(trial)[0][2] == "with body = 'square', paint = 'layered'"


def test_components_without_a_name_but_a_label_are_components() -> None:
    trial = "{body: {choice: [round, {label: s, name: square}]}, paint: {choice: [plain, layered]}}"
    assert problems(trial)[0][2] == "with body = 's', paint = 'layered'"


def test_one_alternative_is_enough_where_the_other_is_first() -> None:
    """A mistake that one alternative shows is told with that one alone, and once."""
    trial = "{body: {choice: [square, round]}, paint: {choice: [plain, layered]}}"
    assert problems(trial) == [
        ("trial", "a square body takes no layers", "with paint = 'layered'"),
    ]
    trial = f"{{body: square, paint: {{choice: {PLAINS}}}}}"
    assert problems(trial)[0][2] == "with paint = 'layered'"


def test_pairs_within_a_group() -> None:
    inner = f"body: {{choice: {ROUNDS}}}, paint: {{choice: {PLAINS}}}"
    trial = f"{{choice: [{{label: one, body: round, paint: plain}}, {{label: two, {inner}}}]}}"
    assert problems(trial) == [
        (
            "trial.choice.1",
            "a square body takes no layers",
            "with two.body = 'square', two.paint = 'layered'",
        )
    ]


def test_groups_keep_apart_what_does_not_fit() -> None:
    load(
        "{choice: [{label: one, body: {choice: [round, square]}, paint: plain},"
        " {label: two, body: round, paint: {choice: [plain, layered]}}]}"
    )


def test_pairs_of_components_within_components() -> None:
    """Of ``layered.below``, reachable only with ``layered``, and the body."""
    inner = "{name: layered, below: {choice: [plain, layered]}}"
    trial = f"{{body: {{choice: [round, square]}}, paint: {{choice: [plain, {inner}]}}}}"
    [(path, _, hint)] = problems(trial)
    assert (path, hint) == ("trial", "with body = 'square', paint = 'layered'")


def test_only_components_are_paired(count: Callable[[str], int]) -> None:
    """1 base, and per choice its alternatives; pairs of components come on top."""
    bodies, batches = "[round, {name: round, label: b}, {name: round, label: c}]", "[1, 2, 3, 4]"
    paints = "[plain, {name: plain, label: q}]"
    single = 1 + 2 + 3
    assert count(f"{{body: {{choice: {bodies}}}, paint: plain, batch: {{choice: {batches}}}}}") == (
        single
    )
    both = f"{{body: {{choice: {bodies}}}, paint: {{choice: {paints}}}, batch: {{int: [1, 2]}}}}"
    assert count(both) == 1 + 2 + 1 + 1 + 2 * 1


def test_too_many_pairs_are_left_out(count: Callable[[str], int]) -> None:
    def many(word: str, number: int) -> str:
        return ", ".join(f"{{name: {word}, label: l{n}}}" for n in range(number))

    def spaces(number: int) -> str:
        bodies, paints = many("round", number), many("plain", number)
        return f"{{body: {{choice: [{bodies}]}}, paint: {{choice: [{paints}]}}}}"

    assert count(spaces(40)) == 1 + 2 * 39 + 39**2
    begun = time.process_time()
    assert count(spaces(400)) == 1 + 2 * 399
    assert time.process_time() - begun < 5
