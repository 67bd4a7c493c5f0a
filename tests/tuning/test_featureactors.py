"""One process of a node scores for all its trials: the same search as when each trial does."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from animesearch.errors import MetricError
from animesearch.metrics.evaluator import Score
from animesearch.results.folder import RunFolder
from animesearch.results.state import RunState
from animesearch.tuning import launch, worker
from animesearch.tuning.cluster_session import ray_session
from animesearch.tuning.featureactors import (
    FeatureActor,
    Handing,
    end_actors,
    evaluator_of,
    start_actors,
)
from animesearch.tuning.prepare import load_search, prepare
from animesearch.tuning.worker import Shared, SharedRef
from tests.faults.machines import until
from tests.tuning.small import write_space

NODE = "search.resources.scoring=node"
POPULATION = [
    "trial.architecture={name: penn-dcgan, width: 4, latent: 8}",
    "trial.loss=ns",
    "search.scheduler={name: pbt, interval: 0.5}",
    "search.trials=2",
    "search.images=256",
    "search.resources.concurrency=auto",
]
pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SharedRef]:
    """What the trials of a small search share; its Ray serves all tests."""
    folder = tmp_path_factory.mktemp("shared")
    with pytest.MonkeyPatch.context() as patch, ray_session() as machine:
        patch.setenv("ANIMESEARCH_CACHE", str(folder / "cache"))
        search = load_search(str(write_space(folder)), ["metric.batch=20"])
        ready = prepare(search.located(), machine, quiet)
        yield worker.shared_of(RunFolder(folder / "run"), ready)


def quiet(stage: str, done: int, of: int) -> None:
    """No progress."""


def drawn(start: int, count: int) -> Tensor:
    """Fakes of the numbered latents."""
    rng = np.random.default_rng(0)
    images_NCHW = rng.integers(0, 256, (200, 3, 16, 16)).astype(np.uint8)
    return torch.from_numpy(images_NCHW[start : start + count])


def same(start: int, count: int) -> Tensor:
    """A generator that draws one image only."""
    return torch.zeros(count, 3, 16, 16, dtype=torch.uint8)


def scoring_processes() -> list[str]:
    """States of the actors of this module's Ray that score, or know who does, and live."""
    from ray._private.state import actors

    found = [a for a in actors().values() if a["ActorClassName"].startswith("FeatureActor")]
    return [actor["State"] for actor in found if actor["State"] != "DEAD"]


@pytest.fixture
def start(shared: SharedRef) -> Iterator[Callable[..., Any]]:
    """Starts who knows the actors; all of them end with that one."""
    started = []

    def begin(what: SharedRef = shared) -> Any:
        started.append(start_actors(what))
        return started[-1]

    yield begin
    for one in started:
        end_actors(one)
    until(lambda: not scoring_processes(), "nobody scores")


Start = Callable[..., Any]


def expected(here: Shared) -> Score:
    return evaluator_of(here).score(drawn)


def test_the_score_is_that_of_the_trials_own_process(shared: SharedRef, start: Start) -> None:
    """To the bit, for images in several parts of as many as the space says; one actor serves
    everybody of the node."""
    told: list[str] = []
    here = replace(shared.get(), samples=100)
    actors = start(SharedRef([_put(here)]))
    sizes: list[int] = []

    def counted(start: int, count: int) -> Tensor:
        sizes.append(count)
        return drawn(start, count)

    ways = [Handing(here, actors, told.append, wait=wait) for wait in (False, True)]
    pending, at_once = [way(counted) for way in ways]
    evaluator_of(here).score(counted)
    assert sizes == [20] * 15
    assert not isinstance(pending, Score) and isinstance(at_once, Score)
    found = pending.result()
    assert pending.done()
    assert found.value == at_once.value == expected(here).value
    assert (found.noise, found.samples, found.metric) == (at_once.noise, 100, "fd-random")
    assert sorted(scoring_processes()) == ["ALIVE", "ALIVE"]
    assert not told


def _put(value: object) -> Any:
    import ray

    return ray.put(value)


def test_images_without_a_score_are_an_error_of_the_trial(shared: SharedRef, start: Start) -> None:
    told: list[str] = []
    handing = Handing(shared.get(), start(), told.append)
    pending = handing(same)
    assert not isinstance(pending, Score)
    with pytest.raises(MetricError, match="the same image"):
        pending.result()
    good = handing(drawn)
    assert not isinstance(good, Score)
    assert good.result().value == expected(shared.get()).value
    assert not told


def _process(handing: Handing) -> int:
    import ray

    actor = ray.get(handing._actor)
    return int(ray.get(actor.__ray_call__.remote(lambda _: os.getpid())))


def test_an_actor_that_dies_is_started_again(shared: SharedRef, start: Start) -> None:
    told: list[str] = []
    handing = Handing(shared.get(), start(), told.append)
    before = _process(handing)
    os.kill(before, 9)
    pending = handing(drawn)
    assert not isinstance(pending, Score)
    assert pending.result().value == expected(shared.get()).value
    assert _process(handing) != before
    assert not told


def test_without_any_actor_the_trial_scores_itself(shared: SharedRef, start: Start) -> None:
    """Before it is asked, and while it works."""
    told: list[str] = []
    import ray

    actors = start()
    handing = Handing(shared.get(), actors, told.append)
    actor = ray.get(handing._actor)
    first = handing(drawn)
    ray.kill(actor)
    ray.kill(actors)
    second, third = handing(drawn), Handing(shared.get(), actors, told.append)(drawn)
    for pending in (second, third):
        assert not isinstance(pending, Score)
        assert pending.result().value == expected(shared.get()).value
    assert not isinstance(first, Score) and first.result() is not None
    assert told and all("scoring here" in text for text in told)


def test_an_actor_of_a_gpu_sees_that_one(
    shared: SharedRef, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ray hides all of them from an actor that reserves none."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    FeatureActor(shared, "")
    assert os.environ["CUDA_VISIBLE_DEVICES"] == ""
    threads = torch.get_num_threads()
    FeatureActor(shared, "3")
    torch.set_num_threads(threads)
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "3"


def curves(state: RunState) -> list[list[tuple[int, float]]]:
    return [
        [(report.images, report.score) for report in trial.rungs.values()]
        for trial in state.trials.values()
    ]


def searched(folder: Path, *settings: str) -> RunState:
    """A whole search in ``folder``."""
    space = write_space(folder)
    assert launch.start(str(space), settings, folder / "run") == launch.DONE
    return RunFolder.open(folder / "run").state()


@pytest.mark.slow
def test_a_search_comes_out_the_same(
    shared: SharedRef, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Scores, ends and reports; nobody scores any more when it is over."""
    monkeypatch.setenv("ANIMESEARCH_CACHE", str(tmp_path / "cache"))
    apart, together = searched(tmp_path / "trial"), searched(tmp_path / "node", NODE)
    assert curves(apart) == curves(together)
    ended = [[t.ended.state for t in s.trials.values() if t.ended] for s in (apart, together)]
    assert ended[0] == ended[1]
    told = [[(r.trial_id, r.images) for r in s.reports] for s in (apart, together)]
    assert told[0] == told[1]
    until(lambda: not scoring_processes(), "nobody scores")


@pytest.mark.slow
def test_a_population_waits_for_its_scores(
    shared: SharedRef, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What one trial takes over from another is of the rung that was told."""
    monkeypatch.setenv("ANIMESEARCH_CACHE", str(tmp_path / "cache"))
    state = searched(tmp_path, NODE, *POPULATION)
    assert [[images for images, _ in curve] for curve in curves(state)] == [[128, 256]] * 2
    assert not state.by_state("failed")
