"""Population based training, decided by Ray Tune's own scheduler."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from animesearch.errors import UserError
from animesearch.tuning.schedulers.base import SCHEDULERS, SchedulerSpec, in_images


@SCHEDULERS.register
class Pbt(SchedulerSpec):
    """Population based training (Jaderberg et al. 2017, arXiv:1711.09846) by Ray Tune.

    At every rung a trial of the worst quantile takes over the weights of one of the best and
    perturbs the continuous options of its configuration.  All ``trials`` of the search are the
    population, so it needs room to run (or time to take turns); the space may vary continuous
    options only, because weights do not fit another architecture.
    """

    engine: ClassVar[Literal["journal", "tune-pbt"]] = "tune-pbt"
    stops: ClassVar[bool] = False

    name: Literal["pbt"] = "pbt"
    quantile: float = Field(0.25, gt=0, le=0.5, description="share that exploits, and is exploited")
    resample: float = Field(0.25, ge=0, le=1, description="chance to draw anew, not to perturb")
    interval: float = Field(
        0.125, gt=0, description="images between perturbations; up to 1: a share of the budget"
    )

    def rungs(self, images: int) -> tuple[int, ...]:
        """Evenly spaced, ``interval`` apart; an interval beyond the budget is a mistake."""
        step = in_images(self.interval, images)
        if step > images:
            raise UserError(
                f"the scheduler's interval ({step:,} images) lies above the full budget "
                f"({images:,} images)"
            )
        return (*range(step, images, step), images)
