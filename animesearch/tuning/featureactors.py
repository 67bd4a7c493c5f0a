"""One process on each node, or for each GPU, that scores for all trials there.

A trial draws its images, hands them over and trains on.  There is one feature network, and one
copy of what it needs, however many trials share the node or the GPU.  Images come in batches as
full as the network takes them, so those of several trials are not mixed.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from animesearch.errors import MetricError

if TYPE_CHECKING:
    from ray.actor import ActorHandle

    from animesearch.metrics.evaluator import Draw, Evaluator, Score
    from animesearch.trainers.scores import Pending, ScoreFunction
    from animesearch.tuning.worker import Shared, SharedRef

LOG = logging.getLogger(__name__)
RESTARTS: Final = 100
"""How often Ray starts the actor of a node again; one that never comes up must not be for ever."""
TRIES: Final = 3
"""How often it is asked again for a score during which it died: the images may be the cause."""


class FeatureActor:
    """Scores for the trials of a node, or of its GPU with the index ``gpu``, one by one."""

    def __init__(self, shared: SharedRef, gpu: str) -> None:
        if gpu:  # Ray hides all of them from whoever reserves none; torch has not looked yet
            os.environ["CUDA_VISIBLE_DEVICES"] = gpu
        import torch

        here = shared.get()
        torch.set_num_threads(here.threads)
        self._evaluator = evaluator_of(here)

    def score(self, parts: list[Any]) -> Score | MetricError:
        """The score of the images behind these references, or why they have none."""
        try:
            return self._evaluator.score(_redrawn(parts, self._evaluator.batch))
        except MetricError as error:
            return error


class FeatureActors:
    """Knows the feature actors of a search, and starts one where it is first asked for.

    It is an actor of the driver's, so that no feature actor ends with the trial that came first,
    and none outlives the search.
    """

    def __init__(self, shared: SharedRef) -> None:
        self._shared = shared
        self._there: dict[tuple[str, str], ActorHandle[FeatureActor]] = {}

    def at(self, node: str, gpu: str) -> ActorHandle[FeatureActor]:
        """That of the node with this id, for the GPU with this index or '' for none."""
        if (node, gpu) not in self._there:
            self._there[node, gpu] = self._started(node, gpu)
        return self._there[node, gpu]

    def _started(self, node: str, gpu: str) -> ActorHandle[FeatureActor]:
        import ray
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        made = ray.remote(num_cpus=0, max_restarts=RESTARTS, max_task_retries=TRIES)(FeatureActor)
        pinned = NodeAffinitySchedulingStrategy(node, soft=False)
        handle: ActorHandle[FeatureActor] = made.options(scheduling_strategy=pinned).remote(
            self._shared, gpu
        )
        return handle


def start_actors(shared: SharedRef) -> ActorHandle[FeatureActors]:
    """On the driver's own node, which the search cannot lose.

    Should it die all the same, so do those that it has started, and trials score themselves.
    """
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    own = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    made = ray.remote(num_cpus=0)(FeatureActors)
    handle: ActorHandle[FeatureActors] = made.options(scheduling_strategy=own).remote(shared)
    return handle


def end_actors(actors: ActorHandle[FeatureActors]) -> None:
    """All of them: those that it has started end with who knows them."""
    import ray

    ray.kill(actors)


def score_function(
    shared: Shared, actors: ActorHandle[FeatureActors] | None, tell: Callable[[str], None] | None
) -> ScoreFunction:
    """Scores in this process, or where ``actors`` says; a population takes over at once what a
    report tells of, so it waits."""
    if actors is None:
        return evaluator_of(shared).score
    return Handing(shared, actors, tell, wait=shared.population)


class Handing:
    """A trial's way to the feature actor of its node: a :data:`ScoreFunction`.

    The actor starts while the trial trains.  With ``wait`` the score is waited for at once.  Where
    the actor cannot be had, the trial scores itself, and ``tell`` hears of it.
    """

    def __init__(
        self,
        shared: Shared,
        actors: ActorHandle[FeatureActors],
        tell: Callable[[str], None] | None,
        wait: bool = False,
    ) -> None:
        self._shared, self._tell, self._wait = shared, tell or LOG.warning, wait
        self._actors = actors  # who knows them lives as long as somebody holds on to it
        self._actor = actors.at.remote(*_here(shared.device))

    def __call__(self, draw: Draw) -> Pending | Score:
        """Draw the images and hand them over."""
        import ray

        from animesearch.metrics.statistics import default_batch

        shared = self._shared
        samples, size = shared.samples, shared.batch or default_batch(shared.device)
        parts = [
            ray.put(draw(start, min(size, samples - start)).cpu().numpy())
            for start in range(0, samples, size)
        ]
        handed = _Handed(self, parts)
        return handed.result() if self._wait else handed

    def ask(self, parts: list[Any]) -> Any:
        """Reference to the score; None where there is no actor."""
        import ray

        try:
            return ray.get(self._actor).score.remote(parts)
        except ray.exceptions.RayError as error:
            self._lost(error)
            return None

    def answer(self, asked: Any, parts: list[Any]) -> Score:
        """The score that was asked for, made here if need be; :class:`MetricError` for none."""
        import ray

        if asked is not None:
            try:
                found: Score | MetricError = ray.get(asked)
            except ray.exceptions.RayError as error:
                self._lost(error)
            else:
                if isinstance(found, MetricError):
                    raise found
                return found
        evaluator = evaluator_of(self._shared)
        return evaluator.score(_redrawn(parts, evaluator.batch))

    def _lost(self, error: Exception) -> None:
        why = (str(error).strip().splitlines() or [type(error).__name__])[-1]
        self._tell(f"the process that scores for this node failed, scoring here: {why}")


class _Handed:
    """A score that the actor is making."""

    def __init__(self, handing: Handing, parts: list[Any]) -> None:
        self._handing, self._parts = handing, parts
        self._asked = handing.ask(parts)

    def done(self) -> bool:
        import ray

        return self._asked is None or bool(ray.wait([self._asked], timeout=0)[0])

    def result(self) -> Score:
        return self._handing.answer(self._asked, self._parts)


def evaluator_of(shared: Shared) -> Evaluator:
    """What scores the trials of a search."""
    from animesearch.metrics.evaluator import Evaluator

    return Evaluator(shared.spec, shared.real, shared.samples, shared.device, shared.batch)


def _here(device: str) -> tuple[str, str]:
    """The node of this process, and the index of its GPU."""
    import ray

    gpus = ray.get_gpu_ids() if device == "cuda" else []
    return ray.get_runtime_context().get_node_id(), str(gpus[0]) if gpus else ""


def _redrawn(parts: list[Any], size: int) -> Draw:
    """Gives what was drawn in parts of ``size`` images."""
    import numpy as np
    import ray
    import torch

    return lambda start, count: torch.from_numpy(np.array(ray.get(parts[start // size])[:count]))
