"""The points of the image space at which penalties look at D."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from pydantic import Field

from animesearch.trainers.penalties.gradients import detached

if TYPE_CHECKING:
    import torch
    from torch import Tensor

Noise: TypeAlias = Literal["uniform", "normal"]

NOISE: Any = Field("uniform", description="distribution of the noise on the reals")
SPREAD: Any = Field(
    1.0,
    gt=0,
    description="size of the noise in standard deviations of the batch's pixels: the full width "
    "of the uniform one, the standard deviation of the normal one",
)


def between(x_real_BCHW: Tensor, x_fake_BCHW: Tensor, rng: torch.Generator) -> Tensor:
    """A random point of the line from each fake to its real (Gulrajani 2017, algorithm 1)."""
    import torch

    x_real, x_fake = detached(x_real_BCHW), detached(x_fake_BCHW)
    share = torch.rand(len(x_real), 1, 1, 1, generator=rng, dtype=x_real.dtype)
    return torch.lerp(x_fake, x_real, share.to(x_real.device))


def around(x_real_BCHW: Tensor, noise: Noise, spread: float, rng: torch.Generator) -> Tensor:
    """DRAGAN's points: reals with noise on each pixel, of the size ``s = spread * sd``.

    sd is that of all pixels of the batch.  The sources agree on the idea only.  Kodali 2017 and
    the table of losses in Lucic 2018 have ``x + N(0, c I)`` with c in the units of the images:
    ``normal``, with ``s^2`` for c.  compare_gan's penalty has ``x + sd (u - 1/2)``, u uniform in
    0..1: ``uniform`` with spread 1.  It clips the result to the range of its images, which the
    paper does not and which is not done here.  The code of Lucic 2018 itself has
    ``x + a sd u / 2`` with a random a in 0..1 for each image: noise that only brightens.
    """
    import torch

    from animesearch.trainers.modules.batchwide import whole

    x_BCHW = detached(x_real_BCHW)
    draw = torch.rand if noise == "uniform" else torch.randn
    noise_BCHW = draw(x_BCHW.shape, generator=rng, dtype=x_BCHW.dtype).to(x_BCHW.device)
    centred_BCHW = noise_BCHW - 0.5 if noise == "uniform" else noise_BCHW
    return x_BCHW + spread * whole(x_BCHW).std(correction=0) * centred_BCHW
