"""What an iteration of a trial plays: an adversarial contest, or reconstruction."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import torch
from torch import Tensor

from animesearch.trainers.config import TrialConfig
from animesearch.trainers.losses import AutoencoderLoss, GanLoss
from animesearch.trainers.modules.networks import Networks
from animesearch.trainers.modules.noise import DiscriminatorNoise
from animesearch.trainers.setting import TrialSetting
from animesearch.trainers.step import (
    Autoencoding,
    Batch,
    Players,
    StepStats,
    adversarial_step,
    autoencoder_step,
)
from animesearch.trainers.together import ALONE, Team
from animesearch.trainers.updates import Updater


class Game(ABC):
    """What an iteration does, and what of it a checkpoint must keep."""

    generator: Updater
    partner: Updater

    @abstractmethod
    def play(self, reals: list[Batch], iteration: int) -> StepStats:
        """One iteration."""

    def set_progress(self, images: int, budget: int) -> None:  # noqa: B027
        """What changes with the images shown beside the networks themselves."""

    def state(self) -> dict[str, Any]:
        """Random streams and balances."""
        return {}

    def load(self, state: dict[str, Any]) -> None:  # noqa: B027
        """Take over a :meth:`state`."""

    def readings(self) -> dict[str, float]:
        """Numbers worth showing."""
        return {}


def make_game(
    config: TrialConfig, setting: TrialSetting, networks: Networks, team: Team = ALONE
) -> Game:
    """The game that the architecture's kind asks for."""
    loss = config.loss.build()
    if isinstance(loss, AutoencoderLoss):
        return Reconstruction(config, networks, loss, team)
    return Contest(config, setting, networks, loss, team)


class Contest(Game):
    """Generator against discriminator."""

    def __init__(
        self,
        config: TrialConfig,
        setting: TrialSetting,
        networks: Networks,
        loss: GanLoss[Any],
        team: Team,
    ) -> None:
        self.g_steps, self.device = config.g_steps, torch.device(setting.device)
        self.generator = Updater(networks.generator, config.generator, team)
        self.partner = Updater(networks.partner, config.discriminator, team)
        self.noise = DiscriminatorNoise(networks.discriminator, config.noise)
        self.players = Players(
            networks=networks,
            loss=loss,
            generator=self.generator,
            discriminator=self.partner,
            latents=self._latents,
            rng=torch.Generator().manual_seed(setting.seed),
            penalties=[(spec, spec.build()) for spec in config.penalties if spec.weight],
            augment=config.augment.build(),
            slipped=config.fakes_among_reals,
            accuracy=torch.ones((), device=self.device),
            precision=getattr(torch, setting.precision),
        )

    def play(self, reals: list[Batch], iteration: int) -> StepStats:
        """D steps, then G steps."""
        return adversarial_step(self.players, reals, self.g_steps, iteration)

    def set_progress(self, images: int, budget: int) -> None:
        """Noise in D falls."""
        self.noise.set_progress(images, budget)

    def state(self) -> dict[str, Any]:
        """The stream of latents, and what loss, augmentation and M2 remember."""
        augment = self.players.augment
        return {
            "latent_rng": self.players.rng.get_state(),
            "loss_state": self.players.loss.state(),
            "augment_state": {} if augment is None else augment.state(),
            "accuracy": self.players.accuracy,
        }

    def load(self, state: dict[str, Any]) -> None:
        """Take over a :meth:`state`."""
        self.players.rng.set_state(state["latent_rng"])
        self.players.loss.load(state["loss_state"])
        self.players.accuracy = state["accuracy"].to(self.device)
        if self.players.augment is not None:
            self.players.augment.load(state["augment_state"])

    def readings(self) -> dict[str, float]:
        """Those of the augmentation."""
        return {} if self.players.augment is None else self.players.augment.readings()

    def _latents(self, count: int) -> Tensor:
        dim = self.players.networks.generator.latent_dim
        return torch.randn(count, dim, generator=self.players.rng).to(self.device)


class Reconstruction(Game):
    """Encoder and decoder together."""

    def __init__(
        self, config: TrialConfig, networks: Networks, loss: AutoencoderLoss[Any], team: Team
    ) -> None:
        self.generator = Updater(networks.generator, config.generator, team)
        self.partner = Updater(networks.partner, config.discriminator, team)
        self.players = Autoencoding(networks, loss, self.generator, self.partner)

    def play(self, reals: list[Batch], iteration: int) -> StepStats:  # noqa: ARG002
        """One step on one batch."""
        return autoencoder_step(self.players, reals[0])
