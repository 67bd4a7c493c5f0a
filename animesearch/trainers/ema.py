"""The moving average of a generator (Karras 2020, StyleGAN2's training loop)."""

from __future__ import annotations

import copy

import torch
from torch import Tensor

from animesearch.trainers.config import EmaOptions
from animesearch.trainers.modules.networks import Generator


def decay(options: EmaOptions, step: int, images: int) -> float:
    """Weight of the old average after ``step`` more images, ``images`` shown in all.

    ``0.5 ** (step / h)``, where h is the half-life, at most ``ramp * images`` where a ramp is
    set; 0 with no half-life (the average is then the generator itself).
    """
    ramped = options.ramp * images if options.ramp else options.half_life
    half_life = min(float(options.half_life), ramped)
    return float(0.5 ** (step / half_life)) if half_life > 0 else 0.0


class AverageGenerator:
    """Holds ``module``, the averaged copy of a generator, in evaluation mode.

    Running statistics are averaged like weights, since they belong to them; integer counters
    are copied.
    """

    def __init__(self, generator: Generator, options: EmaOptions) -> None:
        self.options = options
        self.module = copy.deepcopy(generator).eval().requires_grad_(False)
        self._pairs = _pairs(self.module, generator)
        self._counters = [
            (mine, other)
            for mine, other in zip(self.module.buffers(), generator.buffers(), strict=True)
            if not mine.is_floating_point()
        ]

    @torch.no_grad()
    def update(self, step: int, images: int) -> None:
        """Take in the generator after an iteration of ``step`` images, ``images`` in all."""
        averages, currents = self._pairs
        torch._foreach_lerp_(averages, currents, 1.0 - decay(self.options, step, images))
        for mine, other in self._counters:
            mine.copy_(other)


def _pairs(average: Generator, current: Generator) -> tuple[list[Tensor], list[Tensor]]:
    """Parameters and floating-point buffers of both, in one order; they share the storage."""

    def floats(module: Generator) -> list[Tensor]:
        tensors = [*module.parameters(), *module.buffers()]
        return [tensor.detach() for tensor in tensors if tensor.is_floating_point()]

    return floats(average), floats(current)
