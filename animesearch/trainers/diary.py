"""The tables of a trial: losses per step and per epoch, gradients per layer group."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from animesearch.trainers import ticks
from animesearch.trainers.steplog import EpochMeans, StepLog
from animesearch.trainers.trial import Trial
from animesearch.trainers.updates import Updater, gradient_norm, group_norms, layer_groups


class Diary:
    """``losses.csv`` (each step), ``epochs.csv`` (means of each pass), ``gradients.csv``.

    The last holds, at each report, the L2 norm of the last step's gradients per layer group of
    both networks, before any clipping; empty where a group is not in use at the stage.
    """

    def __init__(self, trial: Trial) -> None:
        self._updaters = (trial.game.generator, trial.game.partner)
        self._groups = [layer_groups(updater.module) for updater in self._updaters]
        folder = trial.setting.folder
        partner = list(trial.modules())[1]
        names = [
            f"{network}/{group}"
            for network, groups in zip(("generator", partner), self._groups, strict=True)
            for group in groups
        ]
        self._tables = {
            "losses": StepLog(folder / "losses.csv", ticks.COLUMNS),
            "epochs": StepLog(folder / "epochs.csv", ticks.COLUMNS),
            "gradients": StepLog(folder / "gradients.csv", ("images", *names)),
        }
        self._epochs = EpochMeans(trial.setting.epoch)
        self._patience = trial.setting.patience

    def write(self, rows_NC: npt.NDArray[np.float64]) -> None:
        """Steps (N, :data:`ticks.COLUMNS`), the last of which has just been done."""
        self._append("losses", rows_NC)
        self._append("epochs", self._epochs.add(rows_NC))
        norms = [
            _unclipped(updater, groups)
            for updater, groups in zip(self._updaters, self._groups, strict=True)
        ]
        self._append("gradients", np.concatenate([rows_NC[-1, :1], *norms])[None])

    def _append(self, name: str, rows_NC: npt.NDArray[np.float64]) -> None:
        table = self._tables[name]
        self._patience(lambda: table.append(rows_NC), f"writing {table.path}")

    def state(self) -> dict[str, Any]:
        """The lengths of the tables, and the open epoch."""
        sizes = {name: table.size() for name, table in self._tables.items()}
        return {"sizes": sizes, "epoch": self._epochs.state()}

    def load(self, state: dict[str, Any]) -> None:
        """Forget what was written after a :meth:`state`: those steps are done again."""
        for name, table in self._tables.items():
            table.cut(state["sizes"].get(name, 0))
        self._epochs.load(state["epoch"])

    def clear(self) -> None:
        """Forget everything."""
        self.load({"sizes": {}, "epoch": []})


def _unclipped(
    updater: Updater, groups: dict[str, list[torch.nn.Parameter]]
) -> npt.NDArray[np.float64]:
    """Norms per group in the last step, scaled back to what they were before any clipping."""
    found = torch.stack(group_norms(groups)).double().cpu().numpy()
    clipped = float(gradient_norm(updater.module))
    return found * (float(updater.norm) / clipped) if clipped > 0 else found
