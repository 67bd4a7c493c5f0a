"""Images from a trained generator, and grids of them."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor

from animesearch.files import write_atomic
from animesearch.metrics.images import quantise
from animesearch.trainers.latents import sample_latents
from animesearch.trainers.modules.networks import Generator


class Sampler:
    """``sampler(start, count)``: uint8 images (count, C, H, W) of numbered latents.

    The generator is put in evaluation mode while it draws.  Images stay on its device; what is
    drawn does not depend on how the count is split, up to rounding.  Raises
    :class:`MetricError` where a pixel is not finite.
    """

    def __init__(self, generator: Generator, device: str = "cpu", batch: int = 256) -> None:
        self.generator, self.device, self.batch = generator, torch.device(device), batch

    @torch.no_grad()
    def __call__(self, start: int, count: int) -> Tensor:
        """Images of the latents ``start`` .. ``start + count``; ``count`` >= 1."""
        training = self.generator.training
        self.generator.eval()
        try:
            offsets = range(start, start + count, self.batch)
            stop = start + count
            return torch.cat([self._some(o, min(self.batch, stop - o)) for o in offsets])
        finally:
            self.generator.train(training)

    def _some(self, start: int, count: int) -> Tensor:
        z_BZ = torch.from_numpy(sample_latents(start, count, self.generator.latent_dim))
        x_BCHW = self.generator.to_size(z_BZ.to(self.device))
        return quantise(x_BCHW, *self.generator.output_range)


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
