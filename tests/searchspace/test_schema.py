"""The JSON schema for editors."""

from __future__ import annotations

import json
from typing import Any

import pytest

from animesearch.searchspace import json_schema, parse_space
from tests.searchspace.models import FULL, File

jsonschema = pytest.importorskip("jsonschema")


@pytest.fixture(scope="module")
def validator() -> Any:
    schema = json_schema(File)
    json.dumps(schema)
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


@pytest.mark.parametrize(
    "trial",
    [
        "{body: round}",
        "{body: {name: square, sides: [1, {uniform: [1, 2]}], paints: [plain]}}",
        "{body: {choice: [round, {name: square, label: s, paints: [{name: layered}]}]}}",
        "{body: {name: round, paint: {name: layered, below: {choice: [plain, {name: layered}]}}}}",
        "{body: round, left: {choice: [{label: a, lr: {normal: [5, 0.1]}}, {label: b}]}}",
        "{body: round, left: {limit: {choice: [null, 3]}, warm: {choice: [true, false]}}}",
        "{body: round, batch: {choice: [auto, 3]}, extra: {a: {normal: {mean: 1, sd: 1}}}}",
        "{body: round, batch: {int: [1, 3]}, note: null}",
    ],
)
def test_valid_spaces_validate(validator: Any, trial: str) -> None:
    space = parse_space(f"title: t\ntrial: {trial}\n".encode(), "f", File)
    validator.validate(space.data)


def test_the_full_space_validates(validator: Any) -> None:
    space = parse_space(FULL, "f", File)
    validator.validate(space.data)
    validator.validate(space.resolved_dict())


@pytest.mark.parametrize(
    "trial",
    [
        {},
        {"body": "oval"},
        {"body": {"name": "round", "widht": 3}},
        {"body": {"name": "round", "width": 3}},
        {"body": {"choice": []}},
        {"body": {"choice": [{"name": "oval"}]}},
        {"body": {"uniform": [0, 1]}},
        {"body": {"name": "round", "label": "x"}},
        {"body": "round", "left": {"lr": "a"}},
        {"body": "round", "left": {"lr": {"loguniform": [1]}}},
        {"body": "round", "left": {"lr": {"choice": [-1]}}},
        {"body": "round", "left": {"warm": {"uniform": [0, 1]}}},
        {"body": "round", "lefd": {}},
    ],
)
def test_mistakes_are_seen(validator: Any, trial: object) -> None:
    assert not validator.is_valid({"title": "t", "trial": trial})


def test_no_distribution_outside_the_trial(validator: Any) -> None:
    file = {"title": "t", "trial": {"body": "round"}, "search": {"trials": {"int": [1, 2]}}}
    assert not validator.is_valid(file)
    assert validator.is_valid({**file, "search": {"eta": "three"}})


def test_descriptions_and_defaults_are_kept() -> None:
    defs = json_schema(File)["$defs"]
    assert defs["Round.option"]["properties"]["width"]["description"] == "in pixels"
    assert defs["Motor.searched"]["properties"]["lr"]["default"] == 0.001
