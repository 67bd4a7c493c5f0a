"""DCGAN as seed 003 used it (D1)."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from animesearch.trainers.architectures.base import ARCHITECTURES, ArchitectureSpec, Task

if TYPE_CHECKING:
    from animesearch.trainers.modules.networks import Networks


@ARCHITECTURES.register
class PennDcgan(ArchitectureSpec):
    """DCGAN (Radford 2016): strided convolutions, batch normalisation, one per doubling.

    G maps z (100) by a 4x4 transposed convolution to 4 px and doubles from there with kernel 4,
    stride 2; batch norm and ReLU after each, tanh at the end.  D mirrors it with LeakyReLU(0.2)
    and no batch norm on its first layer; its output is the raw logit.  Filters halve from
    ``width * size / 8`` at 4 px to ``width`` next to the image: 8, 4, 2, 1 times ``width`` at
    64 px.  Weights are drawn from N(0, 0.02), those of batch norm from N(1, 0.02).

    The seed names z, batch and optimiser only; layers follow Radford and PyTorch's example
    (3,576,704 parameters in G, 2,765,568 in D, at 64 px and width 64).
    """

    source: ClassVar[str] = "seed 003 (D1); Radford 2016, arXiv:1511.06434"
    sizes: ClassVar[tuple[int, ...]] = (16, 32, 64, 128)
    smallest: ClassVar[dict[str, int | float | bool]] = {"width": 4, "latent": 8}

    name: Literal["penn-dcgan"] = "penn-dcgan"
    width: int = Field(64, ge=1, le=512, description="filters of the layer next to the image")
    latent: int = Field(100, ge=1, le=4096, description="dimensions of z")
    d_batch_norm: bool = Field(
        True, description="batch norm in D; gradient penalties want none (Gulrajani 2017)"
    )

    def networks(self, task: Task) -> Networks:
        """Both networks."""
        from animesearch.trainers.modules.convolutional import DcganPlan

        plan = DcganPlan(
            task.size, task.channels, self.latent, self.width, d_norm=self.d_batch_norm
        )
        return plan.networks()
