"""When a growing network grows: a pure function of the images shown."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Stage:
    """The network's size, as doublings of its base, and the weight of the newest part (0..1]."""

    doublings: int
    alpha: float

    @property
    def fading(self) -> bool:
        """Whether the newest part is blended with the one before."""
        return self.alpha < 1.0


@dataclass(frozen=True)
class GrowthSchedule:
    """Stages from ``first`` to ``last`` doublings over the share ``growth`` of the budget.

    Every stage but the last takes the same number of images; of these, all but the first stage
    spend the share ``fade`` at their beginning on the fade, whose weight rises linearly from
    ``alpha`` to 1.  The last fade ends at ``growth`` of the budget.
    """

    first: int
    last: int
    growth: float
    fade: float
    alpha: float

    @property
    def final(self) -> Stage:
        """The whole network."""
        return Stage(self.last, 1.0)

    @property
    def doublings(self) -> range:
        """Those of all stages: the last alone where nothing grows."""
        return range(self.first if self.growth else self.last, self.last + 1)

    def at(self, images: int, budget: int) -> Stage:
        """The stage at ``images`` of ``budget`` (both counts of real images shown).

        >>> GrowthSchedule(1, 3, growth=0.5, fade=0.5, alpha=0.2).at(6400, 32000)
        Stage(doublings=2, alpha=0.2)
        """
        steps = self.last - self.first
        if steps == 0 or self.growth == 0:
            return self.final
        position = images / budget * (steps + self.fade) / self.growth
        step = min(int(position), steps)
        if step == 0:
            return Stage(self.first, 1.0)
        into = (position - step) / self.fade if self.fade else 1.0
        return Stage(self.first + step, min(1.0, self.alpha + (1.0 - self.alpha) * into))
