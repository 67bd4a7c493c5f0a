"""Who survived where: what became of the trials of a race between one rung and the next."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from animesearch.results.formats import clean
from animesearch.results.records import RunInfo
from animesearch.results.state import RunState, TrialRecord


@dataclass(frozen=True)
class Stage:
    """The begin (``images`` 0) or a rung.

    Of those who ``arrived``, ``went`` reached the next rung, the race stopped ``pruned`` on this
    one, ``finished`` completed here, ``failed`` had a fault, ``open`` still train or wait, and
    ``collapsed`` counts the others by the code of their verdict.
    """

    images: int
    arrived: int
    went: int
    pruned: int
    finished: int
    failed: int
    open: int
    collapsed: dict[str, int]

    @property
    def lost(self) -> int:
        """All that collapsed before the next rung."""
        return sum(self.collapsed.values())


def rung_flow(info: RunInfo, state: RunState) -> list[Stage]:
    """The begin and the rungs, ascending; those that no trial could reach yet are there too."""
    last = {trial.trial_id: max(trial.rungs, default=-1) for trial in state.of_phase("race")}
    most = max([len(info.rungs) - 1, *last.values()])
    return [_stage(info, state, last, rung) for rung in range(-1, most + 1)]


def _stage(info: RunInfo, state: RunState, last: dict[str, int], rung: int) -> Stage:
    here = [state.trials[trial_id] for trial_id, reached in last.items() if reached == rung]
    states = Counter(trial.state for trial in here)
    codes = Counter(_code(trial) for trial in here if trial.state == "collapsed")
    return Stage(
        images=_images(info.rungs, state, rung),
        arrived=sum(reached >= rung for reached in last.values()),
        went=sum(reached > rung for reached in last.values()),
        pruned=states["pruned"],
        finished=states["completed"],
        failed=states["failed"],
        open=states["running"] + states["pending"],
        collapsed=dict(codes.most_common()),
    )


def _code(trial: TrialRecord) -> str:
    return clean(trial.ended.reason) if trial.ended and trial.ended.reason else "collapsed"


def _images(rungs: Sequence[int], state: RunState, rung: int) -> int:
    """A run from an older space may have reported more rungs than it tells."""
    if rung < 0:
        return 0
    if rung < len(rungs):
        return rungs[rung]
    return min((report.images for report in state.reports if report.rung == rung), default=0)
