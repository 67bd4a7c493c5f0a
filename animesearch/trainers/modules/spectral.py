"""Spectral normalisation (Miyato 2018, arXiv:1802.05957)."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import parametrize

from animesearch.errors import UnsupportedError
from animesearch.trainers.modules.layers import ScaledConv, ScaledLinear

WEIGHTED = (
    nn.Conv1d,
    nn.Conv2d,
    nn.Conv3d,
    nn.ConvTranspose1d,
    nn.ConvTranspose2d,
    nn.ConvTranspose3d,
    nn.Linear,
    nn.Embedding,
)
TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
FIRST, TRAINING, EVALUATION = 15, 1, 4
"""Steps of power iteration: when a layer is normalised, per use in training, in evaluation."""


class SpectralNorm(nn.Module):
    """A weight divided by its largest singular value (equations 7 and 8; algorithm 1).

    The weight is taken as a matrix of ``outputs`` x (all other dimensions); ``outputs`` is its
    dimension ``dim``.  The value is estimated by power iteration: one step per use in training,
    which moves the stored vector ``u_O``; in evaluation mode four steps that leave it alone.
    That is what differs from ``torch.nn.utils.parametrizations.spectral_norm``, which keeps both
    singular vectors and takes them as they are: a moving average of weights carries averages of
    them, which belong to no matrix (measured: the last layer of an averaged DCGAN was 1.29 times
    too large).  All of it is computed in float32, whatever the autocast.
    """

    u_O: Tensor

    def __init__(self, weight: Tensor, dim: int) -> None:
        super().__init__()
        self.dim = dim
        w_OI = self.matrix(weight.detach().to(torch.promote_types(weight.dtype, torch.float32)))
        u_O = torch.randn(len(w_OI)).to(w_OI)
        if not weight.is_meta:  # there, shapes alone are asked for
            u_O = self._iterate(w_OI, functional.normalize(u_O, dim=0), FIRST)[0]
        self.register_buffer("u_O", u_O)

    def matrix(self, weight: Tensor) -> Tensor:
        """The weight as a matrix, outputs first."""
        return weight.movedim(self.dim, 0).flatten(1)

    def largest(self, weight: Tensor) -> Tensor:
        """The estimate of the largest singular value, a scalar, differentiable by the weight."""
        w_OI = self.matrix(weight)
        steps = TRAINING if self.training else EVALUATION
        u_O, v_I = self._iterate(w_OI.detach(), self.u_O, steps)
        if self.training:
            with torch.no_grad():
                self.u_O.copy_(u_O)
        return u_O @ (w_OI @ v_I)

    def forward(self, weight: Tensor) -> Tensor:
        """The normalised weight."""
        if weight.is_meta:
            return weight
        with torch.autocast(weight.device.type, enabled=False):
            return weight / self.largest(weight).clamp(min=1e-12)

    @staticmethod
    def _iterate(w_OI: Tensor, u_O: Tensor, steps: int) -> tuple[Tensor, Tensor]:
        """Left and right singular vectors after ``steps`` from ``u_O``, both of unit length."""
        for _ in range(steps):
            v_I = functional.normalize(u_O @ w_OI, dim=0)
            u_O = functional.normalize(w_OI @ v_I, dim=0)
        return u_O, v_I


def normalise_spectrally(module: nn.Module) -> None:
    """Normalise every convolution, transposed convolution, dense and embedding layer, in place.

    Layers that are normalised already are left alone, and so are weights that live outside such
    layers (gains of normalisations, a learned constant).  An equalised layer
    (:mod:`animesearch.trainers.modules.layers`) loses its factor: what is normalised is the
    weight that it uses.  Parameters are named ``<layer>.parametrizations.weight.original`` from
    then on; a network deep-copies and keeps its state as before, but cannot be pickled.

    Raises :class:`UnsupportedError` for a layer whose weights are all zero, by name: a design
    that begins there (a residual branch of R3GAN) would jump to norm 1 at its first step.
    """
    for name, layer in list(module.named_modules()):
        if isinstance(layer, WEIGHTED) and not parametrize.is_parametrized(layer, "weight"):
            _normalise(layer, name)


def normalised_layers(module: nn.Module) -> list[nn.Module]:
    """The layers of ``module`` whose weight is normalised, in order."""
    return [layer for layer in module.modules() if is_normalised(layer)]


def is_normalised(layer: nn.Module) -> bool:
    """Whether the weight of ``layer`` is normalised spectrally."""
    if not parametrize.is_parametrized(layer, "weight"):
        return False
    parts = cast(nn.ModuleDict, layer.parametrizations)["weight"]
    return any(isinstance(part, SpectralNorm) for part in parts.children())


def _normalise(layer: nn.Module, name: str) -> None:
    weight = layer.weight
    assert isinstance(weight, Tensor)
    if not weight.is_meta and not weight.detach().any():
        raise UnsupportedError(
            f"spectral normalisation divides by the largest singular value of a weight, that of "
            f"layer '{name}' is 0 by design; allowed: spectral_norm none for this architecture"
        )
    if isinstance(layer, ScaledConv | ScaledLinear):
        layer.scale = 1.0
    dim = 1 if isinstance(layer, TRANSPOSED) else 0
    parametrize.register_parametrization(layer, "weight", SpectralNorm(weight, dim))
