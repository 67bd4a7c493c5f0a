"""Rungs, spending, heat map and figures of the scripted race."""

from __future__ import annotations

import json
from typing import Any
from xml.etree import ElementTree

import pytest

from animesearch.results.figures.drawing import Shape, shape
from animesearch.results.heat import heat_map
from animesearch.results.measured import points, quality
from animesearch.results.ranking import rank
from animesearch.results.records import Event, RunInfo
from animesearch.results.rungflow import rung_flow
from animesearch.results.space_view import (
    SpaceView,
    heat_words,
    space_view,
    spending_rows,
    spending_words,
    told,
)
from animesearch.results.spending import spending
from animesearch.results.state import RunState, fold
from tests.results.scripted_run import created, ended, final, race, reported, run_info, started

NASTY = "<script>\"'&"


def view_of(state: RunState, info: RunInfo | None = None, rung: int | None = None) -> SpaceView:
    return space_view(info or run_info(), state, rank(state), rung)


def shapes(drawing: Shape) -> list[Shape]:
    inside = [
        one for child in drawing.children if isinstance(child, Shape) for one in shapes(child)
    ]
    return [drawing, *inside]


def marked(drawing: Shape) -> dict[str, str]:
    """Trials and the classes of their marks."""
    return {
        one.attributes["data-trial"]: one.attributes["class"]
        for one in shapes(drawing)
        if "data-trial" in one.attributes
    }


# -- rungs -----------------------------------------------------------------------------------------


def test_rungs_tell_who_went_on_and_who_left_how() -> None:
    stages = rung_flow(run_info(), fold(race()))
    assert [(s.images, s.arrived, s.went) for s in stages] == [
        (0, 6, 5), (4000, 5, 3), (8000, 3, 2), (16000, 2, 2), (32000, 2, 0),
    ]  # fmt: skip
    assert [s.pruned for s in stages] == [0, 1, 1, 0, 0]
    assert [s.collapsed for s in stages] == [{}, {"mode-collapse": 1}, {}, {}, {}]
    assert [(s.failed, s.finished, s.open) for s in stages][0::4] == [(1, 0, 0), (0, 2, 0)]
    for stage in stages:
        left = stage.pruned + stage.finished + stage.failed + stage.open + stage.lost
        assert stage.arrived == stage.went + left


def test_runs_from_new_seeds_are_not_in_the_race() -> None:
    state = fold([*race()[:-1], *final(0, 0, 4600.0)])
    assert rung_flow(run_info(), state)[0].arrived == 6
    assert len(view_of(state).chosen) == 6


# -- spending --------------------------------------------------------------------------------------


def test_spending_adds_up_by_fate() -> None:
    spent = spending(run_info(), fold([*race(), *final(0, 0, 4600.0, device_seconds=60.0)]))
    found = {group.fate: group for group in spent.groups}
    assert {fate: (one.trials, one.images) for fate, one in found.items()} == {
        "completed": (2, 64000), "pruned": (2, 12000), "collapsed": (1, 6000),
        "failed": (1, 0), "final": (1, 32000),
    }  # fmt: skip
    assert found["completed"].seconds == 80.0
    assert found["pruned"].seconds == 15.0
    assert found["failed"].seconds is None
    assert (spent.total.trials, spent.total.images, spent.total.seconds) == (7, 114000, 160.0)
    assert spent.killed == pytest.approx(18000 / 82000)
    assert (spent.saved, spent.budget) == (4 * 32000 - 18000, 6 * 32000)
    assert (spent.price, spent.total.cost) == (None, None)


@pytest.mark.parametrize(("gpu", "share"), [("auto", 1.0), (1, 1.0), (0.5, 0.5), (2, 2.0), (0, 1)])
def test_a_price_gives_the_cost_of_a_trials_devices(gpu: Any, share: float) -> None:
    resources = {"price": 36.0, "currency": "EUR", "gpu": gpu}
    info = run_info(space={"search": {"resources": resources}})
    spent = spending(info, fold(race()))
    assert spent.total.seconds is not None
    assert spent.total.cost == pytest.approx(spent.total.seconds * 0.01 * share)
    heads, rows = spending_rows(spent)
    assert heads[-1] == "cost"
    assert rows[-1][-1].endswith(" EUR")
    assert "36.00 EUR per device-hour" in spending_words(spent)[-1]


def test_a_collapse_before_the_first_rung_took_time_too() -> None:
    events = [created(1), ended(1, "collapsed", device_seconds=12.0)]
    found = {group.fate: group for group in spending(run_info(), fold(events)).groups}
    assert found["collapsed"].seconds == 12.0
    (ranked,) = rank(fold(events))
    assert ranked.device_seconds == 12.0


def test_a_space_may_tell_nothing_of_prices() -> None:
    for search in ({}, {"resources": 3}, {"resources": {"price": "x"}},
                   {"resources": {"price": -1}}, {"resources": {"price": True}}):  # fmt: skip
        assert spending(run_info(space={"search": search}), fold(race())).price is None


# -- heat map --------------------------------------------------------------------------------------


def test_the_heat_map_has_best_median_and_counts() -> None:
    state = fold([*race()[:-1], created(6), reported(6, 0, 5000.0), ended(6, "completed")])
    heat = heat_map(state, points(state, rank(state)))
    assert (heat["rows"], heat["columns"]) == (["progan", "penn-dcgan"], ["wgan-gp", "ns", "lsgan"])
    dcgan_ns = heat["cells"][1][1]
    assert (dcgan_ns["n"], dcgan_ns["best"], dcgan_ns["median"]) == (2, 4534.1, 4767.05)
    assert dcgan_ns["trial"] == "t0000"
    progan = heat["cells"][0]
    assert (progan[0]["best"], progan[0]["shade"]) == (4500.0, 0.0)
    assert (progan[1]["n"], progan[1]["lost"], progan[1]["shade"]) == (0, 1, None)
    assert heat_words(heat) == "The best is progan with wgan-gp: 4500.0 (n 1)."


def test_components_are_read_from_configuration_or_parameters() -> None:
    given = created(0).model_copy(
        update={"config": {"architecture": {"name": "x"}}, "params": {"loss": "y"}}
    )
    state = fold([given])
    heat = heat_map(state, points(state, rank(state)))
    assert (heat["rows"], heat["columns"]) == (["x"], ["y"])
    assert heat_words(heat) == "No trial has a score yet."


# -- figures ---------------------------------------------------------------------------------------


def test_every_trial_is_a_line_and_the_collapsed_show_no_number() -> None:
    state = fold(race())
    view = view_of(state)
    classes = marked(view.parallel.drawing)
    assert classes["t0005"] == "way q0"
    assert (classes["t0003"], classes["t0004"]) == ("way lost", "way open")
    assert len(classes) == 6
    assert next(one for one in view.chosen if one.trial_id == "t0003").score is None
    assert "5100" not in json.dumps(told(view))
    assert "the best, t0005 with fd-lite0 4500.0, has architecture progan" in view.parallel.alt
    assert "1 mode-collapse" in view.rungs.alt


def test_better_trials_are_drawn_above_the_others() -> None:
    view = view_of(fold(race()))
    order = [one.attributes["data-trial"] for one in shapes(view.parallel.drawing)
             if "data-trial" in one.attributes]  # fmt: skip
    assert order == [point.trial_id for point in reversed(view.chosen)]


def test_labels_between_the_axes_stand_on_plates_above_the_lines() -> None:
    drawn = list(shapes(view_of(fold(race())).parallel.drawing))
    last_line = max(n for n, one in enumerate(drawn) if "data-trial" in one.attributes)
    ticks = [n for n, one in enumerate(drawn)
             if one.attributes.get("class") == "tick" and one.children != ("none",)]  # fmt: skip
    assert ticks
    for number in ticks:
        plate, text = drawn[number - 1].attributes, drawn[number].attributes
        assert number > last_line and plate["class"] == "plate"
        width = 6.1 * len(str(drawn[number].children[0]))
        end = text.get("text-anchor") == "end"
        left = float(text["x"]) - width if end else float(text["x"])
        assert float(plate["x"]) <= left
        assert float(plate["x"]) + float(plate["width"]) >= left + width
        assert float(plate["y"]) < float(text["y"]) - 8


def test_at_a_rung_only_those_who_reached_it_have_a_score() -> None:
    view = view_of(fold(race()), rung=1)
    scores = {point.trial_id: point.score for point in view.chosen}
    assert scores == {"t0000": 5383.2, "t0001": None, "t0002": 5400.0, "t0003": None,
                      "t0004": None, "t0005": 5000.0}  # fmt: skip


def test_slices_have_a_mark_for_each_trial_that_has_the_parameter() -> None:
    view = view_of(fold(race()))
    by_name = {figure.more["parameter"]: figure for figure in view.slices}
    assert set(marked(by_name["generator.lr"].drawing)) == {"t0000", "t0001", "t0002", "t0003",
                                                            "t0005"}  # fmt: skip
    width = by_name["architecture.progan.width"]
    assert marked(width.drawing) == {"t0001": "dot pruned", "t0003": "dot collapsed",
                                     "t0005": "dot completed"}  # fmt: skip
    assert "2 trials with a score, 1 collapsed" in width.alt


def test_classes_of_quality_are_of_equal_size() -> None:
    state = fold([e for n in range(8) for e in (created(n), reported(n, 0, 100.0 - n))])
    assert list(quality(points(state, rank(state)), 4).values()) == [0, 0, 1, 1, 2, 2, 3, 3]


def test_a_run_without_trials_has_a_space_too() -> None:
    for events in ([], [created(0)], [created(0), started(0)]):
        view = view_of(fold(events))
        json.dumps(told(view), allow_nan=False)
        assert view.heat["rows"] == ([] if not events else ["penn-dcgan"])


def test_drawings_escape_texts_and_values() -> None:
    drawn = shape("text", NASTY, title=NASTY)
    assert "<script" not in drawn.markup()
    assert ElementTree.fromstring(drawn.markup()).attrib == {"title": NASTY}
    assert ElementTree.fromstring(drawn.markup()).text == NASTY
    assert drawn.tree() == ["text", {"title": NASTY}, [NASTY]]
    state = fold([created(0, **{NASTY: NASTY}), created(1, **{NASTY: "b"}), reported(0, 0, 1.0)])
    view = view_of(state)
    assert view.axes
    for figure in (view.parallel, *view.slices):
        assert "<script" not in figure.drawing.markup()


def test_numbers_that_json_does_not_know_stay_out() -> None:
    odd = created(0).model_copy(update={"params": {"x": float("inf")}})
    other = created(1).model_copy(update={"params": {"x": 1.0}})
    state = fold([odd, other, reported(0, 0, 1e308), reported(1, 0, -1e308)])
    json.dumps(told(view_of(state)), allow_nan=False)


def test_what_leads_to_collapse_matters_though_it_has_no_number() -> None:
    events: list[Event] = []
    for number in range(10):
        kind = "ab"[number % 2]
        events += [created(number, kind=kind), reported(number, 0, 50.0 - 20 * (kind == "b"))]
        events.append(ended(number, "collapsed" if kind == "b" else "completed"))
    (found,) = view_of(fold(events)).importance
    assert (found.n, found.best, found.clear) == (10, "a", True)
