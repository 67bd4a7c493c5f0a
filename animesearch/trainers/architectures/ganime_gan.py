"""GAN of seed 002 (C3) and what its authors tried on it (C4)."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from animesearch.trainers.architectures.base import ARCHITECTURES, ArchitectureSpec, Task

if TYPE_CHECKING:
    from animesearch.trainers.modules.networks import Networks


class GanimeOptions(ArchitectureSpec):
    """Options that seed 002's two GANs share."""

    sizes: ClassVar[tuple[int, ...]] = (32, 64, 128)
    output_range: ClassVar[tuple[float, float]] = (0.0, 1.0)

    width: int = Field(
        512, ge=32, le=2048, multiple_of=32, description="filters of G at 4 px, halved per doubling"
    )
    latent: int = Field(100, ge=1, le=4096, description="dimensions of z")
    upsample: Literal["transposed", "nearest"] = Field(
        "transposed",
        description="how G doubles: transposed convolution of stride 2, or nearest "
        "upsampling and a 3x3 convolution",
    )
    kernel: Literal[3, 4, 5] = Field(4, description="kernel of the transposed convolutions")
    batch_norm: bool = Field(False, description="batch normalisation after each layer of G")
    duplicate: bool = Field(
        False, description="a layer of stride 1 after each doubling of G but the last"
    )
    skip: Literal["none", "2-5", "all"] = Field(
        "none",
        description="shortcuts in G: 2-5 = from the output of its second layer to the input of "
        "its last doubling (the fifth layer at 64 px), all = around each doubling but the image's",
    )
    noise: float = Field(
        0.0, ge=0, le=10, description="sd of Gaussian noise between G's layers while training"
    )
    extra_stage: bool = Field(
        False, description="one more layer in G: the last doubling keeps width, a 3x3 layer follows"
    )
    d_width: int = Field(16, ge=1, le=512, description="filters of D's first layer")
    d_dense: int = Field(512, ge=1, le=8192, description="units of D's two dense layers")
    d_stride: Literal[1, 2] = Field(
        2,
        description="stride of D's last three convolutions; 1 gives the first dense layer "
        "134 million weights at 64 px",
    )

    def _pair(self, task: Task, blocks: int = 0, d_blocks: int = 0) -> Networks:
        from animesearch.trainers.modules.ganime import (
            DiscriminatorPlan,
            GanimeGenerator,
            GeneratorPlan,
        )
        from animesearch.trainers.modules.networks import Networks

        generator = GeneratorPlan(
            size=task.size,
            channels=task.channels,
            latent=self.latent,
            width=self.width,
            kernel=self.kernel,
            upsample=self.upsample,
            norm=self.batch_norm,
            duplicate=self.duplicate,
            skip=self.skip,
            noise=self.noise,
            extra=self.extra_stage,
            blocks=blocks,
        )
        discriminator = DiscriminatorPlan(
            task.size, task.channels, self.d_width, self.d_dense, self.d_stride, d_blocks
        )
        return Networks(GanimeGenerator(generator), discriminator.discriminator())


@ARCHITECTURES.register
class GanimeGan(GanimeOptions):
    """GAN of seed 002: dense and transposed convolutions against a small VGG, no batch norm.

    G: a dense layer from z (100) to 4x4x512, then transposed convolutions of stride 2, each of
    which doubles the side and halves the filters, with ReLU; the last has as many filters as the
    image has channels, and a sigmoid: images in [0, 1].  D: 3x3 convolutions of 16 and 32
    filters, 2x2 max-pooling, convolutions of 64, 128 and 256, dense layers of 512 and 512, each
    with ReLU, and a dense layer to the raw logit.

    Where the seed is silent: transposed kernels are 4x4 (Radford 2016), D's 3x3 (VGG); the dense
    layer of G has a ReLU; weights begin as Keras's (Glorot, biases 0).  It does not give the
    stride of D's last three convolutions: taken as 2, so that D ends at 4x4 like G begins;
    ``d_stride: 1`` is the other reading.

    What the authors tried on it are options (each is off in their first network, FID 127):
    ``batch_norm``, ``duplicate``, ``skip``, ``noise``, ``extra_stage`` (greyscale by transfer,
    FID 110), and ``upsample: nearest``, which they recommend at the end.  They skip "from the
    second to just before the fifth" layer, but 4 px need four doublings to 64: so the dense
    layer is counted as the first.  How a skip joins is not said: a 1x1 convolution to the right
    number of filters, nearest upsampling, and a sum.  Noise acts in training only, as Keras's
    layer does; its deviation is not given.
    """

    source: ClassVar[str] = "seed 002 (C3, C4)"
    smallest: ClassVar[dict[str, int | float | bool]] = {
        "width": 64,
        "latent": 8,
        "d_width": 4,
        "d_dense": 16,
    }

    name: Literal["ganime-gan"] = "ganime-gan"

    def networks(self, task: Task) -> Networks:
        """Both networks."""
        return self._pair(task)
