"""Loading, conditional sampling, replay and grids."""

from __future__ import annotations

import itertools
import json
import math
import pickle
from pathlib import Path

import pytest

from animesearch.errors import SpaceError, UserError
from animesearch.searchspace import Choice, Integer, Normal, Space, load_space, parse_space
from tests.searchspace.models import FULL, File, RandomSuggest, Trial, space_of


@pytest.fixture(scope="module")
def space() -> Space:
    return parse_space(FULL, "full.yaml", File)


def test_names_follow_the_labels(space: Space) -> None:
    assert list(space.distributions) == [
        "body",
        "body.round.width",
        "body.round.paint",
        "body.round.paint.layered.coats",
        "body.round.paint.glossy.below.gloss",
        "body.round.edge",
        "body.square.paints.1.gloss",
        "left.lr",
        "right.lr",
        "right.limit",
        "batch",
    ]
    assert space.distributions["right.lr"] == Normal(0.1, 0.05, 0.01)
    assert space.distributions["batch"] == Integer(8, 64, log=True)


def test_fixed_is_the_first_of_everything(space: Space) -> None:
    fixed = space.fixed
    assert isinstance(fixed, File)
    assert fixed.search.trials == 5
    assert fixed.trial.body.model_dump() == {
        "name": "round",
        "width": 16,
        "paint": {"name": "plain", "gloss": 0.5},
        "edge": "none",
    }
    assert fixed.trial.left.lr == 1e-4
    assert fixed.trial.batch == 8


def test_samples_are_conditional_and_valid(space: Space) -> None:
    seen: set[frozenset[str]] = set()
    for seed in range(200):
        suggest = RandomSuggest(seed)
        sampled = space.sample(suggest)
        Trial.model_validate(sampled.tree)
        assert set(suggest.asked) == set(sampled.params) - {"right.lr"}
        assert len(suggest.asked) == len(set(suggest.asked))
        round_ = sampled.params["body"] == "round"
        assert ("body.round.width" in sampled.params) == round_
        assert ("body.square.paints.1.gloss" in sampled.params) == (not round_)
        layered = sampled.params.get("body.round.paint") == "layered"
        assert ("body.round.paint.layered.coats" in sampled.params) == layered
        seen.add(frozenset(sampled.params))
    assert len(seen) == 4


def test_labels_do_not_reach_the_trial(space: Space) -> None:
    picks = {"body": "round", "body.round.width": 32, "body.round.paint": "glossy"}
    picks |= {"body.round.paint.glossy.below.gloss": 0.75, "body.round.edge": "soft"}
    picks |= {"left.lr": 1e-3, "right.lr": 0.1, "right.limit": None, "batch": 9}
    assert space.resolve(picks) == {
        "body": {
            "name": "round",
            "width": 32,
            "paint": {"name": "layered", "below": {"name": "plain", "gloss": 0.75}},
            "edge": "soft",
        },
        "left": {"lr": 1e-3, "beta": 0.5},
        "right": {"lr": 0.1, "limit": None},
        "batch": 9,
    }


def test_replay(space: Space) -> None:
    for seed in range(50):
        sampled = space.sample(RandomSuggest(seed))
        assert space.resolve(sampled.params) == sampled.tree
        without_value = {k: v for k, v in sampled.params.items() if k != "right.lr"}
        assert space.resolve(without_value) == sampled.tree


def test_refused_records(space: Space) -> None:
    params = space.sample(RandomSuggest(0)).params
    with pytest.raises(UserError, match="parameters that this space does not draw: zzz"):
        space.resolve({**params, "zzz": 1})
    with pytest.raises(UserError, match=r"'body' is 'oval'; allowed: 'round', 'square'"):
        space.resolve({**params, "body": "oval"})
    with pytest.raises(UserError, match="no value of the parameter 'batch'"):
        space.resolve({k: v for k, v in params.items() if k != "batch"})
    with pytest.raises(UserError, match=r"'batch' must lie in \[8, 64\], got 65"):
        space.resolve({**params, "batch": 65})


def test_pickle(space: Space) -> None:
    copy = pickle.loads(pickle.dumps(space))
    assert copy == space
    assert copy.sample(RandomSuggest(3)) == space.sample(RandomSuggest(3))


def test_samples_and_trees_are_not_shared(space: Space) -> None:
    first = space.sample(RandomSuggest(1))
    first.tree["left"]["beta"] = 99
    assert space.sample(RandomSuggest(1)).tree["left"]["beta"] == 0.5


def test_a_space_without_distributions() -> None:
    space = space_of("{body: round, batch: 5}")
    assert space.distributions == {}
    assert space.sample(RandomSuggest(0)).params == {}
    assert space.sample(RandomSuggest(0)).tree == {"body": "round", "batch": 5}
    assert (list(space.grid(3)), space.size()) == ([{}], 1)


def test_another_root() -> None:
    raw = b"title: t\ntrial: {body: round}\nsearch: {trials: {int: [1, 3]}}\n"
    assert list(parse_space(raw, "f", File, root="search").distributions) == ["trials"]


def test_grid_is_the_conditional_product() -> None:
    space = space_of(
        "{body: {choice: [{name: round, width: {choice: [16, 32]},"
        " paint: {choice: [plain, {name: layered, coats: {int: [1, 3]}}]}}, square]},"
        " left: {warm: {choice: [true, false]}}, shift: {uniform: [0, 1]}}"
    )
    paints: list[dict[str, object]] = [{"body.round.paint": "plain"}]
    paints += [
        {"body.round.paint": "layered", "body.round.paint.layered.coats": n} for n in (1, 2, 3)
    ]
    rounds = [
        {"body": "round", "body.round.width": width, **paint}
        for width, paint in itertools.product([16, 32], paints)
    ]
    expected = [
        {**body, "left.warm": warm, "shift": shift}
        for body, warm, shift in itertools.product(
            [*rounds, {"body": "square"}], [True, False], [0.0, 0.5, 1.0]
        )
    ]
    assert list(space.grid(3)) == expected
    assert space.size(3) == len(expected) == 54
    assert space.size() is None
    for params in space.grid(3):
        Trial.model_validate(space.resolve(params))


def test_grid_of_a_full_space(space: Space) -> None:
    points = list(space.grid(2))
    assert len(points) == space.size(2) == 57 * 8 * (2 * 2 * (1 + 3 + 2) + 2)
    assert len({tuple(sorted(map(repr, p.items()))) for p in points}) == len(points)
    normal = Normal(0.1, 0.05, 0.01)
    assert {p["right.lr"] for p in points} == {normal.value(0.25), normal.value(0.75)}
    for params in points[:: len(points) // 50]:
        Trial.model_validate(space.resolve(params))


def test_grid_sizes() -> None:
    assert space_of("{body: {choice: [round, square]}, batch: {int: [1, 10]}}").size() == 20
    assert space_of("{body: round, batch: {logint: [1, 1_000_000_000]}}").size() == 10**9
    huge = space_of("{body: round, batch: {int: [1, 1_000_000_000]}, shift: {uniform: [0, 1]}}")
    assert next(iter(huge.grid(10**6))) == {"batch": 1, "shift": 0.0}
    with pytest.raises(ValueError, match="at least 1 point"):
        huge.grid(0)


def test_resolved_dict_loads_as_the_same_space(space: Space) -> None:
    plain = space.resolved_dict()
    assert plain["search"] == {"trials": 5, "sampler": "tpe", "eta": 2.0}
    again = parse_space(json.dumps(plain).encode(), "again", File)
    assert again.distributions.keys() == space.distributions.keys()
    assert again.sample(RandomSuggest(5)) == space.sample(RandomSuggest(5))


def test_text_is_the_source(space: Space) -> None:
    assert space.text == FULL.decode()


def test_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "mine.yaml"
    file.write_bytes(FULL)
    monkeypatch.chdir(tmp_path)
    assert load_space("mine.yaml", File, ["trial.batch=7"]).fixed.trial.batch == 7  # type: ignore
    assert load_space(file, File).file == str(file)
    file.write_text("title: [", encoding="utf-8")
    with pytest.raises(SpaceError, match=r"mine\.yaml: 1 mistake\n  line 1"):
        load_space("mine.yaml", File)


def test_a_thousand_alternatives_are_checked_in_linear_time() -> None:
    options = ", ".join(str(n) for n in range(1, 1001))
    each = ", ".join(f"k{i}: {{choice: [{options}]}}" for i in range(10))
    space = space_of(f"{{body: round, extra: {{{each}}}}}")
    assert space.size() == 1000**10
    assert math.prod(len(d.labels) for d in space.distributions.values() if isinstance(d, Choice))
