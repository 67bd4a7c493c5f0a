"""What a network consists of, read off a pass through it on no device."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn

from animesearch.trainers.architectures import ARCHITECTURES
from animesearch.trainers.modules.networks import Networks

Layer: TypeAlias = tuple[str, tuple[int, ...], int]
"""Name of the class, shape of one output without the batch, trainable parameters."""

KERAS: Mapping[str, str] = {
    "Linear": "Dense",
    "BatchNorm1d": "BatchNormalization",
    "BatchNorm2d": "BatchNormalization",
    "Conv2d": "Conv2D",
    "HalvingConv2d": "Conv2D",
    "ConvTranspose2d": "Conv2DTranspose",
    "DoublingConv2d": "Conv2DTranspose",
    "Unflatten": "Reshape",
    "Upsample": "UpSampling2D",
}
"""Keras's words for PyTorch's layers, where they differ."""


def on_paper(size: int, channels: int, name: str, **options: Any) -> Networks:
    """Networks without memory: shapes and counts only."""
    with torch.device("meta"):
        return ARCHITECTURES.parse({"name": name, **options}).build(size, channels)


def parameters(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def generated(networks: Networks) -> list[Layer]:
    """G's layers."""
    z_BZ = torch.zeros(2, networks.generator.latent_dim, device="meta")
    return _passed(networks.generator, z_BZ)


def judged(networks: Networks, channels: int) -> list[Layer]:
    """D's layers."""
    size = networks.generator.size
    return _passed(networks.discriminator, torch.zeros(2, channels, size, size, device="meta"))


def stage_shapes(body: nn.Module, x: Tensor) -> list[tuple[int, ...]]:
    """Shapes after each child of ``body``, without the batch."""
    shapes = []
    for stage in body.children():
        x = stage(x)
        shapes.append(tuple(x.shape[1:]))
    return shapes


def _passed(module: nn.Module, x: Tensor) -> list[Layer]:
    layers: list[Layer] = []

    def note(part: nn.Module, _: object, output: Tensor) -> None:
        kind = type(part).__name__
        layers.append((KERAS.get(kind, kind), tuple(output.shape[1:]), parameters(part)))

    handles = [
        part.register_forward_hook(note) for part in module.modules() if not list(part.children())
    ]
    module(x)
    for handle in handles:
        handle.remove()
    return layers
