"""Options that StyleGAN and StyleGAN2 share."""

from __future__ import annotations

from abc import ABC
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from animesearch.trainers.architectures.base import ArchitectureSpec, Task

if TYPE_CHECKING:
    from animesearch.trainers.modules.style import StylePlan


class StyleSpec(ArchitectureSpec, ABC):
    """Base of architectures with a mapping network and styles."""

    smallest: ClassVar[dict[str, int | float | bool]] = {
        "width": 4,
        "latent": 8,
        "style": 8,
        "depth": 2,
    }

    width: int = Field(512, ge=1, le=1024, description="filters up to ``taper`` px")
    taper: Literal[8, 16, 32, 64, 128] = Field(
        32, description="px from which each doubling halves the filters"
    )
    latent: int = Field(512, ge=1, le=4096, description="dimensions of z")
    style: int = Field(512, ge=1, le=4096, description="dimensions of w")
    depth: int = Field(8, ge=1, le=16, description="layers of the mapping network")
    mapping_lr: float = Field(
        0.01, gt=0, le=1, description="multiplier of the mapping network's learning rate"
    )
    mixing: float = Field(
        0.9, ge=0, le=1, description="share of training images made from two latents"
    )
    group: int = Field(
        4, ge=2, le=4096, description="images whose deviation D sees together (minibatch std)"
    )

    def plan(self, task: Task) -> StylePlan:
        """The shape of both networks."""
        from animesearch.trainers.modules.style import StylePlan

        sides = [4 << d for d in range(task.size.bit_length() - 2)]
        return StylePlan(
            channels=task.channels,
            classes=task.classes,
            latent_dim=self.latent,
            style_dim=self.style,
            depth=self.depth,
            mapping_lr=self.mapping_lr,
            mixing=self.mixing,
            filters=tuple(filters(self.width, self.taper, side) for side in sides),
        )


def filters(width: int, taper: int, side: int) -> int:
    """Filters at ``side`` px: ``width`` up to ``taper`` px, half as many at each doubling above.

    >>> [filters(512, 32, side) for side in (4, 8, 16, 32, 64, 128)]
    [512, 512, 512, 512, 256, 128]
    """
    return max(1, width * taper // max(side, taper))
