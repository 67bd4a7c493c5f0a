"""The state of one trial in training: networks, optimisers, average, random streams."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from animesearch.errors import CheckpointError, UnsupportedError
from animesearch.files import canonical_json
from animesearch.trainers.building import build_networks
from animesearch.trainers.checkpoint import differences
from animesearch.trainers.compatibility import workers_problem
from animesearch.trainers.config import TrialConfig
from animesearch.trainers.ema import AverageGenerator
from animesearch.trainers.games import make_game
from animesearch.trainers.sampling import Sampler
from animesearch.trainers.setting import BatchSource, LabelSource, TrialSetting
from animesearch.trainers.step import Batch, StepStats
from animesearch.trainers.together import ALONE, Team


class Trial:
    """Built from torch's current random state; each iteration moves ``images`` on.

    ``images`` counts the real images that D (of an autoencoder: the encoder) has consumed.
    ``labels`` gives the labels of the same batches as ``data``, where the setting has classes;
    both give the rows of this process of ``team``.  Raises :class:`UnsupportedError` where the
    architecture has no such images or labels, or needs larger batches, and where the batch
    cannot be shared out.
    """

    def __init__(
        self,
        config: TrialConfig,
        setting: TrialSetting,
        data: BatchSource,
        labels: LabelSource | None = None,
        team: Team = ALONE,
    ) -> None:
        setting.check_step(config.batch * config.d_steps)
        if problem := config.architecture.batch_problem(config.batch, setting.size):
            raise UnsupportedError(problem)
        if problem := workers_problem(config, team.size):
            raise UnsupportedError(problem)
        self.config, self.setting, self.data, self.labels = config, setting, data, labels
        self.team = team
        self.device = torch.device(setting.device)
        self.images = 0
        built = build_networks(config, setting.size, setting.channels, len(setting.classes))
        self.networks = built.to(self.device)
        self.average = AverageGenerator(self.networks.generator, config.ema)
        self.game = make_game(config, setting, self.networks, team)
        self._low, self._high = self.networks.generator.output_range
        self.set_progress()

    @property
    def sampler(self) -> Sampler:
        """Draws from the averaged generator, labels by their share of the data."""
        shares = self.setting.class_shares or None
        return Sampler(self.average.module, self.setting.device, class_shares=shares)

    def iterate(self) -> StepStats:
        """One iteration, on ``d_steps`` batches of reals."""
        with self.team.step():
            return self._iterate()

    def _iterate(self) -> StepStats:
        self.set_progress()
        reals = []
        before = self.images
        iteration = before // (self.config.batch * self.config.d_steps)
        for _ in range(self.config.d_steps):
            x_BCHW, y_B = self._reals()
            self.images += self.config.batch
            reals.append(Batch(self.networks.partner.real_view(x_BCHW), y_B))
        stats = self.game.play(reals, iteration)
        self.average.update(self.images - before, self.images)
        return stats

    def set_progress(self) -> None:
        """All three networks take the stage that belongs to the images shown."""
        images, budget = min(self.images, self.setting.images), self.setting.images
        self.networks.set_progress(images, budget)
        self.average.module.set_progress(images, budget)
        self.game.set_progress(images, budget)

    def weights(self) -> list[Tensor]:
        """A copy of G's weights."""
        return [p.detach().clone() for p in self.networks.generator.parameters()]

    def healthy(self) -> bool:
        """Whether every weight of the three networks is finite (waits for the device)."""
        tensors = [p.detach() for module in self.modules().values() for p in module.parameters()]
        return bool(torch.isfinite(nn.utils.get_total_norm(tensors)))

    def modules(self) -> dict[str, nn.Module]:
        """The networks by the names that checkpoints call them."""
        partner = "discriminator" if self.config.architecture.kind == "adversarial" else "encoder"
        return {
            "generator": self.networks.generator,
            partner: self.networks.partner,
            "average": self.average.module,
        }

    def state(self) -> dict[str, Any]:
        """All that a later process needs to go on as if nothing had happened."""
        setting = self.setting
        return {
            "config": canonical_json(self.config.model_dump(mode="json")),
            "identity": setting.identity(),
            "classes": {"names": list(setting.classes), "shares": list(setting.class_shares)},
            "images": self.images,
            "modules": {name: module.state_dict() for name, module in self.modules().items()},
            "optimiser_g": self.game.generator.optimiser.state_dict(),
            "optimiser_d": self.game.partner.optimiser.state_dict(),
            **self.game.state(),
        }

    def load(self, state: dict[str, Any]) -> None:
        """Take over a :meth:`state`; :class:`CheckpointError` for one of another trial."""
        self._refuse_another(state)
        for name, module in self.modules().items():
            module.load_state_dict(state["modules"][name])
        # Loading keeps the given tensors where types agree: a state may be used twice.
        self.game.generator.optimiser.load_state_dict(copy.deepcopy(state["optimiser_g"]))
        self.game.partner.optimiser.load_state_dict(copy.deepcopy(state["optimiser_d"]))
        self.game.load(state)
        self.images = state["images"]
        self.set_progress()

    def _refuse_another(self, state: dict[str, Any]) -> None:
        problems = differences(state["identity"], self.setting.identity())
        if state["config"] != canonical_json(self.config.model_dump(mode="json")):
            problems = ["another configuration", *problems]
        if problems:
            raise CheckpointError(f"the checkpoint is of another trial: {'; '.join(problems)}")

    def _reals(self) -> tuple[Tensor, Tensor | None]:
        """The next batch, in the generator's range, at full size."""
        x_BCHW = pixels(self.data(self.images)).to(self.device)
        x_BCHW = x_BCHW.to(torch.get_default_dtype())
        x_BCHW = x_BCHW.mul_((self._high - self._low) / 255.0).add_(self._low)
        if self.labels is None or not self.setting.classes:
            return x_BCHW, None
        return x_BCHW, torch.from_numpy(self.labels(self.images)).to(self.device)


def pixels(x_BCHW: npt.NDArray[np.uint8]) -> Tensor:
    """The array as a tensor; copied only where it is read-only or not in one piece."""
    return torch.from_numpy(np.require(x_BCHW, requirements=["C", "W"]))
