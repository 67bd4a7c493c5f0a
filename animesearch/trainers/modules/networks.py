"""The interface between networks and the training loop.

What changes with the number of images shown (growth, fades) is derived from that number alone
by ``set_progress``: nothing of it is state of its own, so a checkpoint needs weights and images.
Networks know nothing of losses; a term that belongs to a design itself (StyleGAN2's path length,
FastGAN's reconstruction) is its ``own_loss``.  Random numbers come from torch's global state,
which is the trial's own while it trains.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from animesearch.trainers.modules.batchwide import whole


class Generator(nn.Module):
    """Base of generators: latents ``z_BZ`` to images ``x_BCHW`` in ``output_range``.

    ``size`` is the side of a full image in pixels; ``forward`` may give a smaller one while a
    network grows.  A conditional generator's ``forward`` takes labels ``y_B`` (int64) as well,
    and its ``classes`` is their number.
    """

    classes: int = 0

    def __init__(
        self, latent_dim: int, size: int, output_range: tuple[float, float] = (-1.0, 1.0)
    ) -> None:
        super().__init__()
        self.latent_dim, self.size, self.output_range = latent_dim, size, output_range

    def set_progress(self, images: int, budget: int) -> None:
        """Take the shape that belongs to ``images`` of ``budget`` real images shown."""

    def constrain(self) -> None:
        """Called after each update: weight constraints, in place."""

    def own_loss(self, batch: int, iteration: int, y_B: Tensor | None = None) -> Tensor | None:  # noqa: ARG002
        """A term of the design itself, added to G's loss at step ``iteration`` (from 0)."""
        return None

    def draw(self, z_BZ: Tensor, y_B: Tensor | None = None, truncation: float = 1.0) -> Tensor:
        """``forward`` with less variety and more quality for ``truncation`` below 1.

        Here z is scaled by it; generators with a mapping network shrink w instead.
        """
        x_BCHW: Tensor = self(z_BZ * truncation) if y_B is None else self(z_BZ * truncation, y_B)
        return x_BCHW

    def to_size(self, z_BZ: Tensor, y_B: Tensor | None = None, truncation: float = 1.0) -> Tensor:
        """Images at the full size, whatever the stage: nearest upsampling of :meth:`draw`."""
        return self.enlarge(self.draw(z_BZ, y_B, truncation))

    def enlarge(self, x_BCHW: Tensor) -> Tensor:
        """Images of any stage at the full size."""
        factor = self.size // x_BCHW.shape[-1]
        return x_BCHW if factor == 1 else functional.interpolate(x_BCHW, scale_factor=factor)


class StyleGenerator(Generator, ABC):
    """Base of generators with a mapping network: z to w, and w per layer to an image.

    ``layers`` styles are taken, coarse to fine; ``forward(z)`` in training mode may mix two
    latents.
    """

    layers: int

    @abstractmethod
    def mapping(self, z_BZ: Tensor, y_B: Tensor | None = None) -> Tensor:
        """Latents to styles w (B, W)."""

    @abstractmethod
    def synthesis(self, w_BLW: Tensor) -> Tensor:
        """One w per layer, (B, ``layers``, W), to images of the current stage."""

    @abstractmethod
    def mean_style(self) -> Tensor:
        """The average w (W,), towards which truncation shrinks."""

    def styles(self, z_BZ: Tensor, y_B: Tensor | None = None, truncation: float = 1.0) -> Tensor:
        """Truncated styles, the same for every layer: (B, ``layers``, W)."""
        w_BW = torch.lerp(self.mean_style(), self.mapping(z_BZ, y_B), truncation)
        return w_BW[:, None].expand(-1, self.layers, -1)

    def draw(self, z_BZ: Tensor, y_B: Tensor | None = None, truncation: float = 1.0) -> Tensor:
        """Images of truncated styles (Karras 2019, section 2.2 and appendix B)."""
        return self.synthesis(self.styles(z_BZ, y_B, truncation))


class Partner(nn.Module):
    """Base of what trains beside a generator and sees the reals."""

    def set_progress(self, images: int, budget: int) -> None:
        """Take the shape that belongs to ``images`` of ``budget`` real images shown."""

    def constrain(self) -> None:
        """Called after each update: weight constraints, in place."""

    def real_view(self, x_BCHW: Tensor) -> Tensor:
        """Full-size reals as they are to be seen at the current stage."""
        return x_BCHW

    def own_loss(self, x_real_BCHW: Tensor) -> Tensor | None:  # noqa: ARG002
        """A term of the design itself, added to the partner's loss."""
        return None


class Discriminator(Partner):
    """Base of discriminators: images ``x_BCHW`` at the current stage to raw logits (B,).

    A conditional one's ``forward`` takes labels ``y_B`` (int64) as well.  Higher is more real;
    one that reconstructs gives minus its error.
    """


class Code(NamedTuple):
    """What an encoder makes of images: ``mean_BZ``, and ``log_var_BZ`` where it is variational."""

    mean_BZ: Tensor
    log_var_BZ: Tensor | None

    def sample(self) -> Tensor:
        """The mean, or a draw by reparametrisation (Kingma 2014) from torch's random state."""
        if self.log_var_BZ is None:
            return self.mean_BZ
        noise_BZ = torch.randn_like(self.mean_BZ)
        return self.mean_BZ + noise_BZ * (self.log_var_BZ / 2).exp()


class Encoder(Partner):
    """Base of encoders: images ``x_BCHW`` to a :class:`Code`."""

    variational: bool = False


class Decoder(Generator, ABC):
    """Base of an autoencoder's generator; subclasses define :meth:`decode`.

    A deterministic autoencoder has no prior to draw from.  So ``forward`` takes normals to the
    Gaussian that fits the codes seen in training (ex-post density estimation, Ghosh 2020,
    arXiv:1903.12436): ``decode(mean + root z)``.  A variational one (``variational``) has the
    standard normal as its prior, and decodes z itself.
    """

    code_mean_Z: Tensor
    code_covariance_ZZ: Tensor
    code_batches: Tensor

    def __init__(
        self,
        latent_dim: int,
        size: int,
        output_range: tuple[float, float] = (-1.0, 1.0),
        variational: bool = False,
    ) -> None:
        super().__init__(latent_dim, size, output_range)
        self.variational = variational
        if not variational:
            self.register_buffer("code_mean_Z", torch.zeros(latent_dim))
            self.register_buffer("code_covariance_ZZ", torch.eye(latent_dim))
            self.register_buffer("code_batches", torch.zeros((), dtype=torch.int64))

    @abstractmethod
    def decode(self, code_BZ: Tensor) -> Tensor:
        """Codes to images."""

    @torch.no_grad()
    def observe(self, code_BZ: Tensor, rate: float = 0.02) -> None:
        """Take a batch of codes (B >= 1) into the mean and the covariance.

        The first ``1 / rate`` batches are pooled with equal weights; after that each counts
        ``rate``, and older ones fade.  The covariance holds the spread of the batches' means too,
        so that it is that of the pooled codes.
        """
        if self.variational:
            return
        code_BZ = whole(code_BZ.detach().to(self.code_mean_Z.dtype))
        self.code_batches += 1
        share = self.code_batches.to(code_BZ.dtype).reciprocal().clamp(min=rate)
        apart_Z = code_BZ.mean(0) - self.code_mean_Z
        own_ZZ = torch.cov(code_BZ.T, correction=0).reshape_as(self.code_covariance_ZZ)
        spread_ZZ = own_ZZ + (1 - share) * torch.outer(apart_Z, apart_Z)
        self.code_covariance_ZZ.lerp_(spread_ZZ, share)
        self.code_mean_Z.lerp_(code_BZ.mean(0), share)

    def forward(self, z_BZ: Tensor) -> Tensor:
        """Images of the codes that belong to the normals ``z_BZ``."""
        return self.decode(z_BZ if self.variational else self.code_mean_Z + z_BZ @ self._root())

    def _root(self) -> Tensor:
        """The symmetric root of the covariance, which changes little when the covariance does.

        Eigenvectors alone are arbitrary in sign and in their order: a latent would lead to
        another image after every step.
        """
        covariance_ZZ = self.code_covariance_ZZ
        if not bool(covariance_ZZ.isfinite().all()):
            # It has no eigenvalues; images that are not finite are refused where they are drawn.
            return torch.full_like(covariance_ZZ, torch.nan)
        values_Z, vectors_ZZ = torch.linalg.eigh(covariance_ZZ)
        return (vectors_ZZ * values_Z.clamp(min=0).sqrt()) @ vectors_ZZ.T


@dataclass
class Networks:
    """A generator, and the discriminator or encoder that grows with it."""

    generator: Generator
    partner: Partner

    @property
    def discriminator(self) -> Discriminator:
        """The partner of an adversarial pair."""
        assert isinstance(self.partner, Discriminator)
        return self.partner

    @property
    def encoder(self) -> Encoder:
        """The partner of a decoder."""
        assert isinstance(self.partner, Encoder)
        return self.partner

    @property
    def decoder(self) -> Decoder:
        """The generator of an autoencoder."""
        assert isinstance(self.generator, Decoder)
        return self.generator

    def set_progress(self, images: int, budget: int) -> None:
        """Both networks take the shape of ``images`` of ``budget`` shown."""
        self.generator.set_progress(images, budget)
        self.partner.set_progress(images, budget)

    def to(self, device: torch.device) -> Networks:
        """Both networks on ``device``; on a CPU with the channels innermost.

        Measured at 32 px, width 32, one thread: 1.2 times the images per second for a DCGAN,
        1.5 times for a growing network.
        """
        for module in (self.generator, self.partner):
            if device.type == "cpu":
                module.to(memory_format=torch.channels_last)
            module.to(device)
        return self


class PlainGenerator(Generator):
    """A generator of one stage: ``body`` maps ``z_BZ11`` to full images."""

    def __init__(
        self,
        body: nn.Module,
        latent_dim: int,
        size: int,
        output_range: tuple[float, float] = (-1.0, 1.0),
    ) -> None:
        super().__init__(latent_dim, size, output_range)
        self.body = body

    def forward(self, z_BZ: Tensor) -> Tensor:
        """Full-size images in ``output_range``."""
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
