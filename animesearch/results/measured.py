"""The trials of a race as points of its space, with the number that they are compared by."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from animesearch.results.ranking import Ranked
from animesearch.results.readings import race_score
from animesearch.results.records import Scalar, TrialState
from animesearch.results.state import RunState, TrialRecord


@dataclass(frozen=True)
class Point:
    """One trial of the race; ``score`` is None where it has no number (yet)."""

    trial_id: str
    number: int
    place: int | None
    state: TrialState
    score: float | None
    images: int
    params: dict[str, Scalar]

    @property
    def lost(self) -> bool:
        """Whether the configuration itself went wrong: it counts as worse than any number."""
        return self.state == "collapsed"

    @property
    def judged(self) -> float | None:
        """The score, infinity for a collapsed trial; None for one that says nothing."""
        return math.inf if self.lost else self.score


def points(state: RunState, ranking: Iterable[Ranked], rung: int | None = None) -> list[Point]:
    """The race's trials in their order, compared by their best race scores or by those at ``rung``.

    At one rung all were shown equally many images; the best of all rungs favours trials that went
    further, as the race itself does.
    """
    return [
        Point(
            trial_id=ranked.trial_id,
            number=ranked.number,
            place=ranked.place,
            state=ranked.state,
            score=_score(state.trials[ranked.trial_id], rung),
            images=ranked.images,
            params=ranked.params,
        )
        for ranked in ranking
        if ranked.phase == "race"
    ]


def _score(trial: TrialRecord, rung: int | None) -> float | None:
    best = race_score(trial)
    if rung is None or best is None:
        return best
    return trial.rungs[rung].score if rung in trial.rungs else None


def quality(points: Sequence[Point], steps: int) -> dict[str, int]:
    """The trials with a number in ``steps`` classes of equal size, 0 the best, by their ids."""
    scored = sorted(
        (point.score, point.number, point.trial_id)
        for point in points
        if point.score is not None
    )  # fmt: skip
    return {trial_id: place * steps // len(scored) for place, (_, _, trial_id) in enumerate(scored)}
