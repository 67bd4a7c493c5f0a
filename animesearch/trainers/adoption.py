"""Taking over another trial's weights: what population based training calls exploiting."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from animesearch.errors import CheckpointError
from animesearch.files import canonical_json
from animesearch.trainers.checkpoint import (
    CheckpointInfo,
    differences,
    load_checkpoint,
    read_info,
    save_checkpoint,
)
from animesearch.trainers.config import TrialConfig
from animesearch.trainers.optimisers import OptimiserSpec
from animesearch.trainers.setting import TrialSetting


def adopt(donor: Path, config: TrialConfig, setting: TrialSetting) -> None:
    """Replace the trial's checkpoints by the donor's, under the trial's own options.

    Weights, moments of the optimisers, images shown and history are the donor's; configuration,
    seed, learning rates and betas are the trial's.  The networks must have the same shapes.
    Nothing happens where the donor is the trial itself.  Raises :class:`CheckpointError` for a
    damaged file, and for one of other images, classes or another budget.
    """
    state = load_checkpoint(donor)
    own = canonical_json(config.model_dump(mode="json"))
    if state["config"] == own and state["identity"]["seed"] == setting.seed:
        return
    identity = setting.identity()
    if problems := differences({**state["identity"], "seed": setting.seed}, identity):
        raise CheckpointError(f"{donor} is of other trials: {'; '.join(problems)}")
    state["config"], state["identity"] = own, identity
    _set_options(state["optimiser_g"], config.generator)
    _set_options(state["optimiser_d"], config.discriminator)
    tables = {path.stem: path.stat().st_size for path in setting.folder.glob("*.csv")}
    state["diary"] = {**state["diary"], "sizes": tables}  # each keeps its own losses
    info = read_info(donor)
    _replace(setting.folder / "checkpoints", state, info)


def _replace(folder: Path, state: dict[str, Any], info: CheckpointInfo) -> None:
    """The new checkpoint stands whole beside the old ones before they go."""
    new, old = folder.with_name("checkpoints.new"), folder.with_name("checkpoints.old")
    for leftover in (new, old):
        shutil.rmtree(leftover, ignore_errors=True)
    save_checkpoint(new, state, info)
    if folder.exists():
        folder.rename(old)
    new.rename(folder)
    shutil.rmtree(old, ignore_errors=True)


def _set_options(optimiser: dict[str, Any], options: OptimiserSpec) -> None:
    for group in optimiser["param_groups"]:
        group.update(options.group())
