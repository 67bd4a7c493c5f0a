"""StyleGAN as seed 003 used it (D3)."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from animesearch.trainers.architectures.base import ARCHITECTURES, Task
from animesearch.trainers.architectures.style_base import StyleSpec

if TYPE_CHECKING:
    from animesearch.trainers.modules.networks import Networks


@ARCHITECTURES.register
class StyleGan(StyleSpec):
    """StyleGAN (Karras 2019): styles by AdaIN, noise inputs, mixing, growth from 4 px.

    G: z, normalised, passes ``depth`` dense layers to w.  A learnt constant of 4x4 px; at each
    size two layers, each a 3x3 convolution (none before the constant's, a smoothed doubling in
    the first of every further size), noise, LeakyReLU(0.2), AdaIN by w; a 1x1 to-RGB layer per
    stage.  D: two convolutions per size, the second halving it with the same filter; minibatch
    standard deviation in groups, a convolution, two dense layers to the raw logit.  Equalised
    learning rate everywhere.  Filters as in the official code (``fmap_base`` 8192): ``width`` up
    to 32 px, then halved at each doubling: 512, 256 at 64 px.

    Growth is counted in shares of the full budget; a new stage fades in from 0, in G, D and the
    reals.  The seed names growth from 4x4 to 64x64, AdaIN and mixing, no numbers: sizes, mixing
    of 0.9, mapping of 8 layers of 512 and a learning rate of 1/100 for them are the paper's.
    Different from the official code: a crossover per image, not per batch; the constant begins
    random; truncation applies to all layers.
    """

    source: ClassVar[str] = "seed 003 (D3); Karras 2019, arXiv:1812.04948"
    sizes: ClassVar[tuple[int, ...]] = (8, 16, 32, 64, 128)

    name: Literal["stylegan"] = "stylegan"
    start: Literal[0, 1] = Field(
        0, description="doublings of 4 px in the first stage: 0 = 4 px (the seed), 1 = 8 px"
    )
    growth: float = Field(
        0.5, ge=0, le=1, description="share of the budget until the last fade ends; 0 = no growth"
    )
    fade: float = Field(0.5, ge=0, le=1, description="share of a stage spent on its fade")

    def networks(self, task: Task) -> Networks:
        """Both networks, whole until ``set_progress`` says otherwise."""
        from animesearch.trainers.growth import GrowthSchedule
        from animesearch.trainers.modules.networks import Networks
        from animesearch.trainers.modules.stylegan import StyleGanDiscriminator, StyleGanGenerator

        plan = self.plan(task)
        schedule = GrowthSchedule(self.start, plan.last, self.growth, self.fade, alpha=0.0)
        return Networks(
            StyleGanGenerator(plan, schedule), StyleGanDiscriminator(plan, schedule, self.group)
        )
