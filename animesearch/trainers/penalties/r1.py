"""R1: the slope of D at reals."""

from __future__ import annotations

from typing import ClassVar, Literal

from animesearch.trainers.penalties.base import PENALTIES
from animesearch.trainers.penalties.zero_centred import ZeroCentred


@PENALTIES.register
class R1(ZeroCentred):
    """R1 (Mescheder 2018): half the squared gradient of D at the reals.

    ``weight`` is the paper's gamma, as in StyleGAN and R3GAN: D's loss gains
    ``weight / 2 E |grad_x D(x)|_2^2``, x real.  Code without the half needs twice our weight.
    """

    source: ClassVar[str] = "Mescheder 2018, arXiv:1801.04406, equation 9"
    at: ClassVar[Literal["reals", "fakes"]] = "reals"

    name: Literal["r1"] = "r1"
