"""One trial in detail: its rungs, what was measured there, its end and what happened when."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from animesearch.results.board import finite_scalars
from animesearch.results.configurations import RankedConfiguration
from animesearch.results.differences import difference
from animesearch.results.formats import clean, duration, finite, kimg, score_text
from animesearch.results.intervals import interval_of_noise
from animesearch.results.records import Decided, RungReported, Scalar
from animesearch.results.state import RunState, TrialRecord

MEANINGS: Mapping[str, str] = {
    "nonfinite": "a loss, a gradient, a weight or a sample is NaN or infinite",
    "explosion": "gradients and losses grew far beyond the trial's own earlier size",
    "vanishing": "the gradient that reaches G has vanished",
    "d-saturated": "D is right about every image and has nothing left to learn or teach",
    "d-blind": "D cannot tell real images from fakes and no longer tries",
    "mode-collapse": "G draws nearly the same image for all latents",
    "g-frozen": "G's weights no longer change",
}
"""The codes of collapsed trials; those of ``animesearch.metrics.verdict``, which needs torch."""
PROCESS = frozenset(
    {"metric", "best", "loss_d", "loss_g", "real_score", "fake_score", "d_accuracy", "grad_norm_d",
     "grad_norm_g", "images_per_second", "device_seconds", "metric_seconds", "images", "rung",
     "score", "noise", "verdict", "evidence"}
)  # fmt: skip
"""Metrics of a report that tell of training itself, or of the score; others accompany it."""
CONFUSION = ("real_as_real", "real_as_fake", "fake_as_real", "fake_as_fake")


def trial_story(
    state: RunState, ranking: Sequence[RankedConfiguration], trial: TrialRecord
) -> dict[str, Any]:
    """Everything that the journal knows of the trial, as plain JSON.

    The best of ``ranking`` is what its configuration is compared with.
    """
    best = next((ranked for ranked in ranking if ranked.place == 1), None)
    return {
        "attempt": trial.attempt,
        "rungs": [_rung(trial, report) for report in _reports(trial)],
        "companions": companions(trial),
        "confusion": confusion(trial),
        "verdict": verdict(trial),
        "differences": _differences(state, trial, best),
        "best": best.best_trial if best else None,
        "log": log(trial),
    }


def config_yaml(trial: TrialRecord) -> str:
    """The whole resolved configuration, for the ``trial:`` of a space file."""
    import yaml

    text: str = yaml.safe_dump({"trial": trial.config}, sort_keys=False, allow_unicode=True)
    return text


def _reports(trial: TrialRecord) -> list[RungReported]:
    return sorted(trial.rungs.values(), key=lambda report: report.images)


def _rung(trial: TrialRecord, report: RungReported) -> dict[str, Any]:
    decided = trial.decisions.get(report.rung)
    shown = trial.state != "collapsed"
    noise = finite(report.metrics.get("noise"))
    return {
        "rung": report.rung,
        "images": report.images,
        "score": finite(report.score) if shown else None,
        "half": None if noise is None or noise < 0 else interval_of_noise(0.0, noise).high,
        "decision": decided.action if decided else "",
        "why": clean(decided.why) if decided else "",
        "metrics": finite_scalars(report.metrics),
    }


def companions(trial: TrialRecord) -> dict[str, list[tuple[int, float]]]:
    """What was measured beside the score, by name: (images, value)."""
    found: dict[str, list[tuple[int, float]]] = {}
    for report in _reports(trial):
        for name, value in report.metrics.items():
            number = finite(value)
            if number is not None and name not in PROCESS and not name.startswith("confusion_"):
                found.setdefault(name, []).append((report.images, number))
    return found


def confusion(trial: TrialRecord) -> list[dict[str, Any]]:
    """D's verdicts at each report that has them: counts of reals and fakes taken for either."""
    return [
        {"images": report.images, **counts}
        for report in _reports(trial)
        if (counts := _counts(report.metrics))
    ]


def _counts(metrics: Mapping[str, Scalar]) -> dict[str, int]:
    found = {name: finite(metrics.get(f"confusion_{name}")) for name in CONFUSION}
    known = {name: int(count) for name, count in found.items() if count is not None}
    return known if len(known) == len(CONFUSION) else {}


def verdict(trial: TrialRecord) -> dict[str, str] | None:
    """Why a trial ended before its time, with the numbers that show it."""
    ended = trial.ended
    if ended is None or trial.state == "completed":
        return None
    decided = trial.decisions.get(max(trial.decisions)) if trial.decisions else None
    stopped = decided.why if decided and decided.action == "stop" else ""
    return {
        "code": clean(ended.reason) or ("race" if trial.state == "pruned" else "fault"),
        "meaning": MEANINGS.get(ended.reason, ""),
        "evidence": ended.message.strip() or clean(stopped),
    }


def _differences(
    state: RunState, trial: TrialRecord, best: RankedConfiguration | None
) -> list[dict[str, str]]:
    if best is None:
        return []
    there = state.trials[best.best_trial].config
    return [asdict(found) for found in difference(trial.config, there)]


def log(trial: TrialRecord) -> list[tuple[float, str]]:
    """What happened when: (seconds since the epoch, one line), in the order of the journal.

    Not in that of the times: a machine's clock may be set back.
    """
    lines = [(trial.created.at, "the sampler gave the configuration")]
    shown = trial.state != "collapsed"
    for number, report in enumerate(trial.rungs.values()):
        lines += _perturbed(trial, number)
        lines.append((report.at, _reported(report, shown)))
        if decided := trial.decisions.get(report.rung):
            lines.append((decided.at, _decided(decided)))
    lines += _perturbed(trial, len(trial.rungs))
    if trial.ended:
        reason = f": {clean(trial.ended.reason)}" if trial.ended.reason else ""
        lines.append((trial.ended.at, f"{trial.ended.state}{reason}"))
    if trial.rescored:
        again = f"{score_text(trial.rescored.score)} on {trial.rescored.samples} fresh samples"
        lines.append((trial.rescored.at, f"scored again: {again}"))
    return lines


def _perturbed(trial: TrialRecord, rungs: int) -> list[tuple[float, str]]:
    """The line of the last perturbation, where it came after so many rungs."""
    if trial.perturbed is None or trial.perturbed_after != rungs:
        return []
    return [(trial.perturbed.at, "got another configuration and another's weights")]


def _reported(report: RungReported, shown: bool) -> str:
    seconds = finite(report.metrics.get("device_seconds"))
    spent = f", {duration(seconds)} on its device" if seconds is not None else ""
    score = score_text(report.score) if shown else "reported"
    return f"rung {report.rung} at {kimg(report.images)} kimg: {score}{spent}"


def _decided(decided: Decided) -> str:
    return f"rung {decided.rung}: {decided.action}, {clean(decided.why)}"
