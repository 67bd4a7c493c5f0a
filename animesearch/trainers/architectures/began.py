"""BEGAN: a discriminator that is an autoencoder."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from animesearch.trainers.architectures.base import ARCHITECTURES, ArchitectureSpec, Task

if TYPE_CHECKING:
    from animesearch.trainers.modules.networks import Networks


@ARCHITECTURES.register
class Began(ArchitectureSpec):
    """Boundary equilibrium GAN (Berthelot 2017): D gives minus the error of its reconstruction.

    D's encoder: 3x3 convolutions with ELU, one from the image and ``repeats`` per size, then one
    of stride 2 that adds ``width`` filters, down to 8x8; dense to a code of ``hidden`` numbers.
    D's decoder: dense to 8x8x``width``, ``repeats`` convolutions with ELU per size, nearest
    upsampling between sizes, a convolution to the image.  G has the decoder's architecture and
    its own weights.  D's output is ``-mean |x - D(x)|`` per image.

    As in the paper z is uniform in [-1, 1] (normals are mapped to it) and no network has an
    output activation; drawn images are clipped to [-1, 1].  ``skip`` is the paper's optional
    concatenation of the decoders' first map after each upsampling; its vanishing residuals are
    left out.  It gives n = 128 at 128 px and codes of 64, and does not say which convolution
    adds the filters or how weights begin: here the one of stride 2, and Glorot's with biases 0.
    """

    source: ClassVar[str] = "Berthelot 2017, section 3.5, arXiv:1703.10717"
    sizes: ClassVar[tuple[int, ...]] = (32, 64, 128)
    reconstructs: ClassVar[bool] = True
    default_loss: ClassVar[str] = "began"
    smallest: ClassVar[dict[str, int | float | bool]] = {
        "width": 2,
        "latent": 8,
        "hidden": 8,
        "repeats": 1,
    }

    name: Literal["began"] = "began"
    width: int = Field(64, ge=1, le=512, description="filters at full size (the paper's n)")
    latent: int = Field(64, ge=1, le=4096, description="dimensions of z")
    hidden: int = Field(64, ge=1, le=4096, description="length of D's code")
    repeats: int = Field(2, ge=1, le=8, description="convolutions per size")
    skip: bool = Field(False, description="decoders see their first map after each upsampling")

    def networks(self, task: Task) -> Networks:
        """Both networks."""
        from animesearch.trainers.modules.began import BeganPlan

        return BeganPlan(
            size=task.size,
            channels=task.channels,
            latent=self.latent,
            hidden=self.hidden,
            width=self.width,
            repeats=self.repeats,
            skip=self.skip,
        ).networks()
