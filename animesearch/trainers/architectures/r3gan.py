"""R3GAN: a residual network without normalisation, for a loss that is regular by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from animesearch.errors import UnsupportedError
from animesearch.trainers.architectures.base import ARCHITECTURES, ArchitectureSpec, Task

if TYPE_CHECKING:
    from animesearch.trainers.modules.networks import Networks


@ARCHITECTURES.register
class R3Gan(ArchitectureSpec):
    """R3GAN (Huang 2024), config E: inverted bottlenecks with grouped convolutions, no norms.

    G: a learned 4x4 basis scaled by a linear map of z; per size ``blocks`` residual blocks of
    conv 1x1 to ``expansion`` times the filters, grouped conv 3x3 and conv 1x1 back, with a
    learned bias and LeakyReLU(0.2) between them; doubling by bilinear interpolation and, where
    the filters change, a 1x1 convolution; at the end a 1x1 convolution, without activation
    (images are cut to [-1, 1] in evaluation only).  D is the mirror image, ending in a depthwise
    4x4 convolution and a linear map to the raw logit.  Weights are scaled as in Fixup: the
    branches begin at zero.  ``width`` filters up to 32 px, half as many per doubling above.
    With class labels an embedding is joined to z in G and multiplies D's features.

    Images are doubled and halved with the filter (1, 3, 3, 1), as in the paper; when doubling,
    pixels at the edge are repeated outwards, where the paper's code has zeros.

    Meant for the loss ``rpgan`` with the penalties ``r1`` and ``r2`` at one weight: without them
    its convergence is not proven and, with no normalisation, not to be expected.  The paper's
    options for FFHQ at 64 px: width 768, 2 blocks, expansion 2, groups of 16 channels, latent 64;
    Adam with 2e-4 falling to 5e-5, betas 0 and 0.9 rising to 0.99, gamma 2 falling to 0.2
    (factor gamma / 2 on the squared gradient norms), batch 256.  The default width is a third.
    Spectral normalisation of the trial is refused: it has no meaning for branches of zeros.
    """

    source: ClassVar[str] = "Huang 2024, arXiv:2501.05441, section 4, config E; the authors' code"
    sizes: ClassVar[tuple[int, ...]] = (16, 32, 64, 128, 256)
    conditional: ClassVar[bool] = True
    default_loss: ClassVar[str] = "rpgan"
    smallest: ClassVar[dict[str, int | float | bool]] = {
        "width": 8,
        "blocks": 1,
        "group": 2,
        "latent": 8,
        "class_embedding": 4,
    }

    name: Literal["r3gan"] = "r3gan"
    width: int = Field(256, ge=4, le=2048, description="filters up to 32 px")
    blocks: int = Field(2, ge=1, le=8, description="residual blocks per size")
    expansion: int = Field(2, ge=1, le=8, description="filters inside a block, times its width")
    group: int = Field(16, ge=1, le=512, description="channels per group of the 3x3 convolutions")
    latent: int = Field(64, ge=1, le=4096, description="dimensions of z")
    class_embedding: int = Field(
        64, ge=1, le=4096, description="dimensions of a class label beside z, if there are labels"
    )

    def check(self, size: int, channels: int, classes: int = 0) -> None:
        """Refuse also filters that the groups do not divide, at any size up to ``size``."""
        super().check(size, channels, classes)
        smallest = min(self._widths(size)) * self.expansion
        halvings = self.width // min(self._widths(size))
        if self.width % halvings or smallest % self.group:
            raise UnsupportedError(
                f"architecture '{self.name}' cannot do width {self.width} at {size} pixels with "
                f"expansion {self.expansion} and groups of {self.group} channels: "
                f"{self.width * self.expansion / halvings:g} filters next to the image; allowed: "
                f"multiples of {self.group}"
            )

    def spectral_problem(self) -> str:
        """A branch whose weights begin at zero has no largest singular value to divide by."""
        return "its residual branches begin at zero"

    def networks(self, task: Task) -> Networks:
        """Both networks."""
        from animesearch.trainers.modules.networks import Networks
        from animesearch.trainers.modules.r3gan import (
            R3ganDiscriminator,
            R3ganGenerator,
            R3ganPlan,
        )

        plan = R3ganPlan(
            channels=task.channels,
            classes=task.classes,
            latent_dim=self.latent,
            widths=self._widths(task.size),
            blocks=self.blocks,
            expansion=self.expansion,
            group=self.group,
            embedding=self.class_embedding,
        )
        return Networks(R3ganGenerator(plan), R3ganDiscriminator(plan))

    def _widths(self, size: int) -> tuple[int, ...]:
        """Filters at 4, 8, ... ``size`` pixels."""
        doublings = size.bit_length() - 3
        return tuple(self.width >> max(0, doubling - 3) for doubling in range(doublings + 1))
