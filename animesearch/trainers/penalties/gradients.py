"""Gradients of D by its images: what every gradient penalty is made of.

Everything here is computed in float32 (float64 stays float64), whatever the precision around it:
squares of gradients leave bfloat16's three digits at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from animesearch.trainers.losses import Critic


def detached(x_BCHW: Tensor) -> Tensor:
    """The images outside any graph, in float32 or better."""
    import torch

    return x_BCHW.detach().to(torch.promote_types(x_BCHW.dtype, torch.float32))


def squared_slopes(critic: Critic, x_BCHW: Tensor) -> Tensor:
    """``|grad_x D(x)|_2^2`` of each image: (B,), to be differentiated by D's weights.

    The gradient is that of the batch's sum of outputs.  So where D has a BatchNorm an image's
    slope includes its influence on the other outputs, as in the papers' code.
    """
    import torch

    points = detached(x_BCHW).requires_grad_(True)
    with torch.autocast(points.device.type, enabled=False):
        total = critic(points).sum()
        (slope_BCHW,) = torch.autograd.grad(total, points, create_graph=True)
        return slope_BCHW.flatten(1).square().sum(1)


def zero_centred_penalty(critic: Critic, x_BCHW: Tensor) -> Tensor:
    """``1/2 E |grad_x D(x)|_2^2`` (Mescheder 2018, equation 9, without gamma)."""
    return squared_slopes(critic, x_BCHW).mean() / 2


def gradient_penalty(critic: Critic, x_BCHW: Tensor, one_sided: bool = False) -> Tensor:
    """``E (|grad_x D(x)|_2 - 1)^2`` (Gulrajani 2017, equation 3, without lambda).

    ``one_sided`` takes ``E max(0, |grad_x D(x)|_2 - 1)^2``: slopes below 1 are free.
    """
    # The small constant keeps the gradient of the root finite where D is flat.
    excess_B = squared_slopes(critic, x_BCHW).add(1e-12).sqrt() - 1.0
    return (excess_B.relu() if one_sided else excess_B).square().mean()
