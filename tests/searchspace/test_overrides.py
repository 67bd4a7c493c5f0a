"""``--set``."""

from __future__ import annotations

import pytest

from animesearch.searchspace import parse_space
from animesearch.searchspace.distributions import Uniform
from tests.searchspace.models import FULL, File, mistakes, space_of

BASE = "{body: {name: round, width: 16}, left: {lr: 0.1}}"


@pytest.mark.parametrize(
    ("override", "path", "value"),
    [
        ("trial.left.lr=1e-3", ("trial", "left", "lr"), 1e-3),
        ("trial.batch=auto", ("trial", "batch"), "auto"),
        ("trial.body=square", ("trial", "body"), "square"),
        ("trial.right.beta=0.25", ("trial", "right", "beta"), 0.25),
        ("search.trials=32_000", ("search", "trials"), 32000),
        ("title=a=b", ("title",), "a=b"),
        ("title='12'", ("title",), "12"),
        ("title=../data/x.tar", ("title",), "../data/x.tar"),
        ("trial.note=", ("trial", "note"), None),
        ("trial.note=none", ("trial", "note"), "none"),
        ("trial.left={lr: 2, beta: 0.1}", ("trial", "left"), {"lr": 2, "beta": 0.1}),
        (" trial.batch = 5", ("trial", "batch"), 5),
    ],
)
def test_values(override: str, path: tuple[str, ...], value: object) -> None:
    place: object = space_of(BASE, override).data
    for key in path:
        assert isinstance(place, dict)
        place = place[key]
    assert place == value


def test_later_ones_win_and_build_on_earlier_ones() -> None:
    space = space_of(BASE, "trial.extra={a: 1}", "trial.extra.b=2", "trial.extra.a=3")
    assert space.data["trial"]["extra"] == {"a": 3, "b": 2}


def test_a_distribution_from_the_command_line_and_its_removal() -> None:
    space = space_of(BASE, "trial.left.lr={uniform: [1, 2]}")
    assert space.distributions == {"left.lr": Uniform(1.0, 2.0)}
    assert space_of(BASE, "trial.left.lr={uniform: [1, 2]}", "trial.left.lr=3").distributions == {}


def test_list_indexes() -> None:
    full = parse_space(FULL, "f", File, ["trial.body.choice.0.width.choice.1=64"])
    assert full.data["trial"]["body"]["choice"][0]["width"] == {"choice": [16, 64]}


def test_the_source_is_left_alone() -> None:
    space = space_of(BASE, "trial.left.lr=1")
    assert "lr: 0.1" in space.text
    assert space.data["trial"]["left"]["lr"] == 1


def test_mistakes_from_overrides_have_no_line() -> None:
    found = mistakes(
        FULL,
        "trial.lft.lr=1",
        "trial.left.lr=-1",
        "serch.trials=1",
        "search.trials=many",
        "trial.right.lr={loguniform: [0, 1]}",
    )
    assert found["trial.lft"] == (
        None,
        "unknown key 'lft', did you mean 'left'? "
        "Allowed: body, left, right, batch, shift, note, extra",
    )
    assert found["trial.left.lr"] == (None, "must be greater than 0, got -1")
    assert found["serch"][1].startswith("unknown key 'serch', did you mean 'search'?")
    assert found["search.trials"] == (None, "expected a whole number, got 'many'")
    assert found["trial.right.lr.loguniform"][0] is None
    assert len(found) == 5


@pytest.mark.parametrize(
    ("override", "path", "message"),
    [
        ("trial.batch", "trial.batch", "expected PATH=VALUE, got 'trial.batch'"),
        ("=3", "", "expected PATH=VALUE"),
        ("trial..lr=3", "trial..lr", "expected PATH=VALUE"),
        ("a." * 70 + "b=3", None, "expected PATH=VALUE"),
        ("trial.left.lr.x=3", "trial.left.lr.x", "cannot set 'x' inside 0.1: it has no options"),
        ("title.x=3", "title.x", "cannot set 'x' inside 't'"),
        ("trial.extra.l.5=1", "trial.extra.l.5", "'5' is no index; allowed: 0 to 1"),
        ("trial.extra.l.-1=1", "trial.extra.l.-1", "'-1' is no index; allowed: 0 to 1"),
        ("trial.extra.l.²=1", "trial.extra.l.²", "is no index"),
        ("trial.batch=[1", "trial.batch", "not YAML"),
        ("trial.batch=!!python/name:os 1", "trial.batch", "tags are not taken"),
        ("trial.batch=&x [*x]", "trial.batch.0", "a cycle"),
        ("trial.batch=" + "9" * 99, "trial.batch", "beyond 64 bits"),
        ("trial.batch=" + "[" * 999, None, "nested deeper"),
        ("trial.batch=" + "x" * 1_000_001, "trial.batch", "longer than 1000000 characters"),
        ("trial.batch={a: .inf}", "trial.batch.a", "must be finite"),
    ],
)
def test_refused_overrides(override: str, path: str | None, message: str) -> None:
    base = "title: t\ntrial: {body: round, left: {lr: 0.1}, extra: {l: [1, 2]}}\n"
    found = mistakes(base, override)
    found.pop("trial.extra.l", None)  # the list only serves as a place for indexes
    [(where, (line, text))] = found.items()
    assert line is None
    assert message in text
    assert path is None or where == path


def test_a_refused_value_hides_nothing_else() -> None:
    found = mistakes("title: t\ntrial: {body: rund}\n", "trial.batch=[1", "search.trials=0")
    assert set(found) == {"trial.body", "trial.batch", "search.trials"}
