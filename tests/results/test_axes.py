"""Parameters as axes: scales from the space, places on them, round marks."""

from __future__ import annotations

from typing import Any

import pytest

from animesearch.results.axes import (
    Axis,
    distributions,
    linear_ticks,
    log_ticks,
    parameter_axes,
    score_axis,
)
from tests.results.scripted_run import run_info

SPACE: dict[str, Any] = {
    "trial": {
        "architecture": {
            "choice": [
                {"name": "progan", "width": {"int": [16, 32]}},
                {"name": "penn-dcgan", "label": "old", "latent": {"choice": [100, 64]}},
            ]
        },
        "generator": {"lr": {"loguniform": [1e-4, 1e-2]}},
        "smoothing": {"normal": {"mean": 0, "sd": 1}},
        "fixed": 3,
    }
}


def axis(name: str, *params: dict[str, Any]) -> Axis:
    found = {one.name: one for one in parameter_axes(run_info(space=SPACE), params)}
    return found[name]


def test_distributions_go_by_the_names_of_their_parameters() -> None:
    assert {name: word for name, (word, _) in distributions(SPACE).items()} == {
        "architecture": "choice",
        "architecture.progan.width": "int",
        "architecture.old.latent": "choice",
        "generator.lr": "loguniform",
        "smoothing": "normal",
    }
    groups = {"trial": {"choice": [{"label": "style", "lr": {"uniform": [0, 1]}}]}}
    assert list(distributions(groups)) == ["trial", "style.lr"]
    for odd in ({}, {"trial": 3}, {"trial": {"a": {"choice": 5}}}, {"trial": [{"uniform": 1}]}):
        distributions(odd)


def test_a_rate_is_logarithmic_where_its_distribution_is() -> None:
    rate = axis("generator.lr", {"generator.lr": 1e-3}, {"generator.lr": 2e-3})
    assert (rate.scale, rate.low, rate.high) == ("log", 1e-4, 1e-2)
    assert rate.at(1e-3) == pytest.approx(0.5)
    assert (rate.at(1e-4), rate.at(1e-2)) == (0.0, 1.0)
    assert [rate.at(odd) for odd in (0.0, -1.0, None, "x", True, float("nan"))] == [None] * 6
    assert [text for _, text in rate.ticks] == ["1e-4", "3e-4", "0.001", "0.003", "0.01"]


def test_choices_are_categories_numbers_among_them_in_order() -> None:
    latent = axis("architecture.old.latent", {"architecture.old.latent": 100},
                  {"architecture.old.latent": 64})  # fmt: skip
    assert (latent.scale, latent.categories) == ("categories", ("64", "100"))
    assert (latent.at(64), latent.at(100), latent.at(7)) == (0.25, 0.75, None)
    kind = axis("architecture", {"architecture": "old"}, {"architecture": "progan"})
    assert kind.categories == ("progan", "old")  # as the space lists them


def test_what_never_differs_is_no_axis_and_conditions_come_first() -> None:
    params = [
        {"architecture.progan.width": 16, "generator.lr": 1e-3, "architecture": "progan", "n": 1},
        {"generator.lr": 2e-3, "architecture": "old", "n": 1, "smoothing.quantile": 0.2},
    ]
    axes = parameter_axes(run_info(space=SPACE), params)
    assert [one.name for one in axes] == [
        "architecture",
        "architecture.progan.width",
        "generator.lr",
    ]
    assert parameter_axes(run_info(space=SPACE), []) == []


def test_an_unknown_distribution_is_guessed_from_its_values() -> None:
    info = run_info(space={})

    def scale(*values: Any) -> str:
        return parameter_axes(info, [{"x": value} for value in values])[0].scale

    assert scale(16, 32, 64) == "categories"
    assert scale(*(float(n) for n in range(1, 9))) == "linear"
    assert scale(*(10.0**-n for n in range(8))) == "log"
    assert scale(1, "a") == "categories"
    assert scale(True, False) == "categories"


def test_values_outside_the_space_widen_the_axis() -> None:
    rate = axis("generator.lr", {"generator.lr": 1e-5}, {"generator.lr": 2e-3})
    assert (rate.low, rate.high) == (1e-5, 1e-2)


def test_scores_far_apart_are_logarithmic() -> None:
    assert score_axis("fid", [10, 500]).scale == "log"
    near = score_axis("fid", [10, 20])
    assert (near.scale, near.low < 10, near.high > 20) == ("linear", True, True)
    assert score_axis("fid", []).at(0.5) is not None
    assert score_axis("fid", [3.0]).at(3.0) == 0.5


def test_marks_are_round_and_few() -> None:
    assert linear_ticks(0, 10) == [0, 2, 4, 6, 8, 10]
    assert linear_ticks(2.1, 4.2) == pytest.approx([2.5, 3.0, 3.5, 4.0])
    assert linear_ticks(3, 3) == [3]
    assert log_ticks(5e-4, 2e-3) == pytest.approx([5e-4, 1e-3, 2e-3])
    assert len(log_ticks(1e-30, 1e30)) <= 7
