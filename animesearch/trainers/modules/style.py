"""What StyleGAN and StyleGAN2 share: mapping, noise, mixing, and the end of D."""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from animesearch.trainers.modules.batchwide import average
from animesearch.trainers.modules.layers import (
    MinibatchStdDev,
    PixelNorm,
    ScaledConv,
    ScaledLinear,
)
from animesearch.trainers.modules.networks import StyleGenerator

SLOPE = 0.2
"""Of every LeakyReLU."""
GAIN = math.sqrt(2)
"""He's gain of layers before a LeakyReLU, in the weights as in Karras 2019."""
AVERAGED = 200
"""Batches that the mean style remembers: a decay of 0.995 each (Karras 2019's code)."""


@dataclass(frozen=True)
class StylePlan:
    """The shape of a style network.

    ``filters[d]`` are those at ``4 * 2**d`` px; ``mixing`` is the share of images made from two
    latents; ``mapping_lr`` multiplies the learning rate of the mapping network, of ``depth``
    layers.
    """

    channels: int
    classes: int
    latent_dim: int
    style_dim: int
    depth: int
    mapping_lr: float
    mixing: float
    filters: tuple[int, ...]

    @property
    def last(self) -> int:
        """Doublings from 4 px to the full size."""
        return len(self.filters) - 1

    @property
    def size(self) -> int:
        """Side of the full image in pixels."""
        return 4 << self.last


def leaky(x: Tensor) -> Tensor:
    """LeakyReLU in place."""
    return functional.leaky_relu(x, SLOPE, inplace=True)


def crossed(w1_BW: Tensor, w2_BW: Tensor, crossover_B: Tensor, layers: int) -> Tensor:
    """Styles (B, ``layers``, W): the first of them w1, from layer number ``crossover_B`` on w2."""
    layer_L = torch.arange(layers, device=w1_BW.device)
    first_BL = layer_L < crossover_B[:, None]
    return torch.where(first_BL[:, :, None], w1_BW[:, None], w2_BW[:, None])


def embedded(embedding: nn.Embedding, y_B: Tensor | None) -> Tensor:
    """Embeddings of the labels; ValueError where there are none."""
    if y_B is None:
        raise ValueError(f"a network of {embedding.num_embeddings} classes needs labels y_B")
    vectors_BC: Tensor = embedding(y_B)
    return vectors_BC


class Mapping(nn.Module):
    """z to w (Karras 2019, section 2): normalised z, then dense layers and LeakyReLU.

    With classes an embedding as wide as z, normalised too, is put beside z (Karras 2020b,
    stylegan2-ada).
    """

    def __init__(self, plan: StylePlan) -> None:
        super().__init__()
        self.normalise = PixelNorm()
        self.embedding = nn.Embedding(plan.classes, plan.latent_dim) if plan.classes else None
        inputs = plan.latent_dim * (2 if plan.classes else 1)
        widths = [inputs, *[plan.style_dim] * plan.depth]
        self.layers = nn.ModuleList(
            ScaledLinear(a, b, GAIN, rate=plan.mapping_lr) for a, b in pairwise(widths)
        )

    def forward(self, z_BZ: Tensor, y_B: Tensor | None = None) -> Tensor:
        """Styles (B, W)."""
        x_BC: Tensor = self.normalise(z_BZ)
        if self.embedding is not None:
            x_BC = torch.cat([x_BC, self.normalise(embedded(self.embedding, y_B))], 1)
        for layer in self.layers:
            x_BC = leaky(layer(x_BC))
        return x_BC


class NoiseInput(nn.Module):
    """Adds Gaussian noise, one map for all features, weighted by a learnt ``strength``.

    A weight for each of ``channels`` features (StyleGAN) or one for all (StyleGAN2), from 0.  In
    training the noise is fresh for each image, otherwise it is a fixed map: what is drawn depends
    on the styles alone.
    """

    fixed_11HH: Tensor

    def __init__(self, size: int, channels: int = 1) -> None:
        super().__init__()
        self.strength = nn.Parameter(torch.zeros(1, channels, 1, 1))
        self.register_buffer("fixed_11HH", torch.randn(1, 1, size, size))

    def forward(self, x_BCHH: Tensor, gain: float = 1.0) -> Tensor:
        """The features with noise of ``gain`` times the strength."""
        noise_B1HH = self.fixed_11HH
        if self.training:
            shape = (len(x_BCHH), 1, *x_BCHH.shape[2:])
            noise_B1HH = torch.randn(shape, device=x_BCHH.device)
        return x_BCHH + (noise_B1HH * (self.strength * gain)).to(x_BCHH.dtype)


class MixingGenerator(StyleGenerator):
    """Mapping, mixing regularisation and the mean style; subclasses draw images of styles.

    In training each image has two latents with the probability ``plan.mixing``, the second from
    a layer on that is drawn evenly among the active ones (Karras 2019, section 3.1; the official
    code draws once for all images of a GPU).  Official networks have no tanh: images are linear
    in training, and cut off at [-1, 1] otherwise.

    The mean style is the mean over the first 200 training batches, then a moving average of
    decay 0.995; the official one has that decay from the start, which a short training feels.
    """

    mean_W: Tensor
    batches: Tensor

    def __init__(self, plan: StylePlan) -> None:
        super().__init__(plan.latent_dim, plan.size)
        self.plan, self.classes = plan, plan.classes
        self.layers = 2 * plan.last + 2
        self.mapper = Mapping(plan)
        self.register_buffer("mean_W", torch.zeros(plan.style_dim))
        self.register_buffer("batches", torch.zeros((), dtype=torch.int64))

    @property
    @abstractmethod
    def active(self) -> int:
        """Styles in use at the current stage, at least 2."""

    @abstractmethod
    def linear(self, w_BLW: Tensor) -> Tensor:
        """Images of the current stage, their range unlimited."""

    def mapping(self, z_BZ: Tensor, y_B: Tensor | None = None) -> Tensor:
        """Latents to styles w (B, W)."""
        w_BW: Tensor = self.mapper(z_BZ, y_B)
        return w_BW.to(self.mean_W.dtype)  # that of autocast is narrower

    def synthesis(self, w_BLW: Tensor) -> Tensor:
        """One w per layer to images; in [-1, 1] unless in training mode."""
        x_BCHW = self.linear(w_BLW)
        return x_BCHW if self.training else x_BCHW.clamp(*self.output_range)

    def mean_style(self) -> Tensor:
        """The average w (W,) of training, of all classes together."""
        return self.mean_W

    def forward(self, z_BZ: Tensor, y_B: Tensor | None = None) -> Tensor:
        """Images of latents; in training mode with mixing, and the mean style moves."""
        if not self.training:
            return self.draw(z_BZ, y_B)
        w_BW = self.mapping(z_BZ, y_B)
        self.observe(w_BW)
        return self.synthesis(self.mixed(w_BW, y_B))

    def mixed(self, w_BW: Tensor, y_B: Tensor | None = None) -> Tensor:
        """Styles (B, ``layers``, W), of some images crossed with those of a second latent."""
        if self.plan.mixing == 0:
            return w_BW[:, None].expand(-1, self.layers, -1)
        batch, device = len(w_BW), w_BW.device
        z_BZ = torch.randn(batch, self.latent_dim, device=device)
        crossover_B = torch.randint(1, self.active, (batch,), device=device)
        two_B = torch.rand(batch, device=device) < self.plan.mixing
        crossover_B = torch.where(two_B, crossover_B, self.layers)
        return crossed(w_BW, self.mapping(z_BZ, y_B), crossover_B, self.layers)

    @torch.no_grad()
    def observe(self, w_BW: Tensor) -> None:
        """Move the mean style towards that of a batch."""
        self.batches += 1
        rate = 1 / self.batches.clamp(max=AVERAGED)
        self.mean_W.lerp_(average(w_BW.mean(0)), rate)


def last_layers(filters: int, group: int) -> nn.Sequential:
    """Features of D at 4 px to (B, ``filters``): minibatch deviation, 3x3 convolution, dense."""
    return nn.Sequential(
        MinibatchStdDev(group),
        ScaledConv(filters + 1, filters, 3, GAIN),
        nn.LeakyReLU(SLOPE, inplace=True),
        nn.Flatten(),
        ScaledLinear(filters * 16, filters, GAIN),
        nn.LeakyReLU(SLOPE, inplace=True),
    )
