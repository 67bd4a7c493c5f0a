"""How much disk a search can take at most: arithmetic before it starts, shown to the user."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from animesearch.errors import UserError
from animesearch.plugins import Plugin, import_plugins
from animesearch.tuning.loggers.tensorboard import TensorBoard
from animesearch.tuning.samplers import RandomSearch, derived_seed
from animesearch.tuning.study import Brain
from animesearch.tuning.upkeep import GB

if TYPE_CHECKING:
    from animesearch.tuning.config import SpaceConfig
    from animesearch.tuning.prepare import Prepared, Search

DRAWN: Final = 6
"""Configurations drawn from the space, whose largest checkpoint is taken."""
KEPT: Final = 3
"""Checkpoints that a trial keeps: the last, the one before it and the best.  The last healthy one
is among these: a trial ends with the first that is not."""
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
            f"{self.best} of the best: {_amount(self.bytes)}"
        )


@dataclass(frozen=True)
class FilesNeed:
    """What stays of all ``trials``, where none is stopped: of each ``grids`` pictures of at most
    ``grid`` bytes, and ``tables`` bytes of numbers."""

    trials: int
    grids: int
    grid: int
    tables: int

    @property
    def bytes(self) -> int:
        """All together."""
        return self.trials * (self.grids * self.grid + self.tables)

    def __str__(self) -> str:
        return (
            f"{self.trials:,} trials x ({self.grids} grids of up to {_amount(self.grid)} + tables "
            f"of {_amount(self.tables)}): up to {_amount(self.bytes)}"
        )


def _amount(size: int) -> str:
    if size < GB / 10:
        return f"{size / 1e6:,.1f} MB" if size >= 1e5 else f"{size / 1e3:,.1f} kB"
    return f"{size / GB:,.2f} GB"


def disk_need(
    each: int, concurrency: int, top: int, seeds: int = 0, population: int = 0
) -> DiskNeed:
    """Of a search whose checkpoints have ``each`` bytes.

    A running trial has one more for a moment, while it is written.  A ``population`` keeps all of
    its trials' checkpoints; finals keep theirs until they have been scored.
    """
    finalists = population or top * (1 + seeds)
    return DiskNeed(each, concurrency * (KEPT + 1), finalists * KEPT)


def need_of(config: SpaceConfig, each: int, concurrency: int) -> DiskNeed:
    """Of a search of so many trials at a time, whose checkpoints have ``each`` bytes."""
    options = config.search
    population = options.trials if options.scheduler.engine == "tune-pbt" else 0
    return disk_need(each, concurrency, options.final.top, options.final.seeds, population)


def files_of(config: SpaceConfig, trials: int, rungs: int, tables: float) -> FilesNeed:
    """``trials`` are the race's and the finals', ``tables`` bytes of a full one's; TensorBoard's
    files hold the grids once more."""
    rows, columns = config.search.grid
    pixels = rows * columns * config.dataset.size**2 * config.dataset.channels
    again = any(isinstance(log, TensorBoard) and log.grids for log in config.search.logs)
    return FilesNeed(trials, rungs * (2 if again else 1), pixels, round(tables))


def refuse_beyond(need: DiskNeed, config: SpaceConfig) -> None:
    """Raise :class:`UserError`, with the sum, for more than ``search.resources.disk`` allows."""
    cap = config.search.resources.disk
    if cap is not None and need.bytes > cap * GB:
        raise UserError(
            f"{need}, but search.resources.disk is {cap:g} GB; raise it, or lower "
            "search.resources.concurrency or search.finalists"
        )


def check_disk(prepared: Prepared) -> list[str]:
    """A line on what the search takes, where ``search.resources.disk`` limits it.

    Raises :class:`UserError`, with the sum, for what cannot fit.
    """
    config = prepared.search.config
    cap = config.search.resources.disk
    if cap is None:
        return []
    each = drawn_checkpoint(prepared.search, len(prepared.labels.names))
    need = need_of(config, each, prepared.allotment.concurrency)
    refuse_beyond(need, config)
    return [f"disk: {need} of {cap:g} GB"]


def disk_line(need: DiskNeed, files: FilesNeed | None, config: SpaceConfig) -> str:
    """The whole sum beside the cap, for a plan."""
    cap = config.search.resources.disk
    beside = "search.resources.disk sets no cap" if cap is None else f"the cap is {cap:g} GB"
    if files is None:
        return f"disk: {need}; {beside}"
    return f"disk: {need}; {files}; together {_amount(need.bytes + files.bytes)}, {beside}"


def drawn_checkpoint(search: Search, classes: int) -> int:
    """Bytes of the largest checkpoint of some configurations drawn from the space.

    Worked out in a Ray task that takes no CPU, so that the driver needs no torch.
    """
    import ray

    brain = Brain(search.space, RandomSearch(), derived_seed(search.config.seed, "disk"))
    configs = [brain.ask(number, str(number)).tree for number in range(DRAWN)]
    brain.close()
    image = (search.config.dataset.size, search.config.dataset.channels, classes)
    task = ray.remote(num_cpus=0)(largest_checkpoint)
    each: int = ray.get(task.remote(configs, image, search.plugins))
    return each


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
