"""FastGAN: a light network with skip-layer excitation, for few images."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from animesearch.trainers.architectures.base import ARCHITECTURES, ArchitectureSpec, Task

if TYPE_CHECKING:
    from animesearch.trainers.modules.fastgan import FastganPlan
    from animesearch.trainers.modules.networks import Networks

_GENERATOR = {4: 16.0, 8: 8.0, 16: 4.0, 32: 2.0, 64: 2.0, 128: 1.0, 256: 0.5}
_DECODER = {16: 2.0, 32: 1.0, 64: 1.0, 128: 0.5}
"""Filters by the side of the feature map, in units of ``width``."""


@ARCHITECTURES.register
class FastGan(ArchitectureSpec):
    """FastGAN (Liu 2021): skip-layer excitation in G, a D that also reconstructs the reals.

    G: a transposed convolution to 4x4, then nearest upsampling and, alternately, two noisy
    convolutions (8, 32, 128 px) or one (16, 64, 256 px), each with batch norm and GLU; conv 3x3,
    tanh.  Skip-layer excitation lets a map of low resolution gate the channels of one 16 times
    as large: 4 -> 64, 8 -> 128, 16 -> 256 px.  Images below 256 px have the pairs that fit; at
    32 px, where none does, 4 -> 32 takes their place.  D: conv 3x3, residual halvings to 8x8
    with batch norm and LeakyReLU(0.2), 5x5 logits.  Two small decoders reconstruct the reals,
    the whole from the 8x8 map and a quarter from that of 16x16, at 128 px or less: D's own loss,
    with the weight ``reconstruction``.

    Differences from the paper: its images begin at 256 px (smaller ones leave out stages at the
    image's end of D and of G); its reconstruction error is a perceptual distance by a pretrained
    VGG, here absolute error plus squared errors at three scales; its hinge loss has each of the
    25 logits for itself, here their mean.  Of the authors' code, where it goes beyond the paper,
    the second D on images of 128 px and the excitations in D are left out, its filters, quarters
    and spectral normalisation of all layers of both networks kept.  Filters are the code's for
    ``width: 64``.  The paper trains it with the hinge loss, Adam with 2e-4, betas 0.5 and 0.999,
    batch 8, and DiffAugment.
    """

    source: ClassVar[str] = "Liu 2021, arXiv:2101.04775, section 3; the authors' code"
    sizes: ClassVar[tuple[int, ...]] = (32, 64, 128, 256)
    default_loss: ClassVar[str] = "hinge"
    smallest: ClassVar[dict[str, int | float | bool]] = {"width": 4, "latent": 8}

    name: Literal["fastgan"] = "fastgan"
    width: int = Field(64, ge=4, le=256, multiple_of=4, description="filters at 128 px in G")
    latent: int = Field(256, ge=1, le=4096, description="dimensions of z")
    reconstruction: float = Field(
        1.0, ge=0, description="weight of D's reconstruction of the reals; 0 = no decoders"
    )
    spectral_norm: bool = Field(True, description="normalise all layers of both networks")

    def networks(self, task: Task) -> Networks:
        """Both networks."""
        from animesearch.trainers.modules.fastgan import (
            FastganDiscriminator,
            FastganGenerator,
            initialise,
        )
        from animesearch.trainers.modules.networks import Networks
        from animesearch.trainers.modules.spectral import normalise_spectrally

        plan = self._plan(task)
        generator, discriminator = FastganGenerator(plan), FastganDiscriminator(plan)
        for network in (generator, discriminator):
            network.apply(initialise)
            if self.spectral_norm:
                normalise_spectrally(network)
        return Networks(generator, discriminator)

    def _plan(self, task: Task) -> FastganPlan:
        from animesearch.trainers.modules.fastgan import FastganPlan

        size, width = task.size, self.width
        sides = [side for side in reversed(_GENERATOR) if 8 <= side <= size]
        return FastganPlan(
            size=size,
            channels=task.channels,
            latent_dim=self.latent,
            generator={side: int(w * width) for side, w in _GENERATOR.items() if side <= size},
            discriminator={side: 64 * width // side for side in sides},
            decoder={side: int(w * width) for side, w in _DECODER.items()},
            skips=skips(size),
            reconstruction=self.reconstruction,
        )


def skips(size: int) -> tuple[tuple[int, int], ...]:
    """Sides of the maps that G's skip-layer excitations join, in pixels.

    >>> skips(256), skips(64), skips(32)
    (((4, 64), (8, 128), (16, 256)), ((4, 64),), ((4, 32),))
    """
    pairs = tuple((low, 16 * low) for low in (4, 8, 16) if 16 * low <= size)
    return pairs or ((4, size),)
