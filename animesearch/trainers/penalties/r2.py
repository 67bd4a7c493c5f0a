"""R2: the slope of D at fakes."""

from __future__ import annotations

from typing import ClassVar, Literal

from animesearch.trainers.penalties.base import PENALTIES
from animesearch.trainers.penalties.zero_centred import ZeroCentred


@PENALTIES.register
class R2(ZeroCentred):
    """R2 (Mescheder 2018): half the squared gradient of D at the fakes.

    ``weight`` is the paper's gamma, as with ``r1``: D's loss gains
    ``weight / 2 E |grad_x D(x)|_2^2``, x a fake.  R3GAN uses both with one gamma.
    """

    source: ClassVar[str] = "Mescheder 2018, arXiv:1801.04406, equation 10"
    at: ClassVar[Literal["reals", "fakes"]] = "fakes"

    name: Literal["r2"] = "r2"
