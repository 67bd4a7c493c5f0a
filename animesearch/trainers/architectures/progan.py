"""Progressive growing as seed 004 used it (E3)."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from animesearch.trainers.architectures.base import ARCHITECTURES, ArchitectureSpec, Task

if TYPE_CHECKING:
    from animesearch.trainers.modules.networks import Networks


@ARCHITECTURES.register
class ProGan(ArchitectureSpec):
    """Progressive growing (Karras 2018), with the layers of seed 004, from 8 or 10 px upward.

    G: PixelNorm on z, dense to 4x4 (5x5 for sizes 10, 20, ... 160), LeakyReLU(0.2), PixelNorm,
    two 3x3 convolutions; per doubling nearest upsampling and two more, each with LeakyReLU(0.2)
    and PixelNorm; a 1x1 to-RGB layer and tanh per stage.  D: a 1x1 from-RGB layer per stage; per
    halving two 3x3 convolutions and average pooling; minibatch standard deviation, two 3x3
    convolutions, a dense layer to the raw logit.  ``width`` filters up to 16 px, half at 32,
    a quarter from 64 px on (256, 128, 64 in the seed).

    Growth is counted in shares of the full budget, never in rungs.  A new stage fades in from
    the weight 0.2, by default in D and the reals as well (Karras 2018); ``fade_d: false`` is the
    seed's own way.  ``equalised: false`` is the seed's initialiser and max-norm constraint on
    every layer but D's last; the seed shows neither, so: N(0, 1 / fan in), and at most
    ``max_norm`` for the weights of each output unit.  The seed's latent size is not given
    either.
    """

    source: ClassVar[str] = "seed 004 (E3), listings 5 to 9; Karras 2018, arXiv:1710.10196"
    sizes: ClassVar[tuple[int, ...]] = (8, 10, 16, 20, 32, 40, 64, 80, 128, 160)
    smallest: ClassVar[dict[str, int | float | bool]] = {"width": 4, "latent": 8}

    name: Literal["progan"] = "progan"
    width: int = Field(256, ge=4, le=1024, multiple_of=4, description="filters up to 16 px")
    latent: int = Field(128, ge=1, le=4096, description="dimensions of z")
    start: Literal[0, 1] = Field(
        1, description="doublings of 4 (5) px in the first stage: 0 = 4 px (Karras), 1 = 8 px"
    )
    growth: float = Field(
        0.5, ge=0, le=1, description="share of the budget until the last fade ends; 0 = no growth"
    )
    fade: float = Field(0.5, ge=0, le=1, description="share of a stage spent on its fade")
    alpha: float = Field(0.2, ge=0, le=1, description="weight of a new stage when its fade begins")
    fade_d: bool = Field(True, description="fade in D and in the reals too")
    equalised: bool = Field(False, description="equalised learning rate instead of max-norm")
    max_norm: float = Field(
        1.0, gt=0, description="largest norm of an output unit's weights, if not equalised"
    )

    def spectral_problem(self) -> str:
        """Both at once would pull the weights of a layer to two different sizes."""
        if self.equalised or self.max_norm >= 1:
            return ""
        return f"its max_norm {self.max_norm} is below 1, which normalised weights have already"

    def networks(self, task: Task) -> Networks:
        """Both networks, whole until ``set_progress`` says otherwise."""
        from animesearch.trainers.growth import GrowthSchedule
        from animesearch.trainers.modules.growing import (
            GrowingDiscriminator,
            GrowingGenerator,
            GrowingPlan,
        )
        from animesearch.trainers.modules.layers import LayerMaker
        from animesearch.trainers.modules.networks import Networks

        base, last = base_and_doublings(task.size)
        plan = GrowingPlan(
            base=base,
            channels=task.channels,
            latent_dim=self.latent,
            filters=tuple(filters(self.width, d) for d in range(last + 2)),
            schedule=GrowthSchedule(self.start, last, self.growth, self.fade, self.alpha),
            layers=LayerMaker(self.equalised),
            limit=self.max_norm,
        )
        return Networks(GrowingGenerator(plan), GrowingDiscriminator(plan, self.fade_d))


def base_and_doublings(size: int) -> tuple[int, int]:
    """The base of 4 or 5 px and how often it doubles.

    >>> base_and_doublings(32), base_and_doublings(160)
    ((4, 3), (5, 5))
    """
    base = 5 if size % 5 == 0 else 4
    return base, (size // base).bit_length() - 1


def filters(width: int, doublings: int) -> int:
    """Filters at 4 (5) px times ``2**doublings``.

    >>> [filters(256, doublings) for doublings in range(6)]
    [256, 256, 256, 128, 64, 64]
    """
    return width >> min(2, max(0, doublings - 2))
