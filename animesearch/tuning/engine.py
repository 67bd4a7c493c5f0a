"""Runs a round with Ray Tune until nothing is left to do, or until it is interrupted."""

from __future__ import annotations

import math
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import ray
from ray import tune
from ray.tune.schedulers import TrialScheduler
from ray.tune.search import Searcher

from animesearch.searchspace.space import Space
from animesearch.tuning.bridge import RaceCallback, RaceScheduler, RaceSearcher, trial_name
from animesearch.tuning.race import Race
from animesearch.tuning.resources import Allotment
from animesearch.tuning.rounds import Round
from animesearch.tuning.schedulers.pbt import Pbt


@dataclass(frozen=True)
class Source:
    """Where Tune takes trials from, and who decides: a searcher, or a whole population."""

    searcher: Searcher | None
    scheduler: TrialScheduler
    samples: int
    space: dict[str, Any] | None = None


@dataclass(frozen=True)
class Job:
    """What Tune runs.

    ``trainable(config, shared=...)`` trains one trial, in a process that serves several one
    after the other; ``shared`` reaches it through the object store, arrays without a copy.
    ``storage`` is the folder for Tune's own files, ``retries`` the restarts of a trial whose
    process died; ``space`` is needed where the scheduler perturbs trials within it.
    """

    trainable: Callable[..., None]
    shared: object
    allotment: Allotment
    storage: Path
    retries: int
    space: Space | None = None


def run_round(race: Round, job: Job) -> bool:
    """Drive ``race`` to its end; True if it got there, False if it was interrupted."""
    with _termination_as_interrupt():
        try:
            if not race.exhausted:  # a resumed run may lack its finish only
                _tuner(race, job, _source(race, job)).fit()
        except KeyboardInterrupt:
            race.close()
        except tune.TuneError:
            if race.fault is None:
                raise
            raise race.fault from None  # a full disk is no bug: Tune wraps it in its own error
    return race.complete


def _source(race: Round, job: Job) -> Source:
    scheduler = race.plan.scheduler if isinstance(race, Race) else None
    if isinstance(race, Race) and isinstance(scheduler, Pbt) and job.space is not None:
        from animesearch.tuning.population import PopulationScheduler, population

        return Source(None, PopulationScheduler(race, scheduler, job.space), 1, population(race))
    searcher = RaceSearcher(race, job.allotment.concurrency)
    return Source(searcher, RaceScheduler(race), max(race.left, 1))


def _resources(allotment: Allotment, source: Source) -> dict[str, float]:
    """A population has no searcher to hold trials back: there the CPUs must do it."""
    needed = allotment.tune_resources
    if source.searcher is None:
        share = ray.cluster_resources()["CPU"] / allotment.concurrency
        needed["cpu"] = max(needed["cpu"], math.floor(share * 100) / 100)
    return needed


def _tuner(race: Round, job: Job, source: Source) -> tune.Tuner:
    bound = tune.with_parameters(job.trainable, shared=job.shared)
    return tune.Tuner(
        tune.with_resources(bound, _resources(job.allotment, source)),
        param_space=source.space,
        tune_config=tune.TuneConfig(
            search_alg=source.searcher,
            scheduler=source.scheduler,
            num_samples=source.samples,
            # A nested Train run cannot be taken from its thread: such an actor must go.
            reuse_actors=job.allotment.workers == 0,
            trial_name_creator=trial_name,
            trial_dirname_creator=trial_name,
        ),
        run_config=tune.RunConfig(
            name=f"session-{race.state.sessions}-{race.phase}",
            storage_path=str(job.storage.resolve()),
            callbacks=[RaceCallback(race)],
            failure_config=tune.FailureConfig(max_failures=job.retries),
            verbose=0,
        ),
    )


@contextmanager
def _termination_as_interrupt() -> Iterator[None]:
    """SIGTERM (a spot notice, a batch system) ends the search as Ctrl-C does."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = signal.signal(signal.SIGTERM, _interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)


def _interrupt(signum: int, frame: FrameType | None) -> Any:
    raise KeyboardInterrupt
