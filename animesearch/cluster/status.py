"""How far a search is: from its run folder, and from the job that runs it."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path
from typing import Any

from animesearch.cluster.jobs import Jobs, Seen
from animesearch.errors import RunFolderError, StorageError
from animesearch.results.folder import RunFolder
from animesearch.results.formats import clean, duration, score_text
from animesearch.results.journal import read_journal
from animesearch.results.narration import Narrator
from animesearch.results.progress import Plan
from animesearch.results.records import RunInfo
from animesearch.results.state import DONE, RunState, fold

LATEST = 20
"""Events of which the last line is taken: a report waits for its decision."""
LOG_LINES = 3


def run_status(place: str) -> dict[str, Any]:
    """The run at ``place``, a folder or a URI; :class:`RunFolderError` where there is none."""
    from animesearch.results.opening import run_to_read

    return folder_status(run_to_read(place))


def folder_status(folder: RunFolder) -> dict[str, Any]:
    """Trials by state, the best, the last event; ``outcome`` is empty while it is not ended."""
    info, events = folder.info(), read_journal(folder.journal)
    state = fold(events)
    racing = state.of_phase("race")
    counts = Counter(trial.state for trial in racing)
    return {
        "run": folder.place,
        "name": info.name,
        "outcome": state.outcome,
        "metric": info.metric,
        "trials": info.trials,
        "ended": sum(counts[word] for word in DONE),
        "states": dict(sorted(counts.items())),
        "best": _best(state),
        "last": _last_line(info, events, state),
        "last_at": events[-1].at if events else None,
    }


def job_status(jobs: Jobs, seen: Seen) -> dict[str, Any]:
    """A job, and the search in it: from the run where it can be read here, else from the log."""
    found: dict[str, Any] = {
        "job": seen.job_id,
        "state": seen.state,
        "message": seen.message,
        "exit_code": seen.exit_code,
        "started_at": seen.started,
        "ended_at": seen.ended,
        "run": seen.place,
        "search": None,
        "log": [],
    }
    if "://" in seen.place or Path(seen.place).expanduser().is_dir():
        try:
            found["search"] = run_status(_here(seen.place))
        except (RunFolderError, StorageError) as error:
            found["log"] = [clean(error)]  # it may not have begun yet
    if found["search"] is None:
        lines = [clean(line) for line in jobs.log(seen.job_id).splitlines() if line.strip()]
        found["log"] += lines[-LOG_LINES:]
    return found


def run_lines(found: dict[str, Any], now: float | None = None) -> list[str]:
    """:func:`run_status` for the screen."""
    states = ", ".join(f"{count} {word}" for word, count in found["states"].items())
    lines = [
        f"search  {clean(found['name'])}: {found['ended']} of {found['trials']} trials ended"
        + (f" ({states})" if states else "")
        + (f"; {found['outcome']}" if found["outcome"] else ""),
        f"run     {clean(found['run'])}",
    ]
    if best := found["best"]:
        lines.append(f"best    {score_text(best['score'])} {found['metric']}, {best['trial']}")
    if found["last_at"] is not None:
        ago = duration((time.time() if now is None else now) - found["last_at"])
        lines.append(f"last    {found['last']} ({ago} ago)")
    return lines


def job_lines(found: dict[str, Any], now: float | None = None) -> list[str]:
    """:func:`job_status` for the screen."""
    moment = time.time() if now is None else now
    since = found["started_at"]
    lasted = f", {duration((found['ended_at'] or moment) - since)}" if since else ""
    lines = [f"job     {clean(found['job'])}: {found['state']}{lasted}"]
    if found["state"] == "FAILED" and found["message"]:
        lines.append(f"        {clean(found['message'])[:300]}")
    if found["search"] is not None:
        return [*lines, *run_lines(found["search"], now)]
    return [*lines, f"run     {clean(found['run'])}", *(f"log     {line}" for line in found["log"])]


def _here(place: str) -> str:
    return place if "://" in place else str(Path(place).expanduser())


def _best(state: RunState) -> dict[str, Any] | None:
    """The lowest score of any rung of the race."""
    reports = [(trial.best.score, trial.trial_id) for trial in state.of_phase("race") if trial.best]
    if not reports:
        return None
    score, trial_id = min(reports)
    return {"trial": trial_id, "score": score}


def _last_line(info: RunInfo, events: list[Any], state: RunState) -> str:
    plan = Plan(info.name, info.metric, info.trials, info.rungs[-1], info.rungs)
    narrator = Narrator(plan, lambda _trial: "")
    lines = [line for event in events[-LATEST:] for line in narrator.lines(event, state)]
    lines += narrator.flush()
    return lines[-1] if lines else ""
