"""The first GAN of seed 000 (A1)."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from animesearch.trainers.architectures.base import ARCHITECTURES, ArchitectureSpec, Task

if TYPE_CHECKING:
    from animesearch.trainers.modules.networks import Networks

Activation = Literal["leaky", "relu"]
SLOPES: dict[Activation, float] = {"leaky": 0.01, "relu": 0.0}


@ARCHITECTURES.register
class BergnaV1(ArchitectureSpec):
    """DCGAN with one convolution more, for 128 px, and LeakyReLU(0.01) in place of ReLU.

    D, five blocks of convolution (kernel 4, stride 2), batch norm and LeakyReLU(0.01) from
    (3, 128, 128) to (1024, 4, 4), then a convolution to the raw logit; the seed has batch norm
    after each of the five, the first included.  G is its inverse, from z (100, 1, 1), with tanh
    at the end.  Smaller images leave out a block of each network per halving, the widest first:
    ``width`` is next to the image (12,786,560 parameters in G and 11,164,544 in D at 128 px).

    The seed replaces ReLU by LeakyReLU(0.01), yet its paragraph on D says ReLU: ``activation_d:
    relu`` is that reading; ``activation: relu`` keeps the ReLU of Radford's G.  It gives no
    kernels, widths or initial weights: those are Radford's, the widths doubled once more.
    """

    source: ClassVar[str] = "seed 000 (A1), section V-B; Radford 2016, arXiv:1511.06434"
    sizes: ClassVar[tuple[int, ...]] = (32, 64, 128)
    smallest: ClassVar[dict[str, int | float | bool]] = {"width": 4, "latent": 8}

    name: Literal["bergna-v1"] = "bergna-v1"
    width: int = Field(64, ge=1, le=512, description="filters of the layer next to the image")
    latent: int = Field(100, ge=1, le=4096, description="dimensions of z")
    activation: Activation = Field(
        "leaky", description="rectifier in G: leaky = LeakyReLU(0.01), relu = ReLU"
    )
    activation_d: Activation = Field("leaky", description="rectifier in D, as activation")

    def networks(self, task: Task) -> Networks:
        """Both networks."""
        from animesearch.trainers.modules.convolutional import DcganPlan

        return DcganPlan(
            size=task.size,
            channels=task.channels,
            latent=self.latent,
            width=self.width,
            slope_g=SLOPES[self.activation],
            slope_d=SLOPES[self.activation_d],
            first_norm=True,
        ).networks()
