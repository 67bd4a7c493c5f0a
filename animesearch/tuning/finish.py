"""After the race: fresh scores for the best, final runs, losers' checkpoints go, a picture."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from animesearch.files import write_json
from animesearch.results.configurations import rank_configurations
from animesearch.results.folder import RunFolder
from animesearch.results.formats import varying
from animesearch.results.journal import Journal
from animesearch.results.nearest import FILE as NEAREST
from animesearch.results.ranking import Ranked, rank, ranking_json
from animesearch.results.records import Rescored, RunInfo
from animesearch.results.state import RunState, TrialRecord
from animesearch.results.views import View
from animesearch.results.wall import caption, grid_wall
from animesearch.trainers.checkpoint import best_checkpoint
from animesearch.tuning.engine import Job, run_round
from animesearch.tuning.finals import Finals, FinalsPlan
from animesearch.tuning.loggers import tell_fresh
from animesearch.tuning.nearest import keep_nearest
from animesearch.tuning.prepare import Prepared
from animesearch.tuning.tasks import Fresh, Yardstick
from animesearch.tuning.trialfiles import held_at
from animesearch.tuning.upkeep import IDLE, Upkeep, standing_of

STAGE = "scoring the best again"
FINAL_STAGE = "scoring the runs from new seeds"


@dataclass(frozen=True)
class Ending:
    """What the steps after the race work on."""

    folder: RunFolder
    info: RunInfo
    prepared: Prepared
    journal: Journal
    state: RunState
    view: View
    upkeep: Upkeep = IDLE


def finish(ending: Ending, job: Job) -> bool:
    """True when all is done, False where final runs were interrupted.

    Idempotent: a finish that was interrupted goes on where it was, a repeated one changes nothing.
    """
    folder, state = ending.folder, ending.state
    finalists = choose_finalists(folder, state, ending.prepared.search.config.search.final.top)
    tell_fresh(job.logging, score_again(ending, finalists, STAGE))
    drop_losers(folder, state.of_phase("race"), keep={one.trial_id for one in finalists})
    if not train_again(ending, job):
        return False
    finals = state.of_phase("final")
    completed = [one for one in finals if one.state == "completed"]
    tell_fresh(job.logging, score_again(ending, completed, FINAL_STAGE))
    kept = best_finals(state)
    drop_losers(folder, finals, keep=kept)
    looked_at = [*finalists, *(one for one in finals if one.trial_id in kept)]
    _picture(ending, looked_at, shown_on_wall(state, len(finalists)))
    return True


def _picture(ending: Ending, best: Sequence[TrialRecord], shown: Sequence[Ranked]) -> None:
    """What is made of the best trials' grids, and the ranking."""
    folder, info, state = ending.folder, ending.info, ending.state
    names = sorted({*(one.trial_id for one in best), *(one.trial_id for one in shown)})
    nearest = [f"trials/{name}/{NEAREST}" for name in names]
    folder.fetch(*(f"trials/{name}/grids" for name in names), *nearest)

    def draw() -> None:
        keep_nearest(folder, ending.prepared, best, ending.view)
        draw_wall(folder, info, state, shown)
        write_json(folder.ranking_file, ranking_json(info, state))

    folder.patiently(draw, "writing the best trials' pictures")
    folder.publish("data", *nearest, folder.wall.name, folder.ranking_file.name)


def choose_finalists(folder: RunFolder, state: RunState, top: int) -> list[TrialRecord]:
    """The ``top`` trials by their best score in the race, of those that have a checkpoint.

    By the race's scores, not the fresh ones: so a repeated finish chooses the same.
    """
    ended = [(standing_of(trial), trial) for trial in state.of_phase("race")]
    scored = sorted((at.score, at.number, trial) for at, trial in ended if at is not None)
    kept = (trial for *_, trial in scored if checkpoint_of(folder, trial) is not None)
    return [*islice(kept, top)]


def checkpoint_of(folder: RunFolder, trial: TrialRecord) -> Path | None:
    """The trial's best checkpoint, here."""
    folder.fetch(f"trials/{trial.trial_id}/checkpoints")
    return best_checkpoint(folder.checkpoints(trial.trial_id))


def train_again(ending: Ending, job: Job) -> bool:
    """The best configurations from new seeds; False where that was interrupted."""
    options = ending.prepared.search.config.search.final
    plan = FinalsPlan(ending.info.rungs, ending.info.seed, options.top, options.seeds)
    finals = Finals(plan, ending.journal, ending.state, ending.view)
    finals.upkeep = ending.upkeep
    return run_round(finals, job)


def score_again(ending: Ending, trials: Sequence[TrialRecord], stage: str) -> list[TrialRecord]:
    """Score the best checkpoint of each on fresh samples, the same latents for all of them; those
    that were scored now.

    Which rung was best is known from its own noisy reading; a fresh one has no part in that choice.
    """
    import ray

    view, latents = ending.view, fresh_latents(ending.prepared)
    waiting = _asked(ending, trials, latents)
    total, scored = len(waiting), []
    while waiting:
        view.stage(stage, total - len(waiting), total)
        (ready,), _ = ray.wait(list(waiting), num_returns=1)
        trial = waiting.pop(ready)
        try:
            fresh = ray.get(ready)
        except ray.exceptions.RayError as error:  # the search must not be lost to one checkpoint
            view.note(f"{trial.trial_id} could not be scored again: {_last_line(error)}")
            continue
        _record(ending, trial.trial_id, fresh, latents)
        scored.append(trial)
    if total:
        view.stage(stage, total, total)
    return scored


def _asked(ending: Ending, trials: Iterable[TrialRecord], latents: range) -> dict[Any, TrialRecord]:
    """References to the fresh scores of those that lack one and have a checkpoint."""
    import ray

    from animesearch.tuning.tasks import rescore

    folder, prepared = ending.folder, ending.prepared
    lacking = (one for one in trials if not one.rescored or one.rescored.samples != len(latents))
    found = [(trial, checkpoint_of(folder, trial)) for trial in lacking]
    due = [(trial, checkpoint) for trial, checkpoint in found if checkpoint is not None]
    if not due:
        return {}
    task = ray.remote(num_cpus=1, num_gpus=prepared.allotment.gpu)(rescore)
    yardstick, plugins = ray.put(_yardstick(prepared, ending.view)), prepared.search.plugins
    return {
        task.remote(held_at(folder, checkpoint), yardstick, latents, plugins): trial
        for trial, checkpoint in due
    }


def fresh_latents(prepared: Prepared) -> range:
    """Those behind the race's, as many as the space says."""
    raced = prepared.search.config.metric.samples
    return range(raced, raced + (prepared.search.config.search.final.samples or raced))


def _yardstick(prepared: Prepared, view: View) -> Yardstick:
    """With what the memorisation gap is measured against, where images were held out."""
    import ray

    from animesearch.tuning.tasks import measure_references

    passing, packed = prepared.passing, prepared.packed
    if not packed.manifest.heldout:
        return Yardstick(passing, prepared.real)
    task = ray.remote(num_cpus=1, num_gpus=prepared.allotment.gpu)(measure_references)
    asked = task.remote(prepared.pixels, packed.pixels_digest, passing, packed.train_count)
    try:
        return Yardstick(passing, prepared.real, ray.get(asked))
    except ray.exceptions.RayError as error:  # nor to the held-out images: the scores need none
        view.note(f"memorisation is not measured: {_last_line(error)}")
        return Yardstick(passing, prepared.real)


def _record(ending: Ending, trial_id: str, fresh: Fresh, latents: range) -> None:
    event = Rescored(
        at=time.time(),
        trial_id=trial_id,
        score=fresh.score,
        noise=fresh.noise,
        memorisation=fresh.memorisation,
        floor=ending.prepared.floors.get(len(latents)),
        samples=len(latents),
        first_latent=latents.start,
    )
    ending.journal.append(event)
    ending.state.apply(event)
    ending.view.event(event, ending.state)


def _last_line(error: Exception) -> str:
    """Ray's errors carry the whole traceback of the task, and the task's own as their cause."""
    told = getattr(error, "cause", error)
    return (str(told).strip().splitlines() or [type(told).__name__])[-1]


def best_finals(state: RunState) -> set[str]:
    """The best run from new seeds of each configuration that has one."""
    ranking = rank_configurations(state)
    return {ranked.best_trial for ranked in ranking if ranked.basis == "final"}


def drop_losers(folder: RunFolder, trials: Iterable[TrialRecord], keep: Collection[str]) -> None:
    """Checkpoints of all of ``trials`` but ``keep`` go: they fill disks."""
    having = {name.split("/")[1] for name in folder.files("trials") if "/checkpoints/" in name}
    for trial in trials:
        if trial.trial_id in having - {*keep}:
            folder.remove(f"trials/{trial.trial_id}/checkpoints")


def shown_on_wall(state: RunState, count: int) -> list[Ranked]:
    """The best run of each configuration that was trained again, at the configuration's place;
    else the ``count`` best trials."""
    ranking = rank(state)
    trials = {one.trial_id: one for one in ranking}
    finals = [one for one in rank_configurations(state) if one.basis == "final"]
    return [replace(trials[one.best_trial], place=one.place) for one in finals] or ranking[:count]


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
