"""After the race: fresh scores for the best, final runs, losers' checkpoints go, a picture."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

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
    score_again(ending, finalists, STAGE)
    drop_losers(folder, state.of_phase("race"), keep={one.trial_id for one in finalists})
    if not train_again(ending, job):
        return False
    finals = state.of_phase("final")
    score_again(ending, [one for one in finals if one.state == "completed"], FINAL_STAGE)
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


def score_again(ending: Ending, trials: Sequence[TrialRecord], stage: str) -> None:
    """Score the best checkpoint of each on fresh samples, the same latents for all of them.

    Which rung was best is known from its own noisy reading; a fresh one has no part in that choice.
    """
    import ray

    from animesearch.tuning.tasks import rescore

    if not trials:
        return
    prepared, view, latents = ending.prepared, ending.view, fresh_latents(ending.prepared)
    allotment, plugins = prepared.allotment, prepared.search.plugins
    task = ray.remote(num_cpus=1, num_gpus=allotment.gpu)(rescore)
    yardstick = ray.put(_yardstick(prepared))
    waiting = {}
    for trial in trials:
        known = trial.rescored.samples if trial.rescored else 0
        if known == len(latents):
            continue
        checkpoint = checkpoint_of(ending.folder, trial)
        if checkpoint is not None:
            place = held_at(ending.folder, checkpoint)
            reference = task.remote(place, yardstick, latents, allotment.device, plugins)
            waiting[reference] = trial.trial_id
    total = len(waiting)
    while waiting:
        view.stage(stage, total - len(waiting), total)
        (ready,), _ = ray.wait(list(waiting), num_returns=1)
        trial_id = waiting.pop(ready)
        try:
            fresh = ray.get(ready)
        except ray.exceptions.RayError as error:  # the search must not be lost to one checkpoint
            view.note(f"{trial_id} could not be scored again: {_last_line(error)}")
            continue
        _record(ending, trial_id, fresh, latents)
    view.stage(stage, total, total)


def fresh_latents(prepared: Prepared) -> range:
    """Those behind the race's, as many as the space says."""
    raced = prepared.search.config.metric.samples
    return range(raced, raced + (prepared.search.config.search.final.samples or raced))


def _yardstick(prepared: Prepared) -> Yardstick:
    """With what the memorisation gap is measured against, where images were held out."""
    import ray

    from animesearch.tuning.tasks import measure_references

    spec, allotment, packed = prepared.choice.spec, prepared.allotment, prepared.packed
    if not packed.manifest.heldout:
        return Yardstick(spec, prepared.real)
    task = ray.remote(num_cpus=1, num_gpus=allotment.gpu)(measure_references)
    digest, count = packed.pixels_digest, packed.train_count
    found = ray.get(task.remote(prepared.pixels, digest, count, spec, allotment.device))
    return Yardstick(spec, prepared.real, found)


def _record(ending: Ending, trial_id: str, fresh: Fresh, latents: range) -> None:
    event = Rescored(
        at=time.time(),
        trial_id=trial_id,
        score=fresh.score,
        noise=fresh.noise,
        memorisation=fresh.memorisation,
        samples=len(latents),
        first_latent=latents.start,
    )
    ending.journal.append(event)
    ending.state.apply(event)
    ending.view.event(event, ending.state)


def _last_line(error: Exception) -> str:
    """Ray's errors carry the whole traceback of the task."""
    return (str(error).strip().splitlines() or [type(error).__name__])[-1]


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
