"""StyleGAN2."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from animesearch.trainers.architectures.base import ARCHITECTURES, Task
from animesearch.trainers.architectures.style_base import StyleSpec

if TYPE_CHECKING:
    from animesearch.trainers.modules.networks import Networks


@ARCHITECTURES.register
class StyleGan2(StyleSpec):
    """StyleGAN2 (Karras 2020): weight demodulation, skip G, residual D, path lengths; no growth.

    G: z, normalised, passes ``depth`` dense layers to w.  A learnt constant of 4x4 px; one
    modulated 3x3 convolution, then two per doubling, with noise, bias and LeakyReLU(0.2); each
    size adds its share to the image.  D: a residual block of two 3x3 convolutions per halving,
    minibatch standard deviation, a convolution, two dense layers to the raw logit.  Doubling and
    halving with the filter [1, 3, 3, 1], equalised learning rate everywhere.  Filters as
    stylegan2-ada has them below 512 px: ``width`` times ``taper`` over the side, at most
    ``width``: 512 up to 32 px, 256 at 64 px; ``taper`` 64 is the paper's config F.

    With class labels an embedding stands beside z (as in stylegan2-ada), and D's logit has the
    product of its features and an embedding (Miyato and Koyama 2018; stylegan2-ada has a
    mapping network for it).  R1 (weight 10, every 16) belongs to the trial's ``penalties``.
    """

    source: ClassVar[str] = "Karras 2020, arXiv:1912.04958; classes: Karras 2020, arXiv:2006.06676"
    sizes: ClassVar[tuple[int, ...]] = (16, 32, 64, 128, 256)
    conditional: ClassVar[bool] = True

    name: Literal["stylegan2"] = "stylegan2"
    path_weight: float = Field(
        2.0, ge=0, description="weight of the path length regularisation; 0 = off"
    )
    path_every: int = Field(
        4, ge=1, le=1000, description="steps of G from one use of it to the next"
    )
    path_shrink: int = Field(
        2, ge=1, le=64, description="the batch over this is what it is computed on"
    )

    def workers_problem(self, batch: int, workers: int) -> str:
        """Path lengths are taken on a part of the batch, which must be shared out evenly too."""
        count = max(1, batch // self.path_shrink)
        if not self.path_weight or count % workers == 0:
            return ""
        return (
            f"architecture '{self.name}' takes path lengths of {count} images (batch {batch} / "
            f"path_shrink {self.path_shrink}), which {workers} workers cannot share evenly; "
            f"allowed: a multiple of {workers}, or path_weight: 0"
        )

    def networks(self, task: Task) -> Networks:
        """Both networks."""
        from animesearch.trainers.modules.networks import Networks
        from animesearch.trainers.modules.stylegan2 import (
            PathOptions,
            StyleGan2Discriminator,
            StyleGan2Generator,
        )

        plan = self.plan(task)
        path = PathOptions(self.path_weight, self.path_every, self.path_shrink)
        return Networks(StyleGan2Generator(plan, path), StyleGan2Discriminator(plan, self.group))
