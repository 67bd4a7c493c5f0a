"""Images from a trained generator, and grids of them."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor, nn

from animesearch.files import write_atomic
from animesearch.metrics.images import quantise
from animesearch.trainers.latents import sample_labels, sample_latents
from animesearch.trainers.modules.networks import Generator


class Inputs(NamedTuple):
    """What numbered samples are drawn from: latents, and labels where there are classes."""

    z_BZ: Tensor
    y_B: Tensor | None


class Sampler:
    """``sampler(start, count)``: uint8 images (count, C, H, W) of numbered latents.

    A conditional generator gets a label for each, drawn with ``class_shares``, one share per
    class (all alike without); sample i has the same label whatever else is drawn.  ``truncation``
    in 0..1 is that of :meth:`Generator.draw`.  The generator is put in evaluation mode while it
    draws.  Images stay on its device; what is drawn does not depend on how the count is split,
    up to rounding.  Raises :class:`MetricError` where a pixel is not finite, :class:`ValueError`
    for shares of another number of classes.
    """

    def __init__(
        self,
        generator: Generator,
        device: str = "cpu",
        batch: int = 256,
        class_shares: Sequence[float] | None = None,
        truncation: float = 1.0,
    ) -> None:
        self.generator, self.device, self.batch = generator, torch.device(device), batch
        self.class_shares = tuple(class_shares or [1.0] * generator.classes)
        self.truncation = truncation
        if generator.classes and len(self.class_shares) != generator.classes:
            raise ValueError(
                f"the generator has {generator.classes} classes, there are "
                f"{len(self.class_shares)} shares"
            )

    @torch.no_grad()
    def __call__(self, start: int, count: int) -> Tensor:
        """Images of the samples ``start`` .. ``start + count``; ``count`` >= 1."""
        offsets = range(start, start + count, self.batch)
        stop = start + count
        with evaluating(self.generator):
            return torch.cat([self._some(o, min(self.batch, stop - o)) for o in offsets])

    def inputs(self, start: int, count: int) -> Inputs:
        """Latents (count, Z) and labels (count,) of the samples, on the generator's device."""
        z_BZ = torch.from_numpy(sample_latents(start, count, self.generator.latent_dim))
        if not self.generator.classes:
            return Inputs(z_BZ.to(self.device), None)
        y_B = torch.from_numpy(sample_labels(start, count, self.class_shares))
        return Inputs(z_BZ.to(self.device), y_B.to(self.device))

    def pixels(self, x_BCHW: Tensor) -> Tensor:
        """What the generator drew at any stage as uint8 images of the full size."""
        return quantise(self.generator.enlarge(x_BCHW), *self.generator.output_range)

    def _some(self, start: int, count: int) -> Tensor:
        x_BCHW = self.generator.to_size(*self.inputs(start, count), self.truncation)
        return quantise(x_BCHW, *self.generator.output_range)


@contextmanager
def evaluating(*modules: nn.Module) -> Iterator[None]:
    """Evaluation mode inside; each module's own mode again after it."""
    modes = [module.training for module in modules]
    try:
        for module in modules:
            module.eval()
        yield
    finally:
        for module, training in zip(modules, modes, strict=True):
            module.train(training)


def grid_image(x_NCHW: npt.NDArray[np.uint8], columns: int, gap: int = 2) -> Image.Image:
    """Images in rows of ``columns``, ``gap`` white pixels apart; 1 channel or 3."""
    count, channels, height, width = x_NCHW.shape
    rows = -(-count // columns)
    sheet_HWC = np.full(
        (rows * (height + gap) - gap, columns * (width + gap) - gap, channels), 255, np.uint8
    )
    for number, x_CHW in enumerate(x_NCHW):
        top, left = (number // columns) * (height + gap), (number % columns) * (width + gap)
        sheet_HWC[top : top + height, left : left + width] = x_CHW.transpose(1, 2, 0)
    return Image.fromarray(sheet_HWC[:, :, 0] if channels == 1 else sheet_HWC)


def save_png(image: Image.Image, path: Path) -> None:
    """Write a PNG atomically."""
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    write_atomic(path, buffer.getvalue())
