"""The commands ``run`` and ``resume``: the edges of a search."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

from animesearch import __version__
from animesearch.errors import RunFolderError
from animesearch.files import write_json
from animesearch.plugins import Plugin
from animesearch.results.folder import RunFolder
from animesearch.results.journal import Journal
from animesearch.results.leaderboard import configuration_table
from animesearch.results.records import RunClosed, RunInfo, RunOpened
from animesearch.results.stages import stages
from animesearch.results.state import RunState
from animesearch.results.views import View, make_view
from animesearch.tuning.cluster_session import ray_session
from animesearch.tuning.engine import Job, run_round
from animesearch.tuning.finals import planned_finals
from animesearch.tuning.finish import Ending, finish
from animesearch.tuning.prepare import (
    Prepared,
    Search,
    default_run_folder,
    environment,
    load_search,
    prepare,
    trial_count,
)
from animesearch.tuning.race import Race, RacePlan
from animesearch.tuning.resources import Machine
from animesearch.tuning.study import Brain, open_storage
from animesearch.tuning.worker import run_trial, shared_of

DONE, FAILED, INTERRUPTED = 0, 1, 130
OVERRIDES = "overrides.json"
DECIDING = ("trials", "images", "epochs", "sampler", "scheduler", "verdict")
"""Options of a search that its journal rests on."""


def start(
    space: str, overrides: Sequence[str], out: Path | None, plugins: Sequence[Plugin] = ()
) -> int:
    """``animesearch run``: the exit code."""
    search = load_search(space, overrides, plugins)
    now = datetime.now().astimezone()
    path = out or default_run_folder(search.config.name, now.strftime("%Y-%m-%d-%H%M"))
    RunFolder.refuse_occupied(path)
    RunFolder.refuse_full_disk(path)
    _try_storage(search.config.search.storage)
    search = search.located()
    console = Console()
    with ray_session(dashboard=_nested(search)) as machine:
        prepared = _prepare(search, machine, console)
        folder = RunFolder.create(path)
        with folder.lock():
            info = _describe(folder, prepared, space, overrides, now)
            return _race(folder, info, prepared, console)


def resume(path: Path) -> int:
    """``animesearch resume``: the exit code.  Imports the plug-ins that the folder keeps."""
    folder = RunFolder.open(path)
    info = folder.info()
    plugins = folder.kept_plugins(info)
    search = load_search(str(folder.space_file), _recorded_overrides(folder), plugins)
    search = search.over(info.dataset["options"])
    _refuse_changed_space(info, search)
    console = Console()
    with folder.lock():
        if folder.state().outcome == "complete":
            console.print(f"{escape(str(path))} is complete already.")
            console.print(configuration_table(info, folder.state()))
            return DONE
        with ray_session(dashboard=_nested(search)) as machine:
            prepared = _prepare(search, machine, console)
            _refuse_other_protocol(info, prepared)
            return _race(folder, info, prepared, console)


def _recorded_overrides(folder: RunFolder) -> list[str]:
    """What ``--set`` said at the start; without it another space would be searched."""
    file = folder.path / OVERRIDES
    try:
        found: list[str] = json.loads(file.read_bytes())
    except (OSError, ValueError) as error:
        raise RunFolderError(f"{file} cannot be read, so the run cannot go on: {error}") from error
    return found


def _nested(search: Search) -> bool:
    return search.config.search.resources.workers > 0


def _prepare(search: Search, machine: Machine, console: Console) -> Prepared:
    with stages(console) as progress:
        prepared = prepare(search, machine, progress)
    for line in notes(prepared):
        console.print(escape(line), highlight=False)
    return prepared


def notes(prepared: Prepared) -> list[str]:
    """What was chosen, and why, for the screen and the record."""
    packed, config = prepared.packed, prepared.search.config
    dropped = f", {len(packed.dropped)} left out" if packed.dropped else ""
    kimg = ", ".join(f"{rung / 1000:g}" for rung in prepared.rungs)
    lines = [
        f"data: {packed.count:,} images of {config.dataset.size} px{dropped}",
        prepared.feed.reason,
        prepared.choice.reason,
        f"{prepared.allotment}; rungs at {kimg} kimg",
    ]
    if prepared.search.plugins:
        lines.append(f"plug-ins: {', '.join(plugin.file for plugin in prepared.search.plugins)}")
    if not prepared.search.space.distributions:
        lines.append(f"The space has no distribution: {_same(trial_count(prepared.search))}.")
    return lines


def _describe(
    folder: RunFolder,
    prepared: Prepared,
    space: str,
    overrides: Sequence[str],
    now: datetime,
) -> RunInfo:
    """Write what a resumed run and a reader need, ``run.json`` last."""
    search, packed = prepared.search, prepared.packed
    folder.space_file.write_text(search.space.text)
    write_json(folder.path / OVERRIDES, list(overrides))
    folder.data.mkdir(exist_ok=True)
    shutil.copy(packed.folder / "manifest.json", folder.data / "manifest.json")
    _draw_reals(folder, prepared)
    info = RunInfo(
        name=search.config.name,
        created=now.isoformat(timespec="seconds"),
        version=__version__,
        space_file=space,
        seed=search.config.seed,
        metric=prepared.choice.spec.metric_name,
        protocol=protocol_of(prepared),
        floor=prepared.floor,
        rungs=prepared.rungs,
        trials=trial_count(search),
        dataset={
            "digest": packed.digest,
            "pixels_digest": packed.pixels_digest,
            "count": packed.count,
            "dropped": len(packed.dropped),
            "size": search.config.dataset.size,
            "source": search.config.dataset.source.describe(),
            "options": search.config.dataset.model_dump(mode="json"),
        },
        space=_searched(search),
        environment=environment(),
        plugins=folder.keep_plugins(search.plugins),
        notes=tuple(notes(prepared)),
    )
    folder.write_info(info)
    return info


def _draw_reals(folder: RunFolder, prepared: Prepared) -> None:
    from animesearch.results.wall import tile

    rows, columns = prepared.search.config.search.grid
    step = max(1, prepared.packed.count // (rows * columns))
    images_NCHW = prepared.packed.images_NCHW[::step][: rows * columns]
    tile(images_NCHW, columns).save(folder.data / "reals.png")


def protocol_of(prepared: Prepared) -> dict[str, object]:
    """What the scores of this search mean."""
    from animesearch.metrics.evaluator import protocol

    return protocol(prepared.real, prepared.search.config.metric.samples)


def _searched(search: Search) -> dict[str, Any]:
    """The whole space as plain values, its distributions as they stand in the file."""
    trial = search.space.resolved_dict()[search.space.root]
    return {**search.config.model_dump(mode="json"), search.space.root: trial}


def _same(count: int) -> str:
    return "one trial" if count == 1 else f"{count} trials of it from different seeds"


def _refuse_changed_space(info: RunInfo, search: Search) -> None:
    """Another space would mix two searches in one journal; what only places trials may change."""
    was, now = info.space, _searched(search)
    changed = [key for key in ("seed", "trial", "metric") if was.get(key) != now[key]]
    changed += [f"search.{key}" for key in DECIDING if was["search"].get(key) != now["search"][key]]
    if changed:
        raise RunFolderError(
            f"{info.name} cannot be resumed: its space.yaml was changed since it began "
            f"({', '.join(changed)}); start a new run instead"
        )


def _refuse_other_protocol(info: RunInfo, prepared: Prepared) -> None:
    """Scores of two protocols must not meet in one ranking."""
    now = protocol_of(prepared)
    differing = [key for key in now if info.protocol.get(key) != now[key]]
    if differing:
        shown = "; ".join(f"{k}: was {info.protocol.get(k)}, is {now[k]}" for k in differing)
        raise RunFolderError(f"this run cannot be resumed here, its scores would differ: {shown}")


def _race(folder: RunFolder, info: RunInfo, prepared: Prepared, console: Console) -> int:
    state = folder.state()
    view = make_view(
        console,
        name=info.name,
        metric=info.metric,
        trials=info.trials,
        images=info.rungs[-1],
        rungs=info.rungs if prepared.search.config.search.scheduler.stops else (),
        finals=planned_finals(prepared.search),
    )
    with view:
        complete = _run(folder, info, prepared, state, view)
    console.print(configuration_table(info, state))
    return _farewell(folder, state, complete, console)


def _run(folder: RunFolder, info: RunInfo, prepared: Prepared, state: RunState, view: View) -> bool:
    config = prepared.search.config
    journal = Journal(folder.journal)
    brain = Brain(
        prepared.search.space,
        config.search.sampler,
        info.seed,
        _storage(folder, config.search.storage),
        name=f"{info.name} {info.created}",
    )
    brain.restore(state, info.rungs)
    opened = RunOpened(at=time.time(), session=state.sessions + 1)
    journal.append(opened)
    state.apply(opened)
    view.event(opened, state)
    race = Race(
        RacePlan(info.rungs, info.trials, info.seed, config.search.scheduler),
        brain,
        journal,
        state,
        view,
    )
    try:
        job = Job(
            run_trial,
            shared_of(folder.path, prepared),
            prepared.allotment,
            folder.path / "tune",
            config.search.retries,
            prepared.search.space,
        )
        complete = run_round(race, job)
        if complete:
            complete = finish(Ending(folder, info, prepared, journal, state, view), job)
    except KeyboardInterrupt:
        complete = False
    finally:
        brain.close()
    closed = RunClosed(at=time.time(), outcome="complete" if complete else "interrupted")
    journal.append(closed)
    state.apply(closed)
    view.event(closed, state)
    return complete


def _try_storage(wanted: str) -> None:
    """A database that does not answer is told before anything starts."""
    if wanted != "sqlite":
        open_storage(wanted).remove_session()


def _storage(folder: RunFolder, wanted: str) -> str | None:
    """The study's URL; the file in the run folder is made anew from the journal."""
    if wanted != "sqlite":
        return wanted
    folder.study.unlink(missing_ok=True)
    return f"sqlite:///{folder.study.resolve()}"


def _farewell(folder: RunFolder, state: RunState, complete: bool, console: Console) -> int:
    place = escape(str(folder.path))
    if not complete:
        console.print(f"Interrupted. Go on with: animesearch resume {place}", soft_wrap=True)
        return INTERRUPTED
    console.print(f"Run folder: {place}", soft_wrap=True)
    if folder.wall.exists():
        console.print(f"Best grids beside real images: {escape(str(folder.wall))}", soft_wrap=True)
    racing, failed = state.of_phase("race"), state.by_state("failed")
    if failed and all(trial.state == "failed" for trial in racing):
        console.print(f"Every trial failed; the first: {escape(failed[0].ended.message)}")  # type: ignore[union-attr]
        return FAILED
    return DONE
