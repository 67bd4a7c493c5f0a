"""How much disk a search can take at most: arithmetic before it starts, shown to the user."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from animesearch.errors import UserError
from animesearch.plugins import Plugin, import_plugins
from animesearch.tuning.samplers import RandomSearch, derived_seed
from animesearch.tuning.study import Brain
from animesearch.tuning.upkeep import GB

if TYPE_CHECKING:
    from animesearch.tuning.prepare import Prepared

DRAWN: Final = 6
"""Configurations drawn from the space, whose largest checkpoint is taken."""
KEPT: Final = 3
"""Checkpoints that a trial keeps: the last, the last healthy and the best."""
MOMENTS: Final = 2
"""Numbers that Adam remembers of each weight."""


@dataclass(frozen=True)
class DiskNeed:
    """Checkpoints at the fullest moment: ``each`` bytes, ``running`` and ``best`` of them."""

    each: int
    running: int
    best: int

    @property
    def bytes(self) -> int:
        """All together."""
        return self.each * (self.running + self.best)

    def __str__(self) -> str:
        return (
            f"checkpoints of up to {self.each / 1e6:,.1f} MB, {self.running} of running trials and "
            f"{self.best} of the best: {self.bytes / GB:,.2f} GB"
        )


def disk_need(
    each: int, concurrency: int, top: int, seeds: int = 0, population: int = 0
) -> DiskNeed:
    """Of a search whose checkpoints have ``each`` bytes.

    A running trial has one more for a moment, while it is written.  A ``population`` keeps all of
    its trials' checkpoints; finals keep theirs until they have been scored.
    """
    finalists = population or top * (1 + seeds)
    return DiskNeed(each, concurrency * (KEPT + 1), finalists * KEPT)


def check_disk(prepared: Prepared) -> list[str]:
    """A line on what the search takes, where ``search.resources.disk`` limits it.

    Raises :class:`UserError`, with the sum, for what cannot fit.
    """
    import ray

    search = prepared.search
    options = search.config.search
    cap = options.resources.disk
    if cap is None:
        return []
    brain = Brain(search.space, RandomSearch(), derived_seed(search.config.seed, "disk"))
    configs = [brain.ask(number, str(number)).tree for number in range(DRAWN)]
    brain.close()
    dataset = search.config.dataset
    image = (dataset.size, dataset.channels, len(prepared.labels.names))
    task = ray.remote(num_cpus=0)(largest_checkpoint)
    each: int = ray.get(task.remote(configs, image, search.plugins))
    population = options.trials if options.scheduler.engine == "tune-pbt" else 0
    need = disk_need(
        each, prepared.allotment.concurrency, options.final.top, options.final.seeds, population
    )
    if need.bytes > cap * GB:
        raise UserError(
            f"{need}, but search.resources.disk is {cap:g} GB; raise it, or lower "
            "search.resources.concurrency or search.finalists"
        )
    return [f"disk: {need} of {cap:g} GB"]


def largest_checkpoint(
    configs: Sequence[dict[str, Any]], image: tuple[int, int, int], plugins: Sequence[Plugin] = ()
) -> int:
    """Bytes of the largest of these trials' checkpoints, for images (size, channels, classes)."""
    import_plugins(plugins)
    return max(_checkpoint_bytes(config, image) for config in configs)


def _checkpoint_bytes(config: dict[str, Any], image: tuple[int, int, int]) -> int:
    """Both networks, the averaged generator, and what Adam remembers of both."""
    from animesearch.trainers.blueprints import blueprint, parameter_count
    from animesearch.trainers.config import TrialConfig

    networks = blueprint(TrialConfig.model_validate(config).architecture, *image)
    states = [network.state_dict() for network in (networks.generator, networks.partner)]
    own = [sum(t.numel() * t.element_size() for t in state.values()) for state in states]
    moments = sum(4 * MOMENTS * parameter_count(n) for n in (networks.generator, networks.partner))
    return own[0] * 2 + own[1] + moments
