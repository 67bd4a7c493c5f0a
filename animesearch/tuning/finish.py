"""After the race: the best are scored again, losers' checkpoints go, a picture is drawn."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from pathlib import Path

from animesearch.files import write_json
from animesearch.results.folder import RunFolder
from animesearch.results.formats import varying
from animesearch.results.journal import Journal
from animesearch.results.ranking import Ranked, rank, ranking_json
from animesearch.results.records import Rescored, RunInfo
from animesearch.results.state import RunState, TrialRecord
from animesearch.results.views import View
from animesearch.results.wall import caption, grid_wall
from animesearch.trainers.checkpoint import best_checkpoint
from animesearch.tuning.prepare import Prepared

STAGE = "scoring the best again"


def finish(
    folder: RunFolder,
    info: RunInfo,
    prepared: Prepared,
    journal: Journal,
    state: RunState,
    view: View,
) -> None:
    """Idempotent: a finish that was interrupted goes on where it was."""
    finalists = choose_finalists(folder, state, prepared.search.config.search.finalists)
    rescore_finalists(folder, finalists, prepared, journal, state, view)
    drop_losers(folder, state, keep={trial.trial_id for trial in finalists})
    draw_wall(folder, info, state, rank(state)[: len(finalists)])
    write_json(folder.ranking_file, ranking_json(info, state))


def choose_finalists(folder: RunFolder, state: RunState, top: int) -> list[TrialRecord]:
    """The ``top`` trials by their best score in the race, of those that have a checkpoint.

    By the race's scores, not the fresh ones: so a repeated finish chooses the same.
    """
    scored = [
        trial
        for trial in state.trials.values()
        if trial.best is not None
        and trial.state in ("completed", "pruned")
        and best_checkpoint(folder.checkpoints(trial.trial_id)) is not None
    ]
    return sorted(scored, key=lambda trial: trial.best.score if trial.best else 0.0)[:top]


def rescore_finalists(
    folder: RunFolder,
    finalists: Sequence[TrialRecord],
    prepared: Prepared,
    journal: Journal,
    state: RunState,
    view: View,
) -> None:
    """Fresh samples, as many as in the race: the best of noisy readings was partly luck."""
    import ray

    from animesearch.tuning.tasks import rescore

    allotment, samples = prepared.allotment, prepared.search.config.metric.samples
    task = ray.remote(num_cpus=1, num_gpus=allotment.gpu)(rescore)
    real = ray.put(prepared.real)
    waiting = {}
    for trial in finalists:
        checkpoint = best_checkpoint(folder.checkpoints(trial.trial_id))
        if trial.rescored is None and checkpoint is not None:
            reference = task.remote(
                str(checkpoint.resolve()),
                prepared.choice.spec,
                real,
                samples,
                allotment.device,
                prepared.search.plugins,
            )
            waiting[reference] = trial.trial_id
    total = len(waiting)
    while waiting:
        view.stage(STAGE, total - len(waiting), total)
        (ready,), _ = ray.wait(list(waiting), num_returns=1)
        trial_id = waiting.pop(ready)
        try:
            score = ray.get(ready)
        except ray.exceptions.RayError as error:  # the search must not be lost to one checkpoint
            view.note(f"{trial_id} could not be scored again: {_last_line(error)}")
            continue
        event = Rescored(
            at=time.time(),
            trial_id=trial_id,
            score=score,
            samples=samples,
            first_latent=samples,
        )
        journal.append(event)
        state.apply(event)
        view.event(event, state)
    view.stage(STAGE, total, total)


def _last_line(error: Exception) -> str:
    """Ray's errors carry the whole traceback of the task."""
    return (str(error).strip().splitlines() or [type(error).__name__])[-1]


def drop_losers(folder: RunFolder, state: RunState, keep: set[str]) -> None:
    """Checkpoints of all trials but the finalists go: they fill disks."""
    for trial_id in state.trials:
        if trial_id not in keep:
            shutil.rmtree(folder.checkpoints(trial_id), ignore_errors=True)


def draw_wall(folder: RunFolder, info: RunInfo, state: RunState, best: Sequence[Ranked]) -> None:
    """``best.png``: each finalist's grid from the shared latents, real images beside them."""
    names = varying([trial.params for trial in state.trials.values()])
    rows = []
    for ranked in best:
        grid = best_grid(folder, state.trials[ranked.trial_id])
        if grid is not None:
            rows.append((caption(ranked, info.metric, names), grid))
    if rows:
        grid_wall(rows, folder.data / "reals.png", folder.wall)


def best_grid(folder: RunFolder, trial: TrialRecord) -> Path | None:
    """The grid drawn at the trial's best rung."""
    if trial.best is None:
        return None
    path = folder.trial(trial.trial_id) / "grids" / f"{trial.best.images:09d}.png"
    return path if path.exists() else None
