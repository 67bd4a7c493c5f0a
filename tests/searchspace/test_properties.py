"""Random valid spaces: every sample validates, replays, and stands in the grid."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from animesearch.searchspace import Space, json_schema, parse_space
from tests.searchspace.models import File, RandomSuggest, Trial

RUNS = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)


def _bounds(low: float, high: float) -> st.SearchStrategy[list[float]]:
    pair = st.lists(st.floats(low, high), min_size=2, max_size=2, unique=True)
    return pair.map(sorted).filter(lambda ends: ends[0] < ends[1])


def number(low: float, high: float) -> st.SearchStrategy[Any]:
    """A value of [low, high], or a distribution within."""
    inside = st.floats(low, high)
    options = st.lists(inside, min_size=1, max_size=4, unique=True)
    normal = st.builds(
        lambda ends, share, sd: {
            "normal": [ends[0] + share * (ends[1] - ends[0]), sd * (ends[1] - ends[0])],
            "low": ends[0],
            "high": ends[1],
        },
        _bounds(low, high).filter(lambda ends: ends[1] - ends[0] > 1e-6),
        st.floats(0, 1),
        st.floats(0.05, 3),
    )
    found = (
        inside
        | options.map(lambda o: {"choice": o})
        | _bounds(low, high).map(lambda ends: {"uniform": ends})
    )
    log = _bounds(low, high).map(lambda ends: {"loguniform": ends})
    return found | normal | log if low > 0 else found | normal


def whole(low: int, high: int) -> st.SearchStrategy[Any]:
    """An integer of [low, high], or a distribution within."""
    inside = st.integers(low, high)
    options = st.lists(inside, min_size=1, max_size=4, unique=True)
    ends = st.lists(inside, min_size=2, max_size=2, unique=True).map(sorted)
    found = inside | options.map(lambda o: {"choice": o}) | ends.map(lambda e: {"int": e})
    return found | ends.map(lambda e: {"logint": e}) if low > 0 else found


def among(component: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """A component, or a choice of several with labels of their own."""

    def labelled(options: list[Any]) -> dict[str, Any]:
        named = [{"name": o} if isinstance(o, str) else o for o in options]
        return {"choice": [{**o, "label": f"o{i}"} for i, o in enumerate(named)]}

    return component | st.lists(component, min_size=1, max_size=3).map(labelled)


def part(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """A mapping with any of ``fields``."""
    return st.fixed_dictionaries({}, optional=fields)


def component(name: str, **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.fixed_dictionaries({"name": st.just(name)}, optional=fields)


PAINT = st.recursive(
    st.just("plain") | component("plain", gloss=number(0, 1)),
    lambda inner: component("layered", below=among(inner), coats=whole(1, 8)),
    max_leaves=4,
)
BODY = st.just("round") | component(
    "round",
    width=st.sampled_from([4, 512, {"choice": [8, 16]}]),
    paint=among(PAINT),
    edge=st.sampled_from(["none", {"choice": ["none", "hard"]}]),
)
SQUARE = component(
    "square",
    sides=st.lists(number(-5, 5), min_size=2, max_size=2),
    paints=st.lists(among(PAINT), max_size=3),
)
MOTOR = part(
    lr=number(1e-6, 9.9),
    beta=number(0, 0.99),
    warm=st.sampled_from([True, {"choice": [False, True]}]),
    limit=whole(1, 10**6) | st.just({"choice": [None, 3]}),
)
TRIAL = st.fixed_dictionaries(
    {"body": among(BODY | SQUARE)},
    optional={
        "left": MOTOR,
        "right": MOTOR,
        "batch": whole(14, 4096) | st.just({"choice": ["auto", 64]}),
        "shift": number(-1e6, 1e6),
        "note": st.just({"choice": [None, "a", "no", "1e-4"]}),
        "extra": st.dictionaries(st.text("abc", min_size=1, max_size=3), number(-1, 1), max_size=3),
    },
)
GROUPS = st.lists(TRIAL, min_size=1, max_size=3).map(
    lambda trials: {"choice": [{**trial, "label": f"g{i}"} for i, trial in enumerate(trials)]}
)
ANY_TRIAL = TRIAL | GROUPS


def load(trial: dict[str, Any]) -> Space:
    text = json.dumps({"title": "t", "trial": trial})  # every JSON text is one of YAML, too
    return parse_space(text.encode(), "random.yaml", File)


@RUNS
@given(trial=ANY_TRIAL, seed=st.integers(0, 2**32))
def test_samples_validate_and_replay(trial: dict[str, Any], seed: int) -> None:
    space = load(trial)
    for step in range(5):
        sampled = space.sample(RandomSuggest(seed + step))
        Trial.model_validate(sampled.tree)
        assert space.resolve(sampled.params) == sampled.tree
        names = {name.removesuffix(".quantile") for name in sampled.params}
        assert names <= set(space.distributions)


@RUNS
@given(trial=ANY_TRIAL, points=st.integers(1, 3))
def test_grids_are_exact(trial: dict[str, Any], points: int) -> None:
    space = load(trial)
    size = space.size(points)
    assert size is not None
    assert space.size() in {None, size}
    found = []
    for params in space.grid(points):
        found.append(params)
        Trial.model_validate(space.resolve(params))
        if len(found) == 200:
            break
    assert len(found) == min(size, 200)
    assert len({repr(sorted(params.items())) for params in found}) == len(found)


@cache
def _validator() -> Any:
    import jsonschema

    return jsonschema.Draft202012Validator(json_schema(File))


@RUNS
@given(trial=ANY_TRIAL)
def test_valid_spaces_satisfy_the_schema(trial: dict[str, Any]) -> None:
    try:
        validator = _validator()
    except ModuleNotFoundError:
        return
    validator.validate(load(trial).data)
