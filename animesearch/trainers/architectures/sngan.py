"""SNGAN: a residual network whose D is normalised spectrally."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from animesearch.trainers.architectures.base import ARCHITECTURES, ArchitectureSpec, Task

if TYPE_CHECKING:
    from animesearch.trainers.modules.networks import Networks
    from animesearch.trainers.modules.sngan import SnganPlan

_SHAPES: dict[int, tuple[int, tuple[int, ...], tuple[int, ...], int]] = {
    32: (4, (4, 4, 4, 4), (2, 2, 2, 2), 2),
    48: (6, (8, 4, 2, 1), (1, 2, 4, 8, 16), 4),
    64: (4, (16, 8, 4, 2, 1), (1, 2, 4, 8, 16), 5),
    128: (4, (16, 16, 8, 4, 2, 1), (1, 2, 4, 8, 16, 16), 5),
}
"""By size: base in pixels; filters of G and of D in units of ``width``; halvings in D."""


@ARCHITECTURES.register
class Sngan(ArchitectureSpec):
    """SNGAN (Miyato 2018): residual blocks, spectral normalisation in D, a projection for labels.

    G: dense to 4x4 (6x6 for 48 px), a residual block with batch norm and nearest upsampling per
    doubling, batch norm, ReLU, conv 3x3, tanh.  D: residual blocks without batch norm, average
    pooling, ReLU, global sum pooling, dense to the raw logit.  Filters are the paper's for
    ``width: 64``: at 32 px 256 everywhere in G and 128 in D (CIFAR-10), at 48 px 512, 256, 128,
    64 and 64 ... 1024 (STL-10), at 128 px 1024, 1024, 512 ... 64 and 64 ... 1024, 1024
    (ImageNet); 64 px is that of the authors' code for the projection discriminator.  With class
    labels G's batch norm has a gain and a bias per class, its last one excepted, and D adds the
    inner product of its features with an embedding of the class (Miyato & Koyama 2018).  Weights
    are drawn as there (Glorot's uniform, gain sqrt 2 in the residual branches).

    The paper trains it with the hinge loss, Adam with learning rates of 2e-4 and betas of 0 and
    0.9, 5 steps of D per step of G.  D's dense layer has no bias, as in the code at 32 px: a shift
    of all logits changes nothing inside the margins of the hinge loss.
    """

    source: ClassVar[str] = (
        "Miyato 2018, arXiv:1802.05957, tables 3 to 5; Miyato & Koyama 2018, arXiv:1802.05637"
    )
    sizes: ClassVar[tuple[int, ...]] = tuple(_SHAPES)
    conditional: ClassVar[bool] = True
    default_loss: ClassVar[str] = "hinge"
    smallest: ClassVar[dict[str, int | float | bool]] = {"width": 2, "latent": 8}

    name: Literal["sngan"] = "sngan"
    width: int = Field(64, ge=1, le=256, description="filters: 1 to 16 times this number")
    latent: int = Field(128, ge=1, le=4096, description="dimensions of z")
    spectral_norm: bool = Field(True, description="normalise all layers of D spectrally")

    def networks(self, task: Task) -> Networks:
        """Both networks."""
        from animesearch.trainers.modules.networks import Networks
        from animesearch.trainers.modules.sngan import SnganDiscriminator, SnganGenerator
        from animesearch.trainers.modules.spectral import normalise_spectrally

        plan = self._plan(task)
        generator, discriminator = SnganGenerator(plan), SnganDiscriminator(plan)
        if self.spectral_norm:
            normalise_spectrally(discriminator)
        return Networks(generator, discriminator)

    def _plan(self, task: Task) -> SnganPlan:
        from animesearch.trainers.modules.sngan import SnganPlan

        base, generator, discriminator, halvings = _SHAPES[task.size]
        return SnganPlan(
            size=task.size,
            channels=task.channels,
            classes=task.classes,
            latent_dim=self.latent,
            base=base,
            generator=tuple(self.width * units for units in generator),
            discriminator=tuple(self.width * units for units in discriminator),
            halvings=halvings,
        )
