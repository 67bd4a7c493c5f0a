"""Events of a journal as one line each, for the plain view and the last lines of the live one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from animesearch.results.formats import clean, kimg, roughly, score_text
from animesearch.results.progress import Overview, Plan
from animesearch.results.records import (
    AttemptStarted,
    Decided,
    Event,
    Rescored,
    RunClosed,
    RungReported,
    RunOpened,
    TrialEnded,
)
from animesearch.results.state import RunState

WORDS: Mapping[str, str] = {"completed": "done"}
SESSION_NOTES: Mapping[str, str] = {
    "complete": "search complete",
    "interrupted": "search interrupted; it can be resumed",
}


class Narrator:
    """Turns events into lines.

    A report waits for its decision, so that both stand on one line; whatever else comes first
    lets it go alone.
    """

    def __init__(self, plan: Plan, describe: Callable[[str], str]) -> None:
        self._plan = plan
        self._describe = describe
        self._held: RungReported | None = None

    def lines(self, event: Event, state: RunState) -> list[str]:
        """The lines that ``event`` gives, oldest first; none for events that say nothing new."""
        held, self._held = self._held, None
        if isinstance(event, Decided) and held and _belongs(event, held):
            return [self._rung(held, f"{event.action}: {clean(event.why)}")]
        before = [self._rung(held)] if held else []
        if isinstance(event, RungReported):
            self._held = event
            return before
        line = self._line(event, state)
        return [*before, line] if line else before

    def flush(self) -> list[str]:
        """The report that still waits for its decision, if any."""
        held, self._held = self._held, None
        return [self._rung(held)] if held else []

    def _line(self, event: Event, state: RunState) -> str:
        match event:
            case RunOpened():
                return stamped(event.at, self._opening(event, state))
            case RunClosed():
                return stamped(event.at, SESSION_NOTES[event.outcome])
            case TrialEnded():
                return self._ended(event, state)
            case AttemptStarted():
                word, rest = "start", self._start(event, state)
            case Decided():
                word, rest = "decided", f"{event.action}: {clean(event.why)}"
            case Rescored():
                word = "again"
                rest = f"{self._score(event.score)}  on {event.samples} fresh samples"
            case _:
                return ""
        return trial_line(event.at, event.trial_id, word, rest)

    def _opening(self, event: RunOpened, state: RunState) -> str:
        plan = self._plan
        text = f"{clean(plan.name)}: {plan.trials} trials of up to {kimg(plan.images)} kimg"
        if event.session == 1:
            return text
        finished = sum(trial.done for trial in state.of_phase("race"))
        finals = sum(trial.done for trial in state.of_phase("final"))
        after = f" and {finals} runs from new seeds" if finals else ""
        return f"{text}, resumed with {finished} finished{after}"

    def _start(self, event: AttemptStarted, state: RunState) -> str:
        described = self._describe(event.trial_id)
        if event.attempt == 1:
            return described
        trial = state.trials.get(event.trial_id)
        since = f"attempt {event.attempt} from {kimg(trial.images if trial else 0)} kimg"
        return f"{since}  {described}"

    def _rung(self, report: RungReported, verdict: str = "") -> str:
        rest = f"{kimg(report.images):>6} kimg  {self._score(report.score)}  {verdict}"
        return trial_line(report.at, report.trial_id, "rung", rest)

    def _score(self, score: float) -> str:
        return f"{clean(self._plan.metric)} {score_text(score):>8}"

    def _ended(self, event: TrialEnded, state: RunState) -> str:
        trial = state.trials.get(event.trial_id)
        decided = trial.decisions.get(max(trial.decisions)) if trial and trial.decisions else None
        if event.state == "pruned" and decided and decided.action == "stop":
            return ""  # the line of the decision has said it
        why = ": ".join(clean(part) for part in (event.reason, event.message) if part)
        if event.state == "completed" and trial and trial.best:
            why = f"{self._score(trial.best.score)}  best"
        images = max(event.images, trial.images if trial else 0)
        rest = f"{kimg(images):>6} kimg  {why}"
        return trial_line(event.at, event.trial_id, WORDS.get(event.state, event.state), rest)


def _belongs(decision: Decided, report: RungReported) -> bool:
    return (decision.trial_id, decision.rung) == (report.trial_id, report.rung)


def stamped(at: float, text: str) -> str:
    """``text`` behind the local time of day of ``at``, seconds since the epoch."""
    try:
        time_of_day = f"{datetime.fromtimestamp(at):%H:%M:%S}"
    except (ValueError, OverflowError, OSError):
        time_of_day = "--:--:--"
    return f"{time_of_day}  {text}".rstrip()


def trial_line(at: float, trial_id: str, word: str, rest: str) -> str:
    """A line on one trial, in columns."""
    return stamped(at, f"{clean(trial_id):<5}  {word:<9}  {rest}")


def summary(overview: Overview) -> str:
    """The whole search in one line: trials, images, rate, time left, the best so far."""
    finished = sum(overview.counts[state] for state in ("completed", "pruned"))
    lost = sum(overview.counts[state] for state in ("collapsed", "failed"))
    parts = [
        f"{len(overview.running)} running",
        f"{finished + lost} of {overview.plan.trials} ended",
        images_text(overview),
        rate_text(overview),
        left_text(overview),
    ]
    if overview.best:
        best = overview.best
        parts.append(f"best {score_text(best.score)} {clean(best.trial_id)}")
    return ", ".join(part for part in parts if part)


def images_text(overview: Overview) -> str:
    """Images done of those expected; expected ones are an estimate while the race goes on."""
    done, expected = kimg(overview.done_images), kimg(overview.expected_images)
    return f"{done} kimg" if done == expected else f"{done} of about {expected} kimg"


def rate_text(overview: Overview) -> str:
    return "" if overview.rate is None else f"{overview.rate:.0f} img/s"


def left_text(overview: Overview) -> str:
    if overview.seconds_left is None:
        return ""
    return f"about {roughly(overview.seconds_left)} left (estimate)"


def stopped_text(overview: Overview) -> str:
    """Why trials were stopped: ``race 2 (4.0 kimg: 1, 8.0 kimg: 1), mode-collapse 1``."""
    rungs = ", ".join(f"{kimg(rung)} kimg: {n}" for rung, n in overview.pruned_at.items())
    words = {"race": f" ({rungs})" if rungs else ""}
    parts = (f"{clean(code)} {n}{words.get(code, '')}" for code, n in overview.stops.items())
    return ", ".join(parts) or "none"
