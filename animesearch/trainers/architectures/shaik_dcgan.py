"""The DCGAN of seed 001 (B1)."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from animesearch.trainers.architectures.base import ARCHITECTURES, ArchitectureSpec, Task

if TYPE_CHECKING:
    from animesearch.trainers.modules.networks import Networks


@ARCHITECTURES.register
class ShaikDcgan(ArchitectureSpec):
    """DCGAN of five transposed and five plain convolutions at 64 px, batch norm on all hidden.

    G: z to (512, 4, 4), then doublings with 256, 128 and 64 filters (kernel 4, stride 2), batch
    norm and ReLU after each, and a fifth transposed convolution and tanh to (3, 64, 64).  D: four
    convolutions with 64 to 512 filters, batch norm and LeakyReLU(0.2) after each, and a fifth to
    the raw logit.  At 64 px and width 64 that makes 3,806,080 parameters in G, 2,765,696 in D.
    Other sizes have one convolution per doubling, so 3 at 16 px, 4 at 32 and 6 at 128.

    The seed gives the number of layers, batch norm, both activations and the output, no more.
    Its log lines (loss_g, loss_d, real_score, fake_score) are those of the PyTorch notebook for
    64 px anime faces that many copied, so the rest is as there: z of 128, kernel 4, no biases,
    batch norm on D's first layer too, PyTorch's own initial weights.  In these three points
    (z, D's first layer, initial weights) it differs from ``penn-dcgan``.  The dropout and noise
    in D that the seed recommends are options of every trial (``noise``).
    """

    source: ClassVar[str] = "seed 001 (B1), section 2.3; Radford 2016, arXiv:1511.06434"
    sizes: ClassVar[tuple[int, ...]] = (16, 32, 64, 128)
    smallest: ClassVar[dict[str, int | float | bool]] = {"width": 4, "latent": 8}

    name: Literal["shaik-dcgan"] = "shaik-dcgan"
    width: int = Field(64, ge=1, le=512, description="filters of the layer next to the image")
    latent: int = Field(128, ge=1, le=4096, description="dimensions of z")

    def networks(self, task: Task) -> Networks:
        """Both networks."""
        from animesearch.trainers.modules.convolutional import DcganPlan

        return DcganPlan(
            size=task.size,
            channels=task.channels,
            latent=self.latent,
            width=self.width,
            first_norm=True,
            normal=False,
        ).networks()
