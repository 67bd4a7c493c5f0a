"""The state of one trial in training: networks, optimisers, average, random streams."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from animesearch.errors import CheckpointError
from animesearch.files import canonical_json
from animesearch.trainers.config import TrialConfig
from animesearch.trainers.ema import AverageGenerator
from animesearch.trainers.sampling import Sampler
from animesearch.trainers.setting import BatchSource, TrialSetting
from animesearch.trainers.step import Players, StepStats, adversarial_step


class Trial:
    """Built from torch's current random state; each iteration moves ``images`` on.

    ``images`` counts the real images that D has consumed.  Raises :class:`UnsupportedError`
    where the architecture has no images of that size or number of channels.
    """

    def __init__(self, config: TrialConfig, setting: TrialSetting, data: BatchSource) -> None:
        setting.check_step(config.batch * config.d_steps)
        self.config, self.setting, self.data = config, setting, data
        self.device = torch.device(setting.device)
        self.images = 0
        self.networks = config.architecture.build(setting.size, setting.channels).to(self.device)
        generator, discriminator = self.networks.generator, self.networks.discriminator
        self.average = AverageGenerator(generator, config.ema)
        self.players = Players(
            networks=self.networks,
            loss=config.loss.build(),
            optimiser_g=config.generator.build(generator.parameters()),
            optimiser_d=config.discriminator.build(discriminator.parameters()),
            latents=self._latents,
            rng=torch.Generator().manual_seed(setting.seed),
        )
        self._low, self._high = generator.output_range
        self.set_progress()

    @property
    def sampler(self) -> Sampler:
        """Draws from the averaged generator."""
        return Sampler(self.average.module, self.setting.device)

    def iterate(self) -> StepStats:
        """One iteration, on ``d_steps`` batches of reals."""
        self.set_progress()
        reals = []
        before = self.images
        for _ in range(self.config.d_steps):
            x_BCHW = self._reals()
            self.images += len(x_BCHW)
            reals.append(self.networks.discriminator.real_view(x_BCHW))
        stats = adversarial_step(self.players, reals, self.config.g_steps)
        self.average.update(self.images - before, self.images)
        return stats

    def set_progress(self) -> None:
        """All three networks take the stage that belongs to the images shown."""
        images, budget = min(self.images, self.setting.images), self.setting.images
        self.networks.set_progress(images, budget)
        self.average.module.set_progress(images, budget)

    def weights(self) -> list[Tensor]:
        """A copy of G's weights."""
        return [p.detach().clone() for p in self.networks.generator.parameters()]

    def healthy(self) -> bool:
        """Whether every weight of the three networks is finite (waits for the device)."""
        modules = (self.networks.generator, self.networks.discriminator, self.average.module)
        tensors = [p.detach() for module in modules for p in module.parameters()]
        return bool(torch.isfinite(nn.utils.get_total_norm(tensors)))

    def state(self) -> dict[str, Any]:
        """All that a later process needs to go on as if nothing had happened."""
        players = self.players
        modules = {
            "generator": self.networks.generator,
            "discriminator": self.networks.discriminator,
            "average": self.average.module,
        }
        return {
            "config": canonical_json(self.config.model_dump(mode="json")),
            "identity": self.identity(),
            "images": self.images,
            "modules": {name: module.state_dict() for name, module in modules.items()},
            "optimiser_g": players.optimiser_g.state_dict(),
            "optimiser_d": players.optimiser_d.state_dict(),
            "latent_rng": players.rng.get_state(),
        }

    def load(self, state: dict[str, Any]) -> None:
        """Take over a :meth:`state`; :class:`CheckpointError` for one of another trial."""
        mine = {"config": canonical_json(self.config.model_dump(mode="json"))} | self.identity()
        other = {"config": state["config"]} | state["identity"]
        differing = [name for name, value in mine.items() if other.get(name) != value]
        if differing:
            raise CheckpointError(f"the checkpoint is of another trial: {', '.join(differing)}")
        modules = state["modules"]
        self.networks.generator.load_state_dict(modules["generator"])
        self.networks.discriminator.load_state_dict(modules["discriminator"])
        self.average.module.load_state_dict(modules["average"])
        # Loading keeps the given tensors where types agree: a state may be used twice.
        self.players.optimiser_g.load_state_dict(copy.deepcopy(state["optimiser_g"]))
        self.players.optimiser_d.load_state_dict(copy.deepcopy(state["optimiser_d"]))
        self.players.rng.set_state(state["latent_rng"])
        self.images = state["images"]
        self.set_progress()

    def identity(self) -> dict[str, int]:
        """What besides the configuration makes this trial this trial."""
        setting = self.setting
        return {
            "size": setting.size,
            "channels": setting.channels,
            "budget": setting.images,
            "seed": setting.seed,
        }

    def _reals(self) -> Tensor:
        """The next batch, in the generator's range, at full size."""
        x_BCHW = pixels(self.data(self.images)).to(self.device)
        return x_BCHW.float().mul_((self._high - self._low) / 255.0).add_(self._low)

    def _latents(self, count: int) -> Tensor:
        z_BZ = torch.randn(count, self.networks.generator.latent_dim, generator=self.players.rng)
        return z_BZ.to(self.device)


def pixels(x_BCHW: npt.NDArray[np.uint8]) -> Tensor:
    """The array as a tensor; copied only where it is read-only or not in one piece."""
    return torch.from_numpy(np.require(x_BCHW, requirements=["C", "W"]))
