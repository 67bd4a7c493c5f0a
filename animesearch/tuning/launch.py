"""The commands ``run`` and ``resume``: the edges of a search."""

from __future__ import annotations

import shlex
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter
from rich.console import Console
from rich.markup import escape

from animesearch import __version__
from animesearch.errors import RunFolderError
from animesearch.files import read_bounded, write_json
from animesearch.plugins import Plugin
from animesearch.results.folder import RunFolder
from animesearch.results.formats import clean
from animesearch.results.journal import LARGEST, Journal
from animesearch.results.leaderboard import configuration_table
from animesearch.results.opening import existing_run, new_run
from animesearch.results.records import RunClosed, RunInfo, RunOpened
from animesearch.results.stages import stages
from animesearch.results.state import RunState
from animesearch.results.views import View, make_view
from animesearch.storage.patience import Patience
from animesearch.storage.places import below
from animesearch.tuning.attach import HERE, Where
from animesearch.tuning.cluster_session import ray_session
from animesearch.tuning.disk import check_disk
from animesearch.tuning.engine import Job, run_round
from animesearch.tuning.finals import planned_finals
from animesearch.tuning.finish import Ending, finish
from animesearch.tuning.loggers import About, Logging, check_loggers
from animesearch.tuning.nodes import check_run, other_nodes
from animesearch.tuning.notices import passing_on
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
from animesearch.tuning.resources import Machine, least
from animesearch.tuning.study import Brain
from animesearch.tuning.studycopy import StudyCopy, open_storage, try_storage
from animesearch.tuning.upkeep import GB, Keeper
from animesearch.tuning.waiting import watching
from animesearch.tuning.worker import run_trial, shared_of

DONE, FAILED, INTERRUPTED = 0, 1, 130
OVERRIDES = "overrides.json"
DECIDING = ("trials", "images", "epochs", "sampler", "scheduler", "verdict")
"""Options of a search that its journal rests on."""


def start(
    space: str,
    overrides: Sequence[str],
    out: str | Path | None,
    plugins: Sequence[Plugin] = (),
    where: Where = HERE,
) -> int:
    """``animesearch run``: the exit code.  ``out`` is a folder or a URI."""
    search = load_search(space, overrides, plugins)
    now = datetime.now().astimezone()
    named = default_run_folder(search.config.name, now.strftime("%Y-%m-%d-%H%M"))
    folder = new_run(out or named)
    try_storage(search.config.search.storage)
    check_loggers(search.config.search.logs)
    search = search.located()
    console = Console()
    with _session(search, where, console) as machine:
        check_run(folder)
        prepared = _prepare(search, machine, console, folder.uri)
        folder.make()
        with folder.lock(new=True):
            info = _describe(folder, prepared, space, overrides, now)
            return _race(folder, info, prepared, machine, console)


def resume(place: str | Path, where: Where = HERE) -> int:
    """``animesearch resume``: the exit code.  Imports the plug-ins that the folder keeps."""
    folder = existing_run(place)
    info = folder.info()
    plugins = folder.kept_plugins(info)
    search = load_search(str(folder.space_file), _recorded_overrides(folder), plugins)
    search = search.over(info.dataset.get("options"))
    _refuse_changed_space(info, search)
    check_loggers(search.config.search.logs)
    console = Console()
    with folder.lock():
        if folder.state().outcome == "complete":
            console.print(f"{escape(folder.place)} is complete already.")
            console.print(configuration_table(info, folder.state()))
            return DONE
        with _session(search, where, console) as machine:
            check_run(folder)
            prepared = _prepare(search, machine, console, folder.uri)
            _refuse_other_protocol(info, prepared)
            return _race(folder, info, prepared, machine, console)


def _recorded_overrides(folder: RunFolder) -> list[str]:
    """What ``--set`` said at the start; without it another space would be searched."""
    file = folder.path / OVERRIDES
    try:
        found = TypeAdapter(list[str]).validate_json(read_bounded(file, LARGEST, links=False))
    except (OSError, ValueError) as error:
        raise RunFolderError(f"{file} cannot be read, so the run cannot go on: {error}") from error
    return found


@contextmanager
def _session(search: Search, where: Where, console: Console) -> Iterator[Machine]:
    """Ray, with a word on the screen about where it is."""
    with ray_session(dashboard=_nested(search), where=where) as machine:
        if machine.note:
            _say(console, machine.note)
        yield machine


def _say(console: Console, line: str) -> None:
    console.print(escape(line), highlight=False, soft_wrap=True)


def _nested(search: Search) -> bool:
    return search.config.search.resources.workers > 0


def _prepare(search: Search, machine: Machine, console: Console, uri: str) -> Prepared:
    need = least(search.config.search.resources, machine)
    with stages(console) as progress, watching(machine, need, partial(_say, console)):
        prepared = prepare(search, machine, progress, uri)
    for line in [*notes(prepared), *check_disk(prepared)]:
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
        floor=prepared.floors.get(search.config.metric.samples),
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
    folder.publish("space.yaml", OVERRIDES, "plugins", "data", "run.json")
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
    before = was.get("search")
    before = before if isinstance(before, dict) else {}
    changed = [key for key in ("seed", "trial", "metric") if was.get(key) != now[key]]
    changed += [f"search.{key}" for key in DECIDING if before.get(key) != now["search"][key]]
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


def _race(
    folder: RunFolder, info: RunInfo, prepared: Prepared, machine: Machine, console: Console
) -> int:
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
    with view, watching(machine, prepared.allotment.node, partial(_say, console)):
        folder.wait_patiently(Patience(view.note))
        complete = _run(folder, info, prepared, state, view)
    console.print(configuration_table(info, state))
    return _farewell(folder, state, complete, console)


def _run(folder: RunFolder, info: RunInfo, prepared: Prepared, state: RunState, view: View) -> bool:
    config = prepared.search.config
    journal = folder.open_journal()
    brain = Brain(
        prepared.search.space,
        config.search.sampler,
        info.seed,
        StudyCopy(open_storage(config.search.storage, folder.path), f"{info.name} {info.created}"),
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
    race.upkeep = keeper = _keeper(folder, prepared, view)
    try:
        with (
            closing(shared_of(folder, prepared)) as shared,
            keeper.working(list(state.trials.values())),
            _hearing_workers(prepared, view),
        ):
            job = Job(
                run_trial,
                shared,
                prepared.allotment,
                _tune_storage(folder, prepared),
                config.search.retries,
                prepared.search.space,
                Logging(config.search.logs, About.run(folder, info), view.note),
            )
            complete = run_round(race, job)
            if complete:
                ending = Ending(folder, info, prepared, journal, state, view, keeper)
                complete = finish(ending, job)
    except KeyboardInterrupt:
        complete = False
    finally:
        brain.close()
    _close(folder, journal, state, view, complete)
    return complete


def _hearing_workers(prepared: Prepared, view: View) -> AbstractContextManager[None]:
    nested = prepared.search.config.search.resources.workers > 0
    return passing_on(view.note) if nested else nullcontext()


def _tune_storage(folder: RunFolder, prepared: Prepared) -> str:
    """Where Tune keeps its own files, which nobody needs once the search is over.

    A population's checkpoints travel through them, so there every node must see them.
    """
    population = prepared.search.config.search.scheduler.engine == "tune-pbt"
    if folder.uri and population and other_nodes():
        return below(folder.uri, "tune")
    return str((folder.path / "tune").resolve())


def _keeper(folder: RunFolder, prepared: Prepared, view: View) -> Keeper:
    """A population keeps all of its checkpoints to the end: its trials take weights over."""
    search = prepared.search.config.search
    top = None if search.scheduler.engine == "tune-pbt" else search.final.top
    cap = search.resources.disk
    return Keeper(folder.apart(), top, view.note, None if cap is None else cap * GB)


def _close(
    folder: RunFolder, journal: Journal, state: RunState, view: View, complete: bool
) -> None:
    """Write the end down; whoever interrupted a search does not wait for a store that is lost."""
    if not complete:
        folder.hurry()
    closed = RunClosed(at=time.time(), outcome="complete" if complete else "interrupted")
    try:
        journal.append(closed)
    except RunFolderError as error:
        if complete:
            raise
        view.note(f"the interruption could not be written down: {error}")
        return
    state.apply(closed)
    view.event(closed, state)


def _farewell(folder: RunFolder, state: RunState, complete: bool, console: Console) -> int:
    place = escape(folder.place)
    if not complete:
        again = escape(shlex.quote(folder.place))
        console.print(f"Interrupted. Go on with: animesearch resume {again}", soft_wrap=True)
        return INTERRUPTED
    console.print(f"Run folder: {place}", soft_wrap=True)
    if folder.wall.exists():
        console.print(f"Best grids beside real images: {escape(str(folder.wall))}", soft_wrap=True)
    racing, failed = state.of_phase("race"), state.by_state("failed")
    if failed and all(trial.state == "failed" for trial in racing):
        console.print(f"Every trial failed; the first: {escape(clean(failed[0].ended.message))}")  # type: ignore[union-attr]
        return FAILED
    return DONE
