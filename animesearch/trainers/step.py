"""One iteration of training: one function for all adversarial losses, one for autoencoders."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch
from torch import Tensor

from animesearch.trainers.augmentations.base import Augmentation
from animesearch.trainers.losses import AutoencoderLoss, Critic, GanLoss
from animesearch.trainers.losses.base import DiscriminatorTerms
from animesearch.trainers.modules.batchwide import average, places, total, whole
from animesearch.trainers.modules.networks import Networks
from animesearch.trainers.penalties.base import Penalty, PenaltySpec
from animesearch.trainers.updates import Updater, update_together


class Batch(NamedTuple):
    """Reals at the current stage's view, in the generator's range, and their labels if any."""

    x_BCHW: Tensor
    y_B: Tensor | None = None


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
    """Statistics of one iteration: means over its D steps (see :class:`DStats`), last G step.

    Of an autoencoder ``loss_g`` is the whole loss, ``grad_norm_d`` that of the encoder, and what
    belongs to a discriminator is NaN.
    """

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
    """All that an iteration of an adversarial pair changes or draws from.

    ``latents(count)`` draws z (count, Z) on the device; ``rng`` is a CPU generator.  ``slipped``
    is the largest share of fakes among D's reals, ``accuracy`` D's last one, on the device.
    ``precision`` is the type that the networks compute in; losses are always float32.
    """

    networks: Networks
    loss: GanLoss[Any]
    generator: Updater
    discriminator: Updater
    latents: Callable[[int], Tensor]
    rng: torch.Generator
    penalties: Sequence[tuple[PenaltySpec, Penalty]] = ()
    augment: Augmentation | None = None
    slipped: float = 0.0
    accuracy: Tensor = field(default_factory=lambda: torch.ones(()))
    precision: torch.dtype = torch.float32

    def critic(self, y_B: Tensor | None) -> Critic:
        """D for images with the labels ``y_B``; raw outputs in float32.

        It opens no autocast of its own: penalties switch the caller's off.
        """
        discriminator = self.networks.discriminator

        def judge(x_BCHW: Tensor) -> Tensor:
            raw_B: Tensor = discriminator(x_BCHW, *([] if y_B is None else [y_B]))
            return exact(raw_B)

        return judge

    def fakes(self, count: int, y_B: Tensor | None) -> Tensor:
        """Fakes (count, C, H, W) of fresh latents."""
        z_BZ = self.latents(count)
        with self.autocast():
            x_BCHW: Tensor = self.networks.generator(z_BZ, *([] if y_B is None else [y_B]))
        return exact(x_BCHW)

    def shown(self, x_BCHW: Tensor) -> Tensor:
        """Images as D is to see them: augmented, in the generator's own range."""
        if self.augment is None:
            return x_BCHW
        low, high = self.networks.generator.output_range
        middle, half = (high + low) / 2, (high - low) / 2
        return self.augment((x_BCHW - middle) / half) * half + middle

    def with_fakes(self, x_real_BCHW: Tensor, x_fake_BCHW: Tensor) -> Tensor:
        """Reals, the first of them replaced by fakes: (accuracy - 0.5) / 0.5 of the share."""
        if not self.slipped:
            return x_real_BCHW
        share = ((self.accuracy - 0.5) / 0.5).clamp(min=0) * self.slipped
        replaced_B = places(x_real_BCHW) < (share * total(x_real_BCHW)).round()
        return torch.where(replaced_B[:, None, None, None], x_fake_BCHW, x_real_BCHW)

    def autocast(self) -> torch.autocast:
        """The context in which networks compute."""
        enabled = self.precision is not torch.float32
        device = next(self.networks.partner.parameters()).device
        dtype = self.precision if enabled else None
        return torch.autocast(device.type, dtype=dtype, enabled=enabled)


def exact(x: Tensor) -> Tensor:
    """In float32; float64 stays."""
    return x.to(torch.promote_types(x.dtype, torch.float32))


def adversarial_step(
    players: Players, reals: Sequence[Batch], g_steps: int, iteration: int = 0
) -> StepStats:
    """One D step per batch of ``reals``, then ``g_steps`` of G; ``iteration`` counts from 0.

    Fakes have the labels of the reals beside them.  The first G step goes through the fakes of
    the last D step, whose graph is kept, as in PyTorch's DCGAN example: G has not changed since,
    and a forward pass of G is saved.
    """
    stats = []
    for number, real in enumerate(reals):
        x_fake_BCHW = players.fakes(len(real.x_BCHW), real.y_B)
        d_step = iteration * len(reals) + number
        stats.append(_d_step(players, real, x_fake_BCHW.detach(), d_step))
    last = reals[-1]
    for step in range(g_steps):
        if step > 0:
            x_fake_BCHW = players.fakes(len(last.x_BCHW), last.y_B)
        number = iteration * g_steps + step
        loss_g, norm_g = _g_step(players, x_fake_BCHW, last, number)
    mean = DStats(*(torch.stack(values).mean() for values in zip(*stats, strict=True)))
    return StepStats(loss_g=loss_g, grad_norm_g=norm_g, **mean._asdict())


def _d_step(players: Players, real: Batch, x_fake_BCHW: Tensor, step: int) -> DStats:
    """Update D; its loss, its gradient norm, and the statistics of its outputs."""
    discriminator, loss = players.networks.discriminator, players.loss
    discriminator.requires_grad_(True)
    x_real_BCHW, x_fake_BCHW = players.shown(real.x_BCHW), players.shown(x_fake_BCHW)
    with players.autocast():
        own = discriminator.own_loss(x_real_BCHW)
        x_real_BCHW = players.with_fakes(x_real_BCHW, x_fake_BCHW)
        critic = players.critic(real.y_B)
        terms = loss.d_objective(critic, x_real_BCHW, x_fake_BCHW, players.rng)
        summed = terms.loss if own is None else terms.loss + own
        for spec, penalty in players.penalties:
            if weight := spec.due(step):
                summed = summed + weight * penalty(critic, x_real_BCHW, x_fake_BCHW, players.rng)
    norm = players.discriminator.update(summed)
    loss.after_d_step(discriminator)
    terms = _of_the_batch(terms)
    loss.observe(terms)
    _tell_augmentation(players, terms)
    stats = DStats(average(summed.detach()), norm, **_output_stats(loss, terms))
    players.accuracy = (stats.real_right + stats.fake_right) / 2
    return stats


def _of_the_batch(terms: DiscriminatorTerms) -> DiscriminatorTerms:
    """With the outputs on all rows of the batch, of which other processes may have some."""
    real_B, fake_B = whole(torch.stack([terms.real_B, terms.fake_B], 1)).unbind(1)
    return DiscriminatorTerms(average(terms.loss.detach()), real_B, fake_B)


def _tell_augmentation(players: Players, terms: DiscriminatorTerms) -> None:
    if players.augment is not None:
        threshold = players.loss.threshold or 0.0
        players.augment.observe(terms.real_B, threshold, len(terms.real_B))


def _g_step(players: Players, x_fake_BCHW: Tensor, real: Batch, step: int) -> tuple[Tensor, Tensor]:
    """Update G through a frozen D; its loss and gradient norm."""
    networks, loss = players.networks, players.loss
    networks.discriminator.requires_grad_(False)
    x_real_BCHW = players.shown(real.x_BCHW) if loss.compares_pairs else real.x_BCHW
    with players.autocast():
        critic, x_shown_BCHW = players.critic(real.y_B), players.shown(x_fake_BCHW)
        objective = loss.g_objective(critic, x_shown_BCHW, x_real_BCHW)
        own = networks.generator.own_loss(len(x_fake_BCHW), step, real.y_B)
    summed = objective if own is None else objective + own
    return average(summed.detach()), players.generator.update(summed)


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


@dataclass
class Autoencoding:
    """All that an iteration of an autoencoder changes."""

    networks: Networks
    loss: AutoencoderLoss[Any]
    decoder: Updater
    encoder: Updater


def autoencoder_step(players: Autoencoding, real: Batch) -> StepStats:
    """One step of encoder and decoder together on the reconstruction of a batch."""
    encoder, decoder = players.networks.encoder, players.networks.decoder
    code = encoder(real.x_BCHW)
    x_hat_BCHW = decoder.decode(code.sample())
    loss = players.loss.objective(code, real.x_BCHW, x_hat_BCHW)
    norms = update_together(loss, (players.decoder, players.encoder))
    decoder.observe(code.mean_BZ)
    names = dict.fromkeys(StepStats._fields, torch.full_like(norms[0], torch.nan))
    measured = {"loss_g": average(loss.detach()), "grad_norm_g": norms[0], "grad_norm_d": norms[1]}
    return StepStats(**(names | measured))
