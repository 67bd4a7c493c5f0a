"""Runs a round with Ray Tune until nothing is left to do, or until it is interrupted."""

from __future__ import annotations

import _thread
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
from ray.tune.execution import class_cache
from ray.tune.schedulers import TrialScheduler
from ray.tune.search import Searcher

from animesearch.searchspace.space import Space
from animesearch.tuning.bridge import (
    Forgetful,
    RaceCallback,
    RaceScheduler,
    RaceSearcher,
    trial_name,
)
from animesearch.tuning.leaving import GRACE_S, hush
from animesearch.tuning.loggers import SILENT, Logging
from animesearch.tuning.race import Race
from animesearch.tuning.relay import Relay
from animesearch.tuning.resources import Allotment
from animesearch.tuning.rounds import Round
from animesearch.tuning.schedulers.pbt import Pbt

ENDLESS = -1
"""Samples of a searcher that says itself when there are no more."""


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
    ``storage`` is the absolute folder, or the URI, for Tune's own files, ``retries`` the restarts
    in a row of a trial whose process died; ``space`` is needed where the scheduler perturbs trials
    within it; ``logging`` names other tools that are told of the trials.
    """

    trainable: Callable[..., None]
    shared: object
    allotment: Allotment
    storage: str | Path
    retries: int
    space: Space | None = None
    logging: Logging = SILENT


def run_round(race: Round, job: Job) -> bool:
    """Drive ``race`` to its end; True if it got there, False if it was interrupted."""
    with _interruptible(race):
        try:
            if not race.exhausted:  # a resumed run may lack its finish only
                _fit(race, job)
        except KeyboardInterrupt:
            race.close()
        except tune.TuneError:
            if race.fault is None:
                raise
            raise race.fault from None  # a full disk is no bug: Tune wraps it in its own error
    return race.complete


def _fit(race: Round, job: Job) -> None:
    _keep_credentials()
    relay = Relay(race, job.logging)
    try:
        _tuner(race, job, _source(race, job), relay).fit()
    finally:
        relay.close()
        if race.closing:
            hush()


def _keep_credentials() -> None:
    """Tune hands AWS_SECRET_ACCESS_KEY and its like to the processes of trials in a runtime
    environment, which Ray writes word for word into logs that everybody on a machine may read.
    They have the credentials of their machine: on this one those of the command itself."""
    passed_on = class_cache.ENV_VARS_TO_PROPAGATE
    class_cache.ENV_VARS_TO_PROPAGATE = {n for n in passed_on if not n.startswith("AWS_")}


def _source(race: Round, job: Job) -> Source:
    scheduler = race.plan.scheduler if isinstance(race, Race) else None
    if isinstance(race, Race) and isinstance(scheduler, Pbt) and job.space is not None:
        from animesearch.tuning.population import PopulationScheduler, population

        return Source(None, PopulationScheduler(race, scheduler, job.space), 1, population(race))
    searcher = RaceSearcher(race, job.allotment.concurrency)
    return Source(searcher, RaceScheduler(race), ENDLESS)


def _resources(allotment: Allotment, source: Source) -> dict[str, float]:
    """A population has no searcher to hold trials back: there the CPUs must do it."""
    needed = allotment.tune_resources
    if source.searcher is None:
        share = ray.cluster_resources().get("CPU", 0) / allotment.concurrency
        needed["cpu"] = max(needed["cpu"], math.floor(share * 100) / 100)
    return needed


def _tuner(race: Round, job: Job, source: Source, relay: Relay) -> tune.Tuner:
    bound = tune.with_parameters(job.trainable, shared=job.shared)
    return tune.Tuner(
        tune.with_resources(bound, _resources(job.allotment, source)),
        param_space=source.space,
        tune_config=tune.TuneConfig(
            search_alg=source.searcher,
            scheduler=source.scheduler,
            num_samples=source.samples,
            # Otherwise Tune asks for a process only when the one before it has started: machines
            # of an autoscaler would come one by one.
            max_concurrent_trials=job.allotment.concurrency if source.searcher else None,
            # A nested Train run cannot be taken from its thread: such an actor must go.
            reuse_actors=job.allotment.workers == 0,
            trial_name_creator=trial_name,
            trial_dirname_creator=trial_name,
        ),
        run_config=tune.RunConfig(
            name=f"session-{race.state.sessions}-{race.phase}",
            storage_path=str(job.storage),
            callbacks=[RaceCallback(race, job.retries), relay, Forgetful()],
            failure_config=tune.FailureConfig(max_failures=job.retries),
            verbose=0,
        ),
    )


@contextmanager
def _interruptible(race: Round) -> Iterator[None]:
    """SIGTERM (a spot notice, a batch system) ends the search as Ctrl-C does.

    The first one lets trials that run save what they have; the second one, or the end of the
    grace, is a KeyboardInterrupt.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    over = threading.Timer(GRACE_S, _thread.interrupt_main)
    over.daemon = True

    def interrupt(signum: int, frame: FrameType | None) -> None:
        if race.closing or not race.running:
            raise KeyboardInterrupt
        race.close()
        over.start()

    previous = {one: signal.signal(one, interrupt) for one in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        over.cancel()
        for one, handler in previous.items():
            signal.signal(one, handler)
