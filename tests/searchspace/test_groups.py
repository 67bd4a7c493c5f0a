"""A choice at the root of the trial: groups of options that belong together."""

from __future__ import annotations

import json
from typing import Any

import pytest

from animesearch.searchspace import Space, json_schema, parse_space
from animesearch.searchspace.distributions import Uniform
from tests.searchspace.models import File, RandomSuggest, Trial, mistake, mistakes

jsonschema = pytest.importorskip("jsonschema")

GROUPS = """\
title: groups
trial:
  choice:
    - label: curved
      body: {name: round, width: {choice: [16, 32]}}
      batch: {int: [8, 9]}
    - label: edged
      body: {choice: [square, {name: round, label: edgy, edge: hard}]}
      left: {lr: {uniform: [1, 2]}}
search: {trials: 5}
"""


def load(*overrides: str, text: str = GROUPS) -> Space:
    return parse_space(text.encode(), "groups.yaml", File, overrides)


def refused(*overrides: str, old: str = "", new: str = "") -> dict[str, tuple[int | None, str]]:
    return mistakes(GROUPS.replace(old, new), *overrides)


def groups_of(space: Space) -> list[dict[str, Any]]:
    groups: list[dict[str, Any]] = space.data["trial"]["choice"]
    return groups


def test_names_begin_with_the_label() -> None:
    space = load()
    assert list(space.distributions) == [
        "trial",
        "curved.body.width",
        "curved.batch",
        "edged.body",
        "edged.left.lr",
    ]
    assert space.distributions["edged.left.lr"] == Uniform(1.0, 2.0)
    assert load(text=GROUPS.replace("trial:\n", "trial: \n")).parameters[0].name == "trial"


def test_a_sample_is_one_group_without_its_label() -> None:
    space = load()
    seen = set()
    for seed in range(40):
        suggest = RandomSuggest(seed)
        sampled = space.sample(suggest)
        Trial.model_validate(sampled.tree)
        assert type(sampled.tree) is dict
        assert space.resolve(sampled.params) == sampled.tree
        own = {name.split(".")[0] for name in sampled.params if name != "trial"}
        assert own == {sampled.params["trial"]}
        assert suggest.asked[0] == "trial"
        seen.add(sampled.params["trial"])
    assert seen == {"curved", "edged"}
    picks = {"trial": "edged", "edged.body": "edgy", "edged.left.lr": 1.5}
    assert space.resolve(picks) == {"body": {"name": "round", "edge": "hard"}, "left": {"lr": 1.5}}


def test_fixed_is_the_first_group() -> None:
    fixed = load().fixed
    assert isinstance(fixed, File)
    assert (fixed.trial.batch, fixed.search.trials) == (8, 5)


def test_grid_is_the_sum_of_the_groups() -> None:
    space = load()
    points = list(space.grid(3))
    assert len(points) == space.size(3) == 2 * 2 + 2 * 3
    assert space.size() is None
    assert points[0] == {"trial": "curved", "curved.body.width": 16, "curved.batch": 8}
    for params in points:
        Trial.model_validate(space.resolve(params))


def test_resolved_dict_loads_as_the_same_space() -> None:
    space = load("trial.shift=3")
    plain = space.resolved_dict()
    again = load(text=json.dumps(plain))
    assert again.distributions == space.distributions
    assert [again.sample(RandomSuggest(n)) for n in range(9)] == [
        space.sample(RandomSuggest(n)) for n in range(9)
    ]


def test_another_root_may_hold_groups_too() -> None:
    text = "title: t\ntrial: {body: round}\nsearch: {choice: [{label: a, trials: {int: [1, 3]}}]}\n"
    space = parse_space(text.encode(), "f", File, ["search.sampler=grid"], root="search")
    assert list(space.distributions) == ["search", "a.trials"]
    assert space.resolve({"search": "a", "a.trials": 2}) == {"trials": 2, "sampler": "grid"}


@pytest.mark.parametrize(
    ("trial", "path", "message"),
    [
        ("{choice: []}", "trial.choice", "at least one option"),
        ("{choice: round}", "trial.choice", "choice takes a list"),
        ("{choice: [round]}", "trial.choice.0", "is a mapping with a 'label', got 'round'"),
        ("{choice: [[1]]}", "trial.choice.0", "is a mapping with a 'label', got a list"),
        ("{choice: [{body: round}]}", "trial.choice.0", "a group of options has a 'label' {label:"),
        ("{choice: [{lable: a, body: round}]}", "trial.choice.0", "did you mean 'label'?"),
        ("{choice: [{name: a, body: round}]}", "trial.choice.0", "has a 'label'"),
        ("{choice: [{label: a.b, body: round}]}", "trial.choice.0.label", "without a dot"),
        ("{choice: [{label: 1, body: round}]}", "trial.choice.0.label", "1 to 64 characters"),
        (
            "{choice: [{label: a, body: round}, {label: a, body: square}]}",
            "trial.choice.1",
            "two options have the label 'a'",
        ),
        ("{choice: [{choice: [{label: a}]}]}", "trial.choice.0", "cannot be an option itself"),
        ("{choice: [{label: a, body: round}], batch: 3}", "trial", "share into each of them"),
        ("{choice: [{label: a, body: round}], int: [1, 2]}", "trial", "takes one distribution"),
        ("{choice: [{label: a}]}", "trial.choice.0.body", "'body' is missing"),
        ("{choice: [{label: a, bdy: 1, body: round}]}", "trial.choice.0.bdy", "mean 'body'?"),
        ("{choice: [{label: a, body: square, batch: 13}]}", "trial.choice.0", "no batch of 13"),
    ],
)
def test_mistakes(trial: str, path: str, message: str) -> None:
    where, text = mistake(trial)
    assert where == path
    assert message in text


def test_mistakes_of_every_group_are_at_their_lines() -> None:
    found = refused(old="lr: {uniform: [1, 2]}", new="lr: {uniform: [1, 20]}, bet: 3")
    assert {path: line for path, (line, _) in found.items()} == {
        "trial.choice.1.left.lr.uniform.1": 9,
        "trial.choice.1.left.bet": 9,
    }
    assert "must be less than 10, got 20" in found["trial.choice.1.left.lr.uniform.1"][1]
    both = refused(old="width: {choice: [16, 32]}", new="width: {choice: [16, 3]}, wdth: 3")
    assert {path: line for path, (line, _) in both.items()} == {
        "trial.choice.0.body.width.choice.1": 5,
        "trial.choice.0.body.wdth": 5,
    }


def test_rules_between_options_name_the_alternative_in_its_group() -> None:
    """A batch of 13 is wrong beside a square body only, and that only the second group has."""
    second = "{label: b, body: {choice: [round, square]}, batch: 13}"
    path, message = mistake(f"{{choice: [{{label: a, body: round, batch: 13}}, {second}]}}")
    assert path == "trial.choice.1"
    assert message == "a square body takes no batch of 13 with b.body = 'square'"


def test_set_reaches_every_group() -> None:
    space = load("trial.shift=2", "trial.left.lr={uniform: [3, 4]}", "trial.extra={a: 1}")
    assert [group["shift"] for group in groups_of(space)] == [2, 2]
    assert space.distributions["curved.left.lr"] == space.distributions["edged.left.lr"]
    space = load("trial.extra={a: 1}", "trial.choice.0.extra.a=2")
    assert [group["extra"] for group in groups_of(space)] == [{"a": 2}, {"a": 1}]


def test_set_reaches_one_group_by_its_place() -> None:
    space = load("trial.choice.1.batch=5")
    assert [group.get("batch") for group in groups_of(space)] == [{"int": [8, 9]}, 5]
    assert load("trial.choice.0.label=bent").distributions.keys() >= {"bent.batch"}
    assert load("trial={body: round}").distributions == {}
    assert list(
        load("trial={choice: [{label: a, body: round}]}", "trial.batch=7").data["trial"]
    ) == ["choice"]


@pytest.mark.parametrize(
    ("override", "path", "message"),
    [
        ("trial.edged.batch=3", "trial.edged.batch", "is the label of a group"),
        ("trial.edged.batch=3", "trial.edged.batch", "address it as trial.choice.1.batch"),
        ("trial.edged=3", "trial.edged", "address it as trial.choice.1"),
        ("trial.choice.2.batch=3", "trial.choice.2", "'2' is no index; allowed: 0 to 1"),
        ("trial.choice.edged.batch=3", "trial.choice.edged", "'edged' is no index"),
    ],
)
def test_refused_overrides(override: str, path: str, message: str) -> None:
    [(where, (line, text))] = refused(override).items()
    assert (where, line) == (path, None)
    assert message in text


def test_a_wrong_value_is_told_for_every_group() -> None:
    found = refused("trial.batch=0", "trial.bach=1")
    assert set(found) == {f"trial.choice.{n}.{key}" for n in (0, 1) for key in ("batch", "bach")}
    assert all(line is None for line, _ in found.values())


def test_broken_groups_take_overrides_without_a_fall() -> None:
    found = mistakes("title: t\ntrial: {choice: [round, 3]}\n", "trial.batch=3")
    assert "trial.choice.0" in found
    assert "trial" in mistakes("title: t\ntrial: {choice: 3}\n", "trial.batch=3")


def test_the_largest_group_counts_for_the_work() -> None:
    """A small first group does not hide how much there is to check."""
    options = ", ".join(str(n) for n in range(1, 5000))
    extra = ", ".join(f"k{n}: 1" for n in range(900))
    large = f"{{label: b, body: round, batch: {{choice: [{options}]}}, extra: {{{extra}}}}}"
    found = mistakes(f"title: t\ntrial: {{choice: [{{label: a, body: round}}, {large}]}}\n")
    assert "too many to check" in found[""][1]


@pytest.fixture(scope="module")
def validator() -> Any:
    schema = json_schema(File)
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def test_the_schema_takes_groups(validator: Any) -> None:
    space = load()
    validator.validate(space.data)
    validator.validate(space.resolved_dict())
    validator.validate({"title": "t", "trial": {"body": "round"}})


@pytest.mark.parametrize(
    "trial",
    [
        {"choice": []},
        {"choice": ["round"]},
        {"choice": [{"body": "round"}]},
        {"choice": [{"label": "a.b", "body": "round"}]},
        {"choice": [{"label": "a"}]},
        {"choice": [{"label": "a", "body": "round", "bach": 3}]},
        {"choice": [{"label": "a", "body": "round"}], "batch": 3},
        {"int": [1, 2]},
    ],
)
def test_the_schema_sees_mistakes(validator: Any, trial: object) -> None:
    assert not validator.is_valid({"title": "t", "trial": trial})
