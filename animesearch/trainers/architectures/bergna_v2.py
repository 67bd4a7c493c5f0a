"""The later GANs of seed 000, versions 2 to 5 (A2)."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal, NamedTuple

from pydantic import Field, model_validator

from animesearch.errors import UnsupportedError
from animesearch.trainers.architectures.base import ARCHITECTURES, ArchitectureSpec, Task

if TYPE_CHECKING:
    from torch import nn

    from animesearch.trainers.modules.networks import Networks

FIRST_SIDE = 4
"""Side of G's first image and of D's last, in pixels."""
DOUBLINGS_D, HALVINGS_G = 2, 3
"""How often D doubles and G halves its width."""
MAX_POOLING = 2
SLOPE_D = 0.01


class Sliding(NamedTuple):
    """How a (transposed) convolution slides over an image."""

    kernel: int
    stride: int

    @property
    def padding(self) -> int:
        """The one padding with which sides change by the stride exactly, and not at stride 1."""
        return (self.kernel - 1) // 2

    @property
    def output_padding(self) -> int:
        """What a transposed convolution lacks of the multiple of its input's side."""
        return self.stride + 2 * self.padding - self.kernel

    @property
    def possible(self) -> bool:
        """Whether there is such a padding."""
        return self.stride > 1 or self.kernel % 2 == 1


class Geometry(NamedTuple):
    """The three kinds of layers: next to the image, those that keep width, those that change it."""

    stem: Sliding
    keep: Sliding
    resize: Sliding


Preset = Literal["v2", "v3", "v4", "v5"]
PRESETS: dict[Preset, Geometry] = {
    "v2": Geometry(Sliding(7, 2), Sliding(3, 1), Sliding(3, 2)),
    "v3": Geometry(Sliding(3, 1), Sliding(3, 1), Sliding(4, 2)),
    "v4": Geometry(Sliding(5, 2), Sliding(5, 1), Sliding(5, 2)),
    "v5": Geometry(Sliding(3, 2), Sliding(3, 1), Sliding(2, 2)),
}


@ARCHITECTURES.register
class BergnaV2(ArchitectureSpec):
    """VGG16 and ResNet18 crossed: D of 7 stages, G of 9, kernels and strides by preset.

    D: stem (convolution, batch norm, LeakyReLU(0.01), max-pooling by 2); five stages of
    convolution, batch norm and LeakyReLU that keep width and size (1st, 3rd, 5th) or double the
    width and shrink (2nd, 4th); average pooling to 4 px and a 4x4 convolution to the raw logit.
    G, that reversed and two stages more: a transposed convolution to 4 px, batch norm, dropout,
    nearest upsampling; seven stages that keep (transposed convolution, batch norm, ReLU) or
    halve the width and enlarge (with dropout before the ReLU); last a transposed convolution,
    batch norm, tanh.  Filters: ``width`` (64), twice, 4 times in D; 8 times down to 1 in G.
    At 128 px ``v2`` has 5,514,182 parameters in G and 1,158,081 in D.

    Strides can vary because the poolings give way: D averages what its strides leave over 4 px,
    G's first upsampling makes up for what its strides lack, by 2 at 128 px with ``v2``.  So 32
    and 64 px keep all stages; at 32 px the stem's stride is 1 where nothing else is asked for.
    Padding is no option: the seed varied it without changing sizes, and then kernel and stride
    leave one choice, (kernel - 1) // 2, for stride 1 with odd kernels only.  Stride 1 in the
    stages that resize makes most layers of G work at half the image's side: many times slower.

    The seed prints no figure of any version: no kernels, no learning rates.  The presets are
    therefore ours, as stem/keep/resize with kernel and stride: ``v2`` 7,2/3,1/3,2 (ResNet18),
    ``v3`` 3,1/3,1/4,2 (VGG16's stem, DCGAN's resizing), ``v4`` 5,2/5,1/5,2 (the kernels of
    Radford's code), ``v5`` 3,2/3,1/2,2 (no overlap, so no chequers: Odena 2016).  The two
    learning rates that the versions also differ in are a space's ``generator.lr`` and
    ``discriminator.lr``; 2e-4 with beta1 0.5 (Radford) is where to begin.  Also from the
    references: weights from N(0, 0.02), no residual connections (the seed describes none), no
    biases but in D's last layer.  Dropout's rate is not given either: the usual 0.5 leaves the
    statistics that batch norm collects far from those without dropout, so that drawn images get
    another colour than those seen in training; at 0.1 that was not seen.
    """

    source: ClassVar[str] = "seed 000 (A2), sections V-C, V-D; arXiv:1409.1556, 1512.03385"
    sizes: ClassVar[tuple[int, ...]] = (32, 64, 128)
    smallest: ClassVar[dict[str, int | float | bool]] = {"width": 2, "latent": 8}

    name: Literal["bergna-v2"] = "bergna-v2"
    preset: Preset = Field("v2", description="version whose kernels and strides are used")
    width: int = Field(64, ge=1, le=512, description="filters of the stage next to the image")
    latent: int = Field(100, ge=1, le=4096, description="dimensions of z")
    dropout: float = Field(0.1, ge=0, lt=1, description="share of values that G's layers drop")
    stem_kernel: int | None = Field(
        None, ge=2, le=9, description="kernel next to the image; null = the preset's"
    )
    stem_stride: Literal[1, 2] | None = Field(
        None, description="stride next to the image; null = the preset's, 1 at 32 px"
    )
    keep_kernel: Literal[1, 3, 5, 7] | None = Field(
        None, description="kernel of stages that keep width and size; null = the preset's"
    )
    resize_kernel: int | None = Field(
        None, ge=2, le=9, description="kernel of stages that change width; null = the preset's"
    )
    resize_stride: Literal[1, 2] | None = Field(
        None, description="stride of stages that change width; null = the preset's"
    )

    @model_validator(mode="after")
    def _layers_are_possible(self) -> BergnaV2:
        for problem in _impossible(self.geometry(self.sizes[-1])):
            raise ValueError(problem)
        return self

    def geometry(self, size: int) -> Geometry:
        """Kernels and strides at ``size`` pixels: the preset's, overridden by the options."""
        preset = PRESETS[self.preset]
        stem_stride = 1 if size == self.sizes[0] else preset.stem.stride
        return Geometry(
            stem=_overridden(
                Sliding(preset.stem.kernel, stem_stride), self.stem_kernel, self.stem_stride
            ),
            keep=_overridden(preset.keep, self.keep_kernel, None),
            resize=_overridden(preset.resize, self.resize_kernel, self.resize_stride),
        )

    def check(self, size: int, channels: int, classes: int = 0) -> None:
        """Also refuses strides that leave less than 4 px, and even kernels at stride 1."""
        super().check(size, channels, classes)
        geometry = self.geometry(size)
        for problem in _impossible(geometry):
            raise UnsupportedError(f"architecture '{self.name}' at {size} pixels: {problem}")
        if min(_pooling(size, geometry), _upsampling(size, geometry)) < 1:
            raise UnsupportedError(
                f"architecture '{self.name}' cannot do images of {size} pixels with stem_stride "
                f"{geometry.stem.stride} and resize_stride {geometry.resize.stride}: less than "
                f"{FIRST_SIDE} pixels are left; allowed: 1 for either"
            )

    def networks(self, task: Task) -> Networks:
        """Both networks."""
        from animesearch.trainers.modules.convolutional import initialise_normal
        from animesearch.trainers.modules.networks import (
            Networks,
            PlainDiscriminator,
            PlainGenerator,
        )

        generator, discriminator = _generator_body(self, task), _discriminator_body(self, task)
        for body in (generator, discriminator):
            body.apply(initialise_normal)
        return Networks(
            PlainGenerator(generator, self.latent, task.size), PlainDiscriminator(discriminator)
        )


def _overridden(preset: Sliding, kernel: int | None, stride: int | None) -> Sliding:
    return Sliding(
        preset.kernel if kernel is None else kernel, preset.stride if stride is None else stride
    )


def _impossible(geometry: Geometry) -> list[str]:
    """Why layers cannot slide as asked; empty where they can."""
    return [
        f"{layer}_kernel {sliding.kernel} at stride {sliding.stride} has no padding that keeps "
        "the size; allowed at stride 1: odd kernels"
        for layer, sliding in zip(geometry._fields, geometry, strict=True)
        if not sliding.possible
    ]


def _pooling(size: int, geometry: Geometry) -> int:
    """Factor of D's average pooling: what stem, max-pooling and stages leave over 4 px."""
    shrunk = geometry.stem.stride * MAX_POOLING * geometry.resize.stride**DOUBLINGS_D
    return size // (FIRST_SIDE * shrunk)


def _upsampling(size: int, geometry: Geometry) -> int:
    """Factor of G's first upsampling: what its other stages lack."""
    return size // (FIRST_SIDE * geometry.stem.stride * geometry.resize.stride**HALVINGS_G)


def _discriminator_body(spec: BergnaV2, task: Task) -> nn.Sequential:
    """Seven stages, each a Sequential of its own."""
    from torch import nn

    geometry, width = spec.geometry(task.size), spec.width
    stem = [*_convolved(task.channels, width, geometry.stem), nn.MaxPool2d(MAX_POOLING)]
    stages = [nn.Sequential(*stem), nn.Sequential(*_convolved(width, width, geometry.keep))]
    for _ in range(DOUBLINGS_D):
        stages.append(nn.Sequential(*_convolved(width, 2 * width, geometry.resize)))
        width *= 2
        stages.append(nn.Sequential(*_convolved(width, width, geometry.keep)))
    pool = nn.AvgPool2d(_pooling(task.size, geometry))
    return nn.Sequential(*stages, nn.Sequential(pool, nn.Conv2d(width, 1, FIRST_SIDE)))


def _convolved(inputs: int, outputs: int, sliding: Sliding) -> list[nn.Module]:
    """What every stage of D but the last begins with."""
    from torch import nn

    kernel, stride = sliding
    return [
        nn.Conv2d(inputs, outputs, kernel, stride, sliding.padding, bias=False),
        nn.BatchNorm2d(outputs),
        nn.LeakyReLU(SLOPE_D, inplace=True),
    ]


def _generator_body(spec: BergnaV2, task: Task) -> nn.Sequential:
    """Nine stages, each a Sequential of its own."""
    from torch import nn

    geometry, width = spec.geometry(task.size), spec.width << HALVINGS_G
    first = [
        nn.ConvTranspose2d(spec.latent, width, FIRST_SIDE, bias=False),
        nn.BatchNorm2d(width),
        nn.Dropout(spec.dropout),
        nn.Upsample(scale_factor=_upsampling(task.size, geometry)),
    ]
    stages = [nn.Sequential(*first), _kept(width, geometry)]
    for _ in range(HALVINGS_G):
        halved = _transposed(width, width // 2, geometry.resize)
        halved += [nn.Dropout(spec.dropout), nn.ReLU(inplace=True)]
        width //= 2
        stages += [nn.Sequential(*halved), _kept(width, geometry)]
    last = _transposed(width, task.channels, geometry.stem)
    return nn.Sequential(*stages, nn.Sequential(*last, nn.Tanh()))


def _kept(width: int, geometry: Geometry) -> nn.Sequential:
    """A stage of G that keeps width and size."""
    from torch import nn

    return nn.Sequential(*_transposed(width, width, geometry.keep), nn.ReLU(inplace=True))


def _transposed(inputs: int, outputs: int, sliding: Sliding) -> list[nn.Module]:
    """What every stage of G after the first begins with."""
    from torch import nn

    kernel, stride = sliding
    pads = sliding.padding, sliding.output_padding
    return [
        nn.ConvTranspose2d(inputs, outputs, kernel, stride, *pads, bias=False),
        nn.BatchNorm2d(outputs),
    ]
