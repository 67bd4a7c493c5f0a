"""What the losses of autoencoders share: reduction over pixels, and the code's divergence."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar, Literal, TypeVar

from pydantic import Field

from animesearch.trainers.losses.base import AutoencoderLoss, Kind, LossSpec

if TYPE_CHECKING:
    from torch import Tensor

    from animesearch.trainers.modules.networks import Code


class ReconstructionSpec(LossSpec, ABC):
    """Options of a loss on pixels."""

    kind: ClassVar[Kind] = "autoencoder"

    reduction: Literal["sum", "mean"] = Field(
        "sum",
        description="errors of an image's pixels and channels are added up or averaged; "
        "always the mean over the batch",
    )
    kl: float = Field(
        0.0,
        ge=0,
        description="weight of the divergence of the code from the standard normal; "
        "above 0 makes a VAE of a variational architecture",
    )

    @property
    def needs_variational(self) -> bool:
        """With a weight of the divergence."""
        return self.kl > 0


R = TypeVar("R", bound=ReconstructionSpec)


def divergence(mean_BZ: Tensor, log_var_BZ: Tensor) -> Tensor:
    """``KL(N(mean, var) || N(0, 1))``, summed over the code, mean over the batch: a scalar >= 0.

    ``1/2 sum(mean^2 + var - log var - 1)`` (Kingma 2014, appendix B).  float32 holds it for log
    variances up to 88.
    """
    terms_BZ = mean_BZ.square() + log_var_BZ.expm1() - log_var_BZ
    return terms_BZ.sum(1).mean() / 2


class ReconstructionLoss(AutoencoderLoss[R]):
    """``error(x, x_hat) + kl KL(code || N(0, 1))``; subclasses define the error of a pixel.

    By default an image's error is the sum over its pixels and channels, in the generator's range
    ([-1, 1], or [0, 1] with a sigmoid).  Then, up to a factor, error and divergence together are
    the evidence bound of a Laplacian (``mae``) or Gaussian (``mse``) decoder.  The mean would
    weigh the divergence ``C H W`` times more, and a VAE's code would go blank.  Seed 002 does not
    say which it took; its MAE "starts very high" and dwarfs the divergence, as only a sum can.
    Without the divergence Adam's steps are the same for both.
    """

    @abstractmethod
    def errors(self, difference_BCHW: Tensor) -> Tensor:
        """The error of each pixel and channel, from the signed difference."""

    def reconstruction(self, x_BCHW: Tensor, x_hat_BCHW: Tensor) -> Tensor:
        """The error, reduced as asked."""
        errors_B = self.errors(x_hat_BCHW - x_BCHW).flatten(1)
        return errors_B.mean() if self.spec.reduction == "mean" else errors_B.sum(1).mean()

    def objective(self, code: Code, x_BCHW: Tensor, x_hat_BCHW: Tensor) -> Tensor:
        """The error and the weighted divergence."""
        error = self.reconstruction(x_BCHW, x_hat_BCHW)
        if not self.spec.kl:
            return error
        # A configuration without a variance is refused: see needs_variational.
        assert code.log_var_BZ is not None
        return error + self.spec.kl * divergence(code.mean_BZ, code.log_var_BZ)
