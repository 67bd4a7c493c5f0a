"""The statistics of one report of a training, from which a verdict is read."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from animesearch.errors import MetricError

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Signals:
    """One report.  Means are over the steps since the report before.

    ``images`` real images that D has consumed so far; ``loss_g``, ``loss_d`` mean losses, of
    any scale and sign; ``real_logit_mean``, ``fake_logit_mean`` mean raw outputs of D;
    ``d_accuracy`` share of reals and fakes on D's right side in 0..1, None where the loss has
    no threshold; ``grad_norm_g``, ``grad_norm_d`` mean L2 norms of all gradients, before any
    clipping; ``weight_change_g`` |w - w_before| / |w_before| of G's parameters since the report
    before; ``sample_diversity`` :func:`diversity` of the samples of a fixed set of latents over
    that of as many reals, about 1 for a good generator (the counts must be equal: the distance to
    the nearest shrinks with them).  An autoencoder has no D: ``loss_d`` and the outputs are None,
    ``grad_norm_d`` is the encoder's.  ``finite`` False where a parameter, a loss or a sample was
    not finite.
    """

    images: int
    loss_g: float
    loss_d: float | None
    real_logit_mean: float | None
    fake_logit_mean: float | None
    d_accuracy: float | None
    grad_norm_g: float
    grad_norm_d: float
    weight_change_g: float
    sample_diversity: float
    finite: bool

    def all_finite(self) -> bool:
        """True where every number is finite and the trainer saw none that was not."""
        return self.finite and not self.non_finite_names()

    def non_finite_names(self) -> tuple[str, ...]:
        """Names of the numbers that are NaN or infinite."""
        return tuple(
            name
            for name, value in vars(self).items()
            if value is not None and not math.isfinite(value)
        )

    def loss_size(self) -> float:
        """The larger magnitude of both losses."""
        return max(abs(self.loss_g), abs(self.loss_d or 0.0))

    def logit_size(self) -> float:
        """The larger magnitude of D's mean outputs; 0 where there is no D."""
        return max(abs(self.real_logit_mean or 0.0), abs(self.fake_logit_mean or 0.0))


def diversity(x_BCHW: Tensor) -> float:
    """Mean RMS pixel distance of each image to the nearest other one; B >= 2.

    The nearest other image, not the mean over all pairs: a generator that repeats ten images
    has a normal mean distance, but each image has a twin.  uint8 counts as [-1, 1]; floats are
    taken as they are.  NaN where a pixel is not finite, so that the verdict is ``nonfinite``.
    Cost B² distances: use some 64 images.  Raises :class:`MetricError` for fewer than 2.
    """
    import torch

    if x_BCHW.dim() != 4 or len(x_BCHW) < 2:
        raise MetricError(f"diversity needs at least 2 images (B, C, H, W), not {x_BCHW.shape}")
    x_BCHW = x_BCHW.detach()
    unit_BCHW = x_BCHW.float() / 127.5 - 1.0 if x_BCHW.dtype == torch.uint8 else x_BCHW.float()
    if not bool(torch.isfinite(unit_BCHW).all()):
        return math.nan
    flat_BP = unit_BCHW.flatten(1)
    exact = "donot_use_mm_for_euclid_dist"  # the other mode cancels for near twins
    distance_BB = torch.cdist(flat_BP, flat_BP, compute_mode=exact)
    distance_BB.fill_diagonal_(math.inf)
    nearest_B = distance_BB.min(dim=1).values / math.sqrt(flat_BP.shape[1])
    return float(nearest_B.double().mean())
