"""``animesearch generate``: images of a run's generator in one picture."""

from __future__ import annotations

import math
from pathlib import Path

from animesearch.errors import RunFolderError, UnknownNameError, UserError, did_you_mean
from animesearch.results.folder import RunFolder
from animesearch.results.ranking import rank
from animesearch.trainers.checkpoint import best_checkpoint
from animesearch.trainers.models import load_generator
from animesearch.trainers.sampling import grid_image, save_png


def generate_grid(run: Path, out: Path, trial_id: str | None, count: int, first: int) -> str:
    """Write ``count`` images of the latents from number ``first`` on as a PNG; the trial drawn.

    The best checkpoint of ``trial_id``, or of the best trial that has one.  Raises
    :class:`UserError` subclasses where there is none, and for an unwritable file.
    """
    folder = RunFolder.open(run)
    chosen, checkpoint = find_checkpoint(folder, trial_id)
    x_NCHW = load_generator(checkpoint).sampler(first, count).cpu().numpy()
    picture = grid_image(x_NCHW, math.ceil(math.sqrt(count)))
    try:
        save_png(picture, out)
    except OSError as error:
        raise UserError(f"cannot write {out}: {error}") from error
    return chosen


def find_checkpoint(folder: RunFolder, trial_id: str | None) -> tuple[str, Path]:
    """The trial's best checkpoint; with None, that of the first in the ranking that has one."""
    ranking = rank(folder.state())
    known = [ranked.trial_id for ranked in ranking]
    if trial_id is not None and trial_id not in known:
        hint = did_you_mean(trial_id, known)
        raise UnknownNameError(f"{folder.path} has no trial '{trial_id}' {hint}".strip())
    for name in known if trial_id is None else [trial_id]:
        checkpoint = best_checkpoint(folder.checkpoints(name))
        if checkpoint is not None:
            return name, checkpoint
    raise RunFolderError(
        f"{trial_id or folder.path} has no checkpoint: only the best trials keep theirs after a "
        "run, and a trial has none before its first rung"
    )
