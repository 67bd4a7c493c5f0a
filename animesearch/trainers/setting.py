"""What a trial is given besides its configuration: place, budget, machine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from animesearch.errors import UnsupportedError
from animesearch.metrics.verdict import VerdictRules
from animesearch.storage.patience import Patience

BatchSource: TypeAlias = Callable[[int], npt.NDArray[np.uint8]]
"""``data(images)`` is the batch of reals (B, C, H, W) that follows ``images`` shown ones.

A pure function: a resumed trial asks again for the same batches.
"""

LabelSource: TypeAlias = Callable[[int], npt.NDArray[np.int64]]
"""``labels(images)``: the classes (B,) of that batch, numbers from 0."""


def staying() -> bool:
    """Nobody has to leave."""
    return False


@dataclass(frozen=True)
class TrialSetting:
    """Place, budget and machine of one trial; picklable, and free of torch.

    ``folder`` is the trial's own: losses.csv, grids/, checkpoints/.  ``images`` is the budget,
    ``rungs`` the image counts at which the trial is scored, ascending, the last one ``images``;
    ``tick`` is the number of images between reports.  ``seed`` decides all of the trial's
    randomness; ``device`` is torch's name of it, ``threads`` torch's CPU threads, ``grid`` rows
    and columns of the sample grids.  ``epoch`` is the number of images in the data, 0 where it is
    not known.  ``classes`` are the names of the labels, ``class_shares`` their shares of the data;
    empty where images carry none.  ``precision`` is torch's name of the type that networks
    compute in while training; samples are drawn and scored in float32.  ``patience`` is how a
    disk that is full is waited for, and who hears of that and of damaged checkpoints; ``leaving``
    tells, between any two steps, that the process must end soon.  Raises
    :class:`UnsupportedError` for impossible numbers.
    """

    folder: Path
    size: int
    channels: int
    images: int
    rungs: tuple[int, ...]
    tick: int = 1000
    seed: int = 0
    device: str = "cpu"
    threads: int = 1
    grid: tuple[int, int] = (5, 5)
    epoch: int = 0
    classes: tuple[str, ...] = ()
    class_shares: tuple[float, ...] = ()
    precision: Literal["float32", "bfloat16"] = "float32"
    rules: VerdictRules = field(default_factory=VerdictRules)
    patience: Patience = field(default_factory=Patience, compare=False)
    leaving: Callable[[], bool] = field(default=staying, compare=False)

    def __post_init__(self) -> None:
        positive = min(self.size, self.images, self.tick, self.threads, *self.grid)
        if positive < 1:
            raise UnsupportedError(
                f"size, images, tick, threads and grid must be at least 1, one is {positive}"
            )
        ascending = all(low < high for low, high in pairwise((0, *self.rungs)))
        if not self.rungs or not ascending or self.rungs[-1] != self.images:
            raise UnsupportedError(
                f"rungs must ascend from above 0 to the budget of {self.images} images, "
                f"they are {self.rungs}"
            )

    def identity(self) -> dict[str, Any]:
        """What besides the configuration makes a trial that trial, in plain JSON."""
        return {
            "size": self.size,
            "channels": self.channels,
            "budget": self.images,
            "seed": self.seed,
            "classes": list(self.classes),
        }

    def check_step(self, step: int) -> None:
        """Raise :class:`UnsupportedError` where one iteration of ``step`` images skips a rung."""
        gap = min(high - low for low, high in pairwise((0, *self.rungs)))
        if step > gap:
            raise UnsupportedError(
                f"rungs {self.rungs} are {gap} images apart, less than one iteration takes "
                f"({step}: batch times d_steps); allowed: at least {step}"
            )

    def next_stop(self, images: int) -> int:
        """The image count of the next report after ``images``: a tick or a rung."""
        tick = (images // self.tick + 1) * self.tick
        return min([tick, *(rung for rung in self.rungs if rung > images)])

    def passed(self, images: int) -> int:
        """How many rungs have been reached at ``images``."""
        return sum(rung <= images for rung in self.rungs)
