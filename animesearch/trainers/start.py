"""Beginning with the weights of an earlier run (C6 and M9 of the seeds).

Seed 002 trained a network in colour, took all of its layers but the last, and went on in grey;
seed 004 repeated growth stages from the networks of the stage before.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from animesearch.errors import CheckpointError, RunFolderError, UserError
from animesearch.files import write_json
from animesearch.results.opening import run_to_read
from animesearch.storage.places import is_uri
from animesearch.trainers.checkpoint import content_hash, load_checkpoint
from animesearch.trainers.config import StartOptions
from animesearch.trainers.generate import find_checkpoint

if TYPE_CHECKING:
    from animesearch.trainers.trial import Trial


def begin(trial: Trial, start: StartOptions) -> None:
    """Copy the weights that fit into all networks of ``trial``; optimisers begin anew.

    What was taken and what was not is written to ``start.json`` in the trial's folder.  Raises
    :class:`CheckpointError` for a damaged file, where a weight that is not dropped does not fit,
    and where nothing fits at all; :class:`RunFolderError` where there is no such run.
    """
    source = start_checkpoint(start)
    given = _weights(source)
    taken: dict[str, dict[str, Tensor]] = {}
    left: list[str] = []
    for name, module in trial.modules().items():
        mine = module.state_dict()
        fitting, refused = _fitting(name, mine, given.get(name, {}), start)
        taken[name] = fitting
        left += refused
    if not any(taken.values()):
        raise CheckpointError(f"no weight of {source} fits architecture '{_name(trial)}'")
    for name, module in trial.modules().items():
        module.load_state_dict(taken[name], strict=False)
    counts = {name: len(fitting) for name, fitting in taken.items()}
    record: dict[str, Any] = {"checkpoint": str(source), "taken": counts, "fresh": left}
    path = trial.setting.folder / "start.json"
    trial.setting.patience(lambda: write_json(path, record), f"writing {path}")


def check_start(start: StartOptions) -> None:
    """Raise :class:`RunFolderError` where there are no weights to begin with, or broken ones."""
    try:
        _weights(start_checkpoint(start))
    except CheckpointError as error:
        raise RunFolderError(f"trial.start: {error}") from error


def _weights(source: Path) -> dict[str, dict[str, Tensor]]:
    """The weights of a checkpoint file by network and name."""
    found = load_checkpoint(source).get("modules")
    if not isinstance(found, dict) or not all(isinstance(one, dict) for one in found.values()):
        raise CheckpointError(f"{source} holds no weights of networks")
    return {
        network: {key: value for key, value in weights.items() if isinstance(value, Tensor)}
        for network, weights in found.items()
    }


def start_checkpoint(start: StartOptions) -> Path:
    """The checkpoint file that ``start`` means; :class:`RunFolderError` where there is none."""
    if is_uri(start.run):
        return find_checkpoint(run_to_read(start.run), start.trial)[1]
    path = Path(start.run).expanduser()
    if path.is_file():
        if start.trial is not None:
            raise RunFolderError(f"{path} is one checkpoint: 'trial' goes with a run folder")
        return path
    return find_checkpoint(run_to_read(path), start.trial)[1]


def by_content(config: dict[str, Any]) -> dict[str, Any]:
    """A trial's plain configuration, its ``start`` named by what the checkpoint holds.

    For telling configurations apart: an earlier run that was moved or copied is the same one.
    Where its weights cannot be read the place stays, and the trial will tell why.
    """
    start = config.get("start")
    if start is None:
        return config
    try:
        content = content_hash(start_checkpoint(StartOptions.model_validate(start)))
    except (UserError, CheckpointError):
        return config
    kept = {name: value for name, value in start.items() if name not in ("run", "trial")}
    return {**config, "start": {**kept, "sha256": content}}


def _fitting(
    module: str, mine: dict[str, Tensor], given: dict[str, Tensor], start: StartOptions
) -> tuple[dict[str, Tensor], list[str]]:
    """The given weights to take, and the names of my own that stay fresh."""
    fitting: dict[str, Tensor] = {}
    left = []
    for key, own in mine.items():
        name = f"{module}.{key}"
        problem = _problem(own, given.get(key))
        dropped = start.drop != "auto" and any(fnmatchcase(name, p) for p in start.drop)
        if dropped or (problem and start.drop == "auto"):
            left.append(name)
        elif problem:
            raise CheckpointError(f"{name} {problem}; allowed: drop: auto, or a pattern of it")
        else:
            fitting[key] = given[key].to(own.dtype)
    return fitting, left


def _problem(own: Tensor, given: Tensor | None) -> str:
    """Why a weight cannot be taken, else ''."""
    if given is None:
        return "is not in the earlier run"
    if own.shape != given.shape:
        return f"has the shape {tuple(own.shape)}, in the earlier run {tuple(given.shape)}"
    if not bool(torch.isfinite(given).all()):
        return "is not finite in the earlier run"
    return ""


def _name(trial: Trial) -> str:
    return trial.config.architecture.name
