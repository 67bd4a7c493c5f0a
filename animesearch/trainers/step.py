"""One iteration of adversarial training, for all losses of that kind."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn, optim

from animesearch.trainers.losses import GanLoss
from animesearch.trainers.losses.base import DiscriminatorTerms
from animesearch.trainers.modules.networks import Networks


class DStats(NamedTuple):
    """Statistics of one D step: scalars on the device, so that nothing waits for it.

    ``real_right``, ``fake_right`` are the shares of reals and fakes on D's right side, NaN where
    the loss has no threshold; ``*_score`` are D's outputs on the loss's readable scale.
    """

    loss_d: Tensor
    grad_norm_d: Tensor
    real_logit: Tensor
    fake_logit: Tensor
    real_score: Tensor
    fake_score: Tensor
    real_right: Tensor
    fake_right: Tensor


class StepStats(NamedTuple):
    """Statistics of one iteration: means over its D steps (see :class:`DStats`), last G step."""

    loss_d: Tensor
    loss_g: Tensor
    real_logit: Tensor
    fake_logit: Tensor
    real_score: Tensor
    fake_score: Tensor
    real_right: Tensor
    fake_right: Tensor
    grad_norm_d: Tensor
    grad_norm_g: Tensor


@dataclass
class Players:
    """All that an iteration changes or draws from.

    ``latents(count)`` draws z (count, Z) on the device; ``rng`` is a CPU generator.
    """

    networks: Networks
    loss: GanLoss[Any]
    optimiser_g: optim.Optimizer
    optimiser_d: optim.Optimizer
    latents: Callable[[int], Tensor]
    rng: torch.Generator


def adversarial_step(players: Players, reals: Sequence[Tensor], g_steps: int) -> StepStats:
    """One D step per batch of ``reals`` (at the current stage's view), then ``g_steps`` of G.

    The first G step goes through the fakes of the last D step, whose graph is kept, as in
    PyTorch's DCGAN example: G has not changed since, and a forward pass of G is saved.
    """
    generator = players.networks.generator
    stats = []
    for x_real_BCHW in reals:
        x_fake_BCHW = generator(players.latents(len(x_real_BCHW)))
        stats.append(_d_step(players, x_real_BCHW, x_fake_BCHW.detach()))
    for step in range(g_steps):
        if step > 0:
            x_fake_BCHW = generator(players.latents(len(reals[-1])))
        loss_g, norm_g = _g_step(players, x_fake_BCHW, reals[-1])
    mean = DStats(*(torch.stack(values).mean() for values in zip(*stats, strict=True)))
    return StepStats(loss_g=loss_g, grad_norm_g=norm_g, **mean._asdict())


def _d_step(players: Players, x_real_BCHW: Tensor, x_fake_BCHW: Tensor) -> DStats:
    """Update D; its loss, its gradient norm, and the statistics of its outputs."""
    discriminator = players.networks.discriminator
    discriminator.requires_grad_(True)
    players.optimiser_d.zero_grad(set_to_none=True)
    terms = players.loss.d_objective(discriminator, x_real_BCHW, x_fake_BCHW, players.rng)
    terms.loss.backward()
    norm = gradient_norm(discriminator)
    players.optimiser_d.step()
    discriminator.constrain()
    players.loss.after_d_step(discriminator)
    return DStats(terms.loss.detach(), norm, **_output_stats(players.loss, terms))


def _g_step(players: Players, x_fake_BCHW: Tensor, x_real_BCHW: Tensor) -> tuple[Tensor, Tensor]:
    """Update G through a frozen D; its loss and gradient norm."""
    generator, discriminator = players.networks.generator, players.networks.discriminator
    discriminator.requires_grad_(False)
    players.optimiser_g.zero_grad(set_to_none=True)
    loss = players.loss.g_objective(discriminator, x_fake_BCHW, x_real_BCHW)
    loss.backward()
    norm = gradient_norm(generator)
    players.optimiser_g.step()
    generator.constrain()
    return loss.detach(), norm


def _output_stats(loss: GanLoss[Any], terms: DiscriminatorTerms) -> dict[str, Tensor]:
    """The fields of :class:`DStats` that come from D's outputs alone."""
    real_B, fake_B = terms.real_B, terms.fake_B
    stats = {
        "real_logit": real_B.mean(),
        "fake_logit": fake_B.mean(),
        "real_score": loss.readable(real_B).mean(),
        "fake_score": loss.readable(fake_B).mean(),
    }
    if loss.threshold is None:
        unknown = torch.full_like(stats["real_logit"], torch.nan)
        return {**stats, "real_right": unknown, "fake_right": unknown}
    right = {"real_right": real_B > loss.threshold, "fake_right": fake_B <= loss.threshold}
    return stats | {name: side.to(real_B.dtype).mean() for name, side in right.items()}


def gradient_norm(module: nn.Module) -> Tensor:
    """L2 norm of all gradients of ``module`` that exist, before any clipping."""
    gradients = [p.grad for p in module.parameters() if p.grad is not None]
    return nn.utils.get_total_norm(gradients)
