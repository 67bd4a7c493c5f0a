"""What the driver alone costs: race, sampler, journal and view, without Ray.

Processor time; a machine's disk and its other users have no part in it.  The cost of the last
eighth of the trials beside that of the first tells what grows.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from animesearch.results.configurations import rank_configurations
from animesearch.results.journal import segments
from animesearch.results.ranking import rank
from animesearch.tuning.race import Assignment, replay
from scale_parts.search import Scripted, Wanted, megabytes, memory, open_search, told

AT_A_TIME = 32


def measure(path: Path, wanted: Wanted) -> dict[str, Any]:
    """One race from its first trial to its last, then what a resume and a reader do."""
    before = memory()
    scripted, trials = open_search(path, wanted), wanted.trials
    costs = drive(scripted)
    scripted.brain.close()
    eighth = max(1, trials // 8)
    found: dict[str, Any] = {
        "trials": trials,
        "sampler": wanted.sampler,
        "storage": wanted.storage,
        "ms per trial": 1e3 * sum(costs) / trials,
        "first eighth": 1e3 * sum(costs[:eighth]) / eighth,
        "last eighth": 1e3 * sum(costs[-eighth:]) / eighth,
        "memory MB": memory() - before,
        "segments": len(segments(scripted.folder.journal)),
        "journal MB": megabytes(scripted.folder.journal),
        "study MB": sum(megabytes(file) for file in path.glob("study.*")),
    }
    return found | after(scripted, replace(wanted, storage="none"))


def after(scripted: Scripted, again: Wanted) -> dict[str, float]:
    """Seconds of a fold, a replay, a ranking and a resume."""
    seconds, state = timed(scripted.folder.state)
    scheduler = scripted.race.plan.scheduler
    replayed, differing = timed(lambda: replay(scheduler, state, scripted.rungs))
    assert differing == []
    ranked, _ = timed(lambda: (rank(state), rank_configurations(state)))
    resumed, _ = timed(lambda: open_search(scripted.folder.path, again))
    return {"fold s": seconds, "replay s": replayed, "rank s": ranked, "resume s": resumed}


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds of processor time, and what ``work`` returned."""
    began = time.process_time()
    found = work()
    return time.process_time() - began, found


def drive(scripted: Scripted) -> list[float]:
    """Imaginary workers that report in turn; seconds of processor time per trial that ended."""
    race, busy, costs = scripted.race, deque[tuple[Assignment, int]](), []
    began = time.process_time()
    while True:
        while not race.exhausted and race.running < AT_A_TIME:
            assignment = race.next()
            assert assignment is not None
            race.started(assignment.trial_id)
            busy.append((assignment, 0))
        if not busy:
            return costs
        assignment, rung = busy.popleft()
        name = assignment.trial_id
        if race.report(name, told(name, rung, scripted.rungs)):
            busy.append((assignment, rung + 1))
            continue
        race.ended(name)
        now = time.process_time()
        costs.append(now - began)
        began = now
