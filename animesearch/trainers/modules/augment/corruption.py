"""Changes that lose something: a filter bank, noise, and cutout (Karras 2020, appendix B)."""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor

from animesearch.trainers.modules.augment.draws import normal, per_image, sometimes, uniform

SYM2 = (-0.12940952255092145, 0.22414386804185735, 0.836516303737469, 0.48296291314469025)
"""Low-pass filter of the orthogonal wavelet with 4 taps (Daubechies 1992)."""
BANDS = 4
POWER = (10 / 13, 1 / 13, 1 / 13, 1 / 13)
"""Shares of the bands, lowest first, in the power of a natural image."""
GAIN, NOISE, CUTOUT = 1.0, 0.1, 0.5
"""Deviation of a band's binary logarithm, of the noise's own deviation, and the cutout's side."""


def draw_gains(count: int, p: float) -> Tensor:
    """Factors (B, 4) of the bands: each drawn with ``p``, then all scaled to keep the power."""
    power = torch.tensor(POWER, dtype=torch.float64)
    gain_BK = torch.ones(count, BANDS, dtype=torch.float64)
    for band in range(BANDS):
        one_BK = torch.ones_like(gain_BK)
        one_BK[:, band] = sometimes(p, normal(count, GAIN).exp2(), 1.0)
        gain_BK = gain_BK * one_BK / (power * one_BK.square()).sum(1, keepdim=True).sqrt()
    return gain_BK


def amplify(x_BCHW: Tensor, gain_BK: Tensor) -> Tensor:
    """Each band of frequencies times its factor, along both axes; mirrored at the borders."""
    rows, columns = (
        torch.einsum("bk,kij->bij", gain_BK.to(x_BCHW), band_matrices(side).to(x_BCHW))[:, None]
        for side in x_BCHW.shape[2:]
    )
    return rows @ x_BCHW @ columns


@lru_cache(maxsize=16)
def band_matrices(size: int) -> Tensor:
    """(4, size, size): what each band keeps of a mirrored line, lowest first; symmetric, sum 1.

    Each octave is halved by the wavelet's half-band filter; mirrored lines stay mirrored under a
    symmetric filter, so filters of several octaves are products of matrices.
    """
    rest, bands = torch.eye(size, dtype=torch.float64), []
    for octave in range(BANDS - 1):
        lower = _low_pass(size, 2**octave) @ rest
        bands.append(rest - lower)
        rest = lower
    return torch.stack([rest, *reversed(bands)])


def _low_pass(size: int, step: int) -> Tensor:
    """The filter H(z) H(1/z) / 2, its taps ``step`` pixels apart, on a mirrored line."""
    half = torch.tensor(SYM2, dtype=torch.float64)
    row = torch.arange(size)
    matrix = torch.zeros(size, size, dtype=torch.float64)
    for lag in range(1 - len(half), len(half)):
        tap = (half[: len(half) - abs(lag)] * half[abs(lag) :]).sum() / 2
        place = (row + lag * step) % (2 * size)
        matrix[row, torch.minimum(place, 2 * size - 1 - place)] += tap
    return matrix


def add_noise(x_BCHW: Tensor, p: float) -> Tensor:
    """Gaussian noise with probability ``p``; its deviation is half-normal."""
    spread_B = sometimes(p, normal(len(x_BCHW), NOISE).abs(), 0.0)
    return x_BCHW + torch.randn_like(x_BCHW) * per_image(spread_B, x_BCHW)


def cut_out(x_BCHW: Tensor, p: float) -> Tensor:
    """With probability ``p`` 0 in a square of half the side, its centre anywhere."""
    count, _, height, width = x_BCHW.shape
    side_B = sometimes(p, torch.full((count,), CUTOUT, dtype=torch.float64), 0.0)
    hidden_BH, hidden_BW = (
        ((_centres(side) - uniform(count, 0, 1)[:, None]).abs() < side_B[:, None] / 2).to(x_BCHW)
        for side in (height, width)
    )
    return x_BCHW * (1 - hidden_BH[:, None, :, None] * hidden_BW[:, None, None])


def _centres(side: int) -> Tensor:
    return (torch.arange(side, dtype=torch.float64) + 0.5) / side
