"""Real training steps of small networks, and what a network's weights depend on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from animesearch.datasets.drawing.face import draw_face
from animesearch.trainers.architectures import ARCHITECTURES
from animesearch.trainers.config import TrialConfig
from animesearch.trainers.games import Game, make_game
from animesearch.trainers.modules.networks import Networks
from animesearch.trainers.setting import TrialSetting
from animesearch.trainers.step import Batch


def small(name: str, size: int = 32, channels: int = 3, **options: Any) -> Networks:
    """The architecture's smallest build with ``options``, always the same weights."""
    torch.manual_seed(0)
    smallest = ARCHITECTURES.get(name).smallest
    return ARCHITECTURES.parse({"name": name, **smallest, **options}).build(size, channels)


def game(name: str, networks: Networks, **options: Any) -> Game:
    """The training of ``networks`` with the architecture's own loss, or that of ``options``."""
    config = TrialConfig.model_validate({"architecture": name, **options})
    setting = TrialSetting(Path("unused"), networks.generator.size, 3, 1000, (1000,))
    return make_game(config, setting, networks)


def idle(name: str, networks: Networks, channels: int = 3, steps: int = 1) -> set[str]:
    """Parameters of both networks that never got a gradient in some real training steps."""
    player = game(name, networks)
    low, high = networks.generator.output_range
    size = networks.generator.size
    learned: set[str] = set()
    for iteration in range(steps):
        x_BCHW = torch.rand(8, channels, size, size) * (high - low) + low
        player.play([Batch(x_BCHW, None)], iteration)
        learned |= {n for n, p in _parameters(networks) if p.grad is not None and p.grad.any()}
    return {n for n, _ in _parameters(networks)} - learned


def bound_to_channels(name: str, size: int = 64, **options: Any) -> set[str]:
    """Weights with another shape for colour than for grey; the names must be the same."""
    grey, colour = (_shapes(small(name, size, channels, **options)) for channels in (1, 3))
    assert grey.keys() == colour.keys()
    return {key for key in grey if grey[key] != colour[key]}


def faces(count: int, size: int, first: int = 0) -> Tensor:
    """Drawn faces in [0, 1], (count, 3, size, size)."""
    images = [draw_face(0, first + index, size)[0] for index in range(count)]
    return torch.from_numpy(np.stack(images)).movedim(3, 1).float() / 255


def _parameters(networks: Networks) -> list[tuple[str, nn.Parameter]]:
    parts = {"generator": networks.generator, "partner": networks.partner}
    return [(f"{n}.{k}", p) for n, module in parts.items() for k, p in module.named_parameters()]


def _shapes(networks: Networks) -> dict[str, tuple[int, ...]]:
    parts = {"generator": networks.generator, "partner": networks.partner}
    return {
        f"{name}.{key}": tuple(value.shape)
        for name, module in parts.items()
        for key, value in module.state_dict().items()
    }
