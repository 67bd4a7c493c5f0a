"""What must hold after every fault."""

from __future__ import annotations

import random
import sys
import tempfile
from collections import Counter
from pathlib import Path

from animesearch.results.journal import read_journal
from animesearch.results.ranking import rank
from animesearch.results.records import (
    AttemptStarted,
    Event,
    RungReported,
    TrialCreated,
    TrialEnded,
)
from animesearch.results.state import RunState, fold
from animesearch.tuning.race import replay
from animesearch.tuning.schedulers.asha import Asha
from tests.faults.driver import PIDS
from tests.faults.machines import nothing_held, until, until_gone
from tests.tuning.scripted import RUNGS, Workers, open_race, outcome

MOMENTS = 5


def moments(seed: int, most: int, count: int = MOMENTS) -> list[int]:
    """Different random numbers of reports after which a fault strikes, in order; printed."""
    found = sorted(random.Random(seed).sample(range(most), count))
    sys.stdout.write(f"faults after {found} reports (seed {seed})\n")
    return found


def undisturbed(trials: int) -> RunState:
    """The search by imaginary workers in one process, one at a time."""
    with tempfile.TemporaryDirectory() as place:
        race = open_race(Path(place), trials)
        Workers(race, 1).run()
        return race.state


def sound(folder: Path, trials: int) -> RunState:
    """No trial lost or told twice, every decision follows from the journal; the state."""
    events = read_journal(folder / "journal")
    state = fold(events)
    assert len(state.trials) == trials
    assert all(trial.done for trial in state.trials.values())
    assert not state.by_state("failed"), [t.ended for t in state.by_state("failed")]
    for kind in (TrialCreated, TrialEnded):
        assert set(_told(events, kind).values()) == {1}
    reports = Counter((e.trial_id, e.rung) for e in events if isinstance(e, RungReported))
    assert set(reports.values()) == {1}
    attempts = Counter((e.trial_id, e.attempt) for e in events if isinstance(e, AttemptStarted))
    assert set(attempts.values()) == {1}
    assert replay(Asha(), state, RUNGS) == []
    return state


def _told(events: list[Event], kind: type[TrialCreated] | type[TrialEnded]) -> Counter[str]:
    return Counter(event.trial_id for event in events if isinstance(event, kind))


def same_search(folder: Path, trials: int) -> RunState:
    """Sound, and the kills, scores and ranking of an undisturbed search."""
    state, whole = sound(folder, trials), undisturbed(trials)
    assert outcome(state) == outcome(whole), (outcome(state), outcome(whole))
    assert [r.trial_id for r in rank(state)] == [r.trial_id for r in rank(whole)]
    return state


def nothing_left(folder: Path) -> None:
    """No process of a trial, nothing held of the cluster."""
    pids = [int(entry.name) for entry in (folder / PIDS).iterdir()]
    until_gone(pids, "the trials' processes")
    until(nothing_held, "all of the cluster is free")
