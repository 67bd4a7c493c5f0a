"""Convolutional encoders and decoders, and residual blocks, of seed 002."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from torch import Tensor, nn

from animesearch.trainers.modules.convolutional import initialise_glorot
from animesearch.trainers.modules.networks import Code, Decoder, Encoder, Networks

LOG_VAR_LIMITS = (-30.0, 20.0)


@dataclass(frozen=True)
class AutoencoderPlan:
    """The shape of an encoder, and of the decoder that mirrors it.

    ``filters[i]`` and ``strides[i]`` are those of the encoder's convolution i, kernel 3; ``norm``
    puts batch normalisation between each and its ReLU.  ``hidden`` are the dense layers between
    the last convolution and the code, ``hidden_back`` those between the code and the dense layer
    that restores the last convolution's shape; all of these end in ReLU.  ``transposed`` makes
    the decoder's last layer a transposed convolution instead of a plain one.
    """

    size: int
    channels: int
    latent: int
    filters: tuple[int, ...]
    strides: tuple[int, ...]
    norm: bool = True
    hidden: tuple[int, ...] = ()
    hidden_back: tuple[int, ...] = ()
    transposed: bool = True
    variational: bool = False

    @property
    def deepest(self) -> tuple[int, int, int]:
        """Filters, rows and columns after the last convolution."""
        side = self.size
        for stride in self.strides:
            side //= stride
        return self.filters[-1], side, side

    @property
    def flat(self) -> int:
        """Values after the last convolution."""
        filters, height, width = self.deepest
        return filters * height * width

    def networks(self) -> Networks:
        """Both networks, with Keras's initial weights."""
        encoder, decoder = ConvEncoder(self), ConvDecoder(self)
        encoder.apply(initialise_glorot)
        decoder.apply(initialise_glorot)
        return Networks(decoder, encoder)


class ConvEncoder(Encoder):
    """Convolutions, dense layers, then the code; ``log_var`` where it is variational.

    The logarithm of the variance is held within -30 .. 20, where its exponential is finite.
    """

    def __init__(self, plan: AutoencoderPlan) -> None:
        super().__init__()
        self.variational = plan.variational
        widths = (plan.channels, *plan.filters)
        parts: list[nn.Module] = []
        for (inputs, outputs), stride in zip(pairwise(widths), plan.strides, strict=True):
            conv = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=not plan.norm)
            parts += [conv, *norm_relu(outputs, plan.norm)]
        dense = dense_relu((plan.flat, *plan.hidden))
        self.body = nn.Sequential(*parts, nn.Flatten(), *dense)
        features = (plan.flat, *plan.hidden)[-1]
        self.mean = nn.Linear(features, plan.latent)
        self.log_var = nn.Linear(features, plan.latent) if plan.variational else None

    def forward(self, x_BCHW: Tensor) -> Code:
        """Images to codes (B, Z)."""
        features = self.body(x_BCHW)
        if self.log_var is None:
            return Code(self.mean(features), None)
        return Code(self.mean(features), self.log_var(features).clamp(*LOG_VAR_LIMITS))


class ConvDecoder(Decoder):
    """Dense layers, transposed convolutions that mirror the encoder's, a last layer, a sigmoid."""

    def __init__(self, plan: AutoencoderPlan) -> None:
        super().__init__(plan.latent, plan.size, (0.0, 1.0), plan.variational)
        dense = dense_relu((plan.latent, *plan.hidden_back, plan.flat))
        mirrored = plan.filters[::-1]
        parts: list[nn.Module] = []
        steps = zip(pairwise((mirrored[0], *mirrored)), plan.strides[::-1], strict=True)
        for (inputs, outputs), stride in steps:
            conv = nn.ConvTranspose2d(
                inputs, outputs, 3, stride, 1, output_padding=stride - 1, bias=not plan.norm
            )
            parts += [conv, *norm_relu(outputs, plan.norm)]
        self.body = nn.Sequential(*dense, nn.Unflatten(1, plan.deepest), *parts)
        kind = nn.ConvTranspose2d if plan.transposed else nn.Conv2d
        self.last = kind(mirrored[-1], plan.channels, 3, padding=1)

    def decode(self, code_BZ: Tensor) -> Tensor:
        """Codes to images in [0, 1]."""
        x_BCHW: Tensor = self.last(self.body(code_BZ)).sigmoid()
        return x_BCHW


def norm_relu(filters: int, norm: bool) -> list[nn.Module]:
    """Batch normalisation where ``norm``, then ReLU."""
    return [*([nn.BatchNorm2d(filters)] if norm else []), nn.ReLU(inplace=True)]


def dense_relu(widths: tuple[int, ...]) -> list[nn.Module]:
    """Dense layers from each width to the next, with ReLU; none for a single width."""
    parts: list[nn.Module] = []
    for inputs, outputs in pairwise(widths):
        parts += [nn.Linear(inputs, outputs), nn.ReLU(inplace=True)]
    return parts
