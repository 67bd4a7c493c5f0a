"""A plug-in, a space of its components, and the command line in processes of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[1]
MARK = "PLUGIN_TEST_MARK"
"""Environment variable: the plug-in below notes there that it was run."""

PLUGIN = '''\
"""A pair of one dense layer each, a loss for it; features and a source that workers need."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from animesearch.datasets.sources.faces import SOURCES, FacesSource
from animesearch.metrics.features.random import FEATURES, Random
from animesearch.trainers.architectures.base import ARCHITECTURES, ArchitectureSpec, Task
from animesearch.trainers.losses.base import LOSSES, GanLoss, LossSpec

if TYPE_CHECKING:
    from torch import Tensor

    from animesearch.trainers.modules.networks import Networks

if "PLUGIN_TEST_MARK" in os.environ:
    Path(os.environ["PLUGIN_TEST_MARK"]).touch()


@ARCHITECTURES.register
class DensePair(ArchitectureSpec):
    """One dense layer each way."""

    source: ClassVar[str] = "no paper"
    sizes: ClassVar[tuple[int, ...]] = (8, 16)
    smallest: ClassVar[dict[str, int | float | bool]] = {"latent": 4}

    name: Literal["dense-pair"] = "dense-pair"
    latent: int = Field(16, ge=1, le=64, description="dimensions of z")

    def networks(self, task: Task) -> Networks:
        """Both networks."""
        from torch import nn

        from animesearch.trainers.modules.networks import (
            Networks,
            PlainDiscriminator,
            PlainGenerator,
        )

        shape = (task.channels, task.size, task.size)
        values = task.channels * task.size**2
        body = nn.Sequential(
            nn.Flatten(), nn.Linear(self.latent, values), nn.Tanh(), nn.Unflatten(1, shape)
        )
        judge = nn.Sequential(nn.Flatten(), nn.Linear(values, 1))
        return Networks(PlainGenerator(body, self.latent, task.size), PlainDiscriminator(judge))


@LOSSES.register
class SoftMargin(LossSpec):
    """Logistic loss with a margin."""

    source: ClassVar[str] = "no paper"
    classifies: ClassVar[bool] = True

    name: Literal["soft-margin"] = "soft-margin"
    margin: float = Field(0.5, ge=0, le=5, description="distance kept from D's boundary")

    def build(self) -> GanLoss[Any]:
        """See SoftMarginLoss."""
        return SoftMarginLoss(self)


class SoftMarginLoss(GanLoss[SoftMargin]):
    """Softplus of the margin minus D's output."""

    @property
    def threshold(self) -> float:
        return 0.0

    def d_loss(self, real_B: Tensor, fake_B: Tensor) -> Tensor:
        from torch.nn.functional import softplus

        margin = self.spec.margin
        return softplus(margin - real_B).mean() + softplus(margin + fake_B).mean()

    def g_loss(self, fake_B: Tensor) -> Tensor:
        from torch.nn.functional import softplus

        return softplus(-fake_B).mean()


@FEATURES.register
class OtherFeatures(Random):
    """Random features, which Ray hands to its workers as an instance of this class."""

    name: Literal["other-random"] = "other-random"


@SOURCES.register
class OtherFaces(FacesSource):
    """Drawn faces, which Ray Data's tasks read through this class."""

    name: Literal["other-faces"] = "other-faces"
'''

SPACE = """
name: plugged
dataset: {source: {name: faces, count: 96}, size: 16}
trial:
  architecture: {name: dense-pair, latent: {choice: [4, 8]}}
  loss: {name: soft-margin, margin: {uniform: [0, 1]}}
  batch: 16
metric: {features: random, samples: 48}
search:
  trials: 2
  images: 256
  scheduler: none
  finalists: 1
  resources: {concurrency: 1, cpu: 1}
  grid: [2, 3]
"""

Done = subprocess.CompletedProcess[str]
Command = Callable[..., Done]


def write(path: Path, text: str = PLUGIN) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def command_with(cache: Path) -> Command:
    """``command("-m", "animesearch", ..., NAME="value")``: Python with that environment."""

    def run(*arguments: str | Path, **environment: str) -> Done:
        given = {"PYTHONPATH": str(ROOT), "ANIMESEARCH_CACHE": str(cache), **environment}
        return subprocess.run(
            [sys.executable, *map(str, arguments)],
            cwd=ROOT,
            env={**os.environ, **given},
            capture_output=True,
            text=True,
            check=False,
        )

    return run
