"""The interface between networks and the training loop.

What changes with the number of images shown (growth, fades) is derived from that number alone
by ``set_progress``: nothing of it is state of its own, so a checkpoint needs weights and images.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional


class Generator(nn.Module):
    """Base of generators: latents ``z_BZ`` to images ``x_BCHW`` in ``output_range``.

    ``size`` is the side of a full image in pixels; ``forward`` may give a smaller one while a
    network grows.
    """

    def __init__(
        self, latent_dim: int, size: int, output_range: tuple[float, float] = (-1.0, 1.0)
    ) -> None:
        super().__init__()
        self.latent_dim, self.size, self.output_range = latent_dim, size, output_range

    def set_progress(self, images: int, budget: int) -> None:
        """Take the shape that belongs to ``images`` of ``budget`` real images shown."""

    def constrain(self) -> None:
        """Called after each update: weight constraints, in place."""

    def to_size(self, z_BZ: Tensor) -> Tensor:
        """Images at the full size, whatever the stage: nearest upsampling of ``forward``."""
        x_BCHW: Tensor = self(z_BZ)
        factor = self.size // x_BCHW.shape[-1]
        return x_BCHW if factor == 1 else functional.interpolate(x_BCHW, scale_factor=factor)


class Discriminator(nn.Module):
    """Base of discriminators: images ``x_BCHW`` at the current stage to raw logits (B,)."""

    def set_progress(self, images: int, budget: int) -> None:
        """Take the shape that belongs to ``images`` of ``budget`` real images shown."""

    def constrain(self) -> None:
        """Called after each update: weight constraints, in place."""

    def real_view(self, x_BCHW: Tensor) -> Tensor:
        """Full-size reals as D is to see them at the current stage."""
        return x_BCHW


@dataclass
class Networks:
    """A generator and a discriminator that grow together."""

    generator: Generator
    discriminator: Discriminator

    def set_progress(self, images: int, budget: int) -> None:
        """Both networks take the shape of ``images`` of ``budget`` shown."""
        self.generator.set_progress(images, budget)
        self.discriminator.set_progress(images, budget)

    def to(self, device: torch.device) -> Networks:
        """Both networks on ``device``; on a CPU with the channels innermost.

        Measured at 32 px, width 32, one thread: 1.2 times the images per second for a DCGAN,
        1.5 times for a growing network.
        """
        for module in (self.generator, self.discriminator):
            if device.type == "cpu":
                module.to(memory_format=torch.channels_last)
            module.to(device)
        return self


class PlainGenerator(Generator):
    """A generator of one stage: ``body`` maps ``z_BZ11`` to full images."""

    def __init__(self, body: nn.Module, latent_dim: int, size: int) -> None:
        super().__init__(latent_dim, size)
        self.body = body

    def forward(self, z_BZ: Tensor) -> Tensor:
        """Full-size images in [-1, 1]."""
        x_BCHW: Tensor = self.body(z_BZ[:, :, None, None])
        return x_BCHW


class PlainDiscriminator(Discriminator):
    """A discriminator of one stage: ``body`` maps full images to one number each."""

    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.body = body

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """Raw logits (B,)."""
        logits: Tensor = self.body(x_BCHW)
        return logits.flatten()
