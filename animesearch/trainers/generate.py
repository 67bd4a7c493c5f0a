"""``animesearch generate``: images of a run's generator in one picture."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from animesearch.errors import (
    CheckpointError,
    MetricError,
    RunFolderError,
    UnknownNameError,
    UnsupportedError,
    UserError,
    did_you_mean,
)
from animesearch.plugins import import_plugins
from animesearch.results.folder import RunFolder
from animesearch.results.opening import run_to_read
from animesearch.results.ranking import rank
from animesearch.trainers.blueprints import style_architectures
from animesearch.trainers.checkpoint import best_checkpoint
from animesearch.trainers.curation import best_samples, discriminator_scores
from animesearch.trainers.mixing import interpolations, parse_layers, style_table
from animesearch.trainers.models import (
    Frame,
    TrainedGenerator,
    load_discriminator,
    load_generator,
)
from animesearch.trainers.modules.networks import StyleGenerator
from animesearch.trainers.pictures import refuse_ending, save_picture, with_corner
from animesearch.trainers.sampling import Sampler, evaluating, grid_image

MOST = 10_000
"""Images in one picture."""
PLAIN, ROWS, PER_KEPT = 64, 8, 5
"""Defaults: images, rows of interpolations, samples for each one kept (1,000 for 200, seed 002)."""
PROBES, UNCHANGED = 16, 1e-3
"""Samples on which a truncation must show, and the share of their spread that is rounding."""
LONGEST_LIST = 20


@dataclass(frozen=True)
class Drawing:
    """What to draw; None where nothing was said.

    ``first`` is the number of the first latent, ``truncation`` in 0..1, ``label`` the name or
    number of a class.  At most one of ``interpolate`` (images in a row from one latent to
    another), ``mix`` ("ROWSxCOLUMNS" of a style-mixing table, with ``layers`` as
    :func:`parse_layers` takes them) and ``curate`` (samples to keep by D's score).  ``count`` is
    the number of images; of rows with ``interpolate``, of samples to choose from with
    ``curate``.  Raises :class:`UserError` for what does not go together.
    """

    count: int | None = None
    first: int = 0
    truncation: float = 1.0
    interpolate: int | None = None
    mix: str | None = None
    layers: str | None = None
    curate: int | None = None
    label: str | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.truncation <= 1:
            raise UserError(f"--truncation {self.truncation} must be between 0 and 1")
        modes = {"interpolate": self.interpolate, "mix": self.mix, "curate": self.curate}
        given = [f"--{name}" for name, value in modes.items() if value is not None]
        if len(given) > 1:
            raise UserError(f"{' and '.join(given)} exclude each other: give one of them")
        if self.mix is None and self.layers is not None:
            raise UserError("--layers goes with --mix: which styles come from above")
        if self.mix is not None and self.count is not None:
            raise UserError("--count does not go with --mix, whose table has its own size")
        if self.interpolate is not None and self.interpolate < 2:
            raise UserError(f"--interpolate {self.interpolate} must be at least 2, the two ends")
        if self.curate is not None and not 1 <= self.curate <= self.number:
            raise UserError(
                f"--curate {self.curate} must be between 1 and the {self.number:,} samples to "
                "choose from (--count)"
            )
        if self._images() > MOST:
            raise UserError(
                f"{self._images():,} images are too many for one picture: at most {MOST:,}"
            )

    @property
    def number(self) -> int:
        """Images, rows, or samples to choose from."""
        if self.count is not None:
            return self.count
        if self.curate is not None:
            return max(1, min(PER_KEPT * self.curate, MOST))
        return PLAIN if self.interpolate is None else ROWS

    @property
    def table(self) -> tuple[int, int]:
        """Rows and columns of the style-mixing table, sources not counted."""
        match = re.fullmatch(r"(\d{1,4})[xX](\d{1,4})", self.mix or "")
        rows, columns = (int(match[1]), int(match[2])) if match else (0, 0)
        if not rows or not columns:
            raise UserError(f"--mix {self.mix} must be ROWSxCOLUMNS, such as 4x6")
        return rows, columns

    def _images(self) -> int:
        if self.mix is not None:
            rows, columns = self.table
            return (rows + 1) * (columns + 1)
        return self.number * (self.interpolate or 1)


class Sheet(NamedTuple):
    """Images to set in rows of ``columns``, and words for what they are."""

    x_NCHW: npt.NDArray[np.uint8]
    columns: int
    words: str


def generate(run: str | Path, out: Path, trial_id: str | None, drawing: Drawing) -> str:
    """Write one picture of the images that ``drawing`` asks for; words for what it shows.

    Drawn by the best checkpoint of ``trial_id``, or of the best trial that has one.  Raises
    :class:`UserError` subclasses where there is none or it is damaged, for a design or a label
    that cannot be drawn so, and for a file that cannot be written.
    """
    refuse_ending(out)
    folder = open_run(run)
    chosen, checkpoint = find_checkpoint(folder, trial_id)
    with faults_told(chosen):
        sheet = _drawn(checkpoint, load_generator(checkpoint), drawing)
    save_picture(grid_image(sheet.x_NCHW, sheet.columns), out)
    return f"{sheet.words.format(trial=chosen)} in {out}"


def open_run(place: str | Path) -> RunFolder:
    """The run in a folder or at a URI; imports the plug-ins that it keeps.

    Raises :class:`RunFolderError` where there is none, :class:`UserError` for a broken plug-in.
    """
    folder = run_to_read(place)
    import_plugins(folder.kept_plugins(folder.info()))
    return folder


def find_checkpoint(folder: RunFolder, trial_id: str | None) -> tuple[str, Path]:
    """The trial's best checkpoint; with None, that of the first in the ranking that has one."""
    ranking = rank(folder.state())
    known = [ranked.trial_id for ranked in ranking]
    if trial_id is not None and trial_id not in known:
        hint = did_you_mean(trial_id, known)
        raise UnknownNameError(f"{folder.place} has no trial '{trial_id}' {hint}".strip())
    for name in known if trial_id is None else [trial_id]:
        folder.fetch(f"trials/{name}/checkpoints")
        checkpoint = best_checkpoint(folder.checkpoints(name))
        if checkpoint is not None:
            return name, checkpoint
    raise RunFolderError(
        f"{trial_id or folder.place} has no checkpoint: only the best trials keep theirs after a "
        "run, and a trial has none before its first rung"
    )


@contextmanager
def faults_told(trial_id: str) -> Iterator[None]:
    """A damaged checkpoint, or weights that draw nothing, as one line for the command line."""
    try:
        yield
    except (CheckpointError, MetricError) as error:
        raise RunFolderError(f"{trial_id}: {error}") from error


def shares_of(frame: Frame, label: str | None, architecture: str) -> tuple[float, ...]:
    """Shares of the classes to draw: those of the data, or of the class ``label`` alone.

    Raises :class:`UnsupportedError` for a label where there are none, and
    :class:`UnknownNameError` for one that is neither the name nor the number of a class.
    """
    if label is None:
        return frame.class_shares
    if not frame.classes:
        raise UnsupportedError(f"--label {label}: this '{architecture}' was trained without labels")
    names = list(frame.classes)
    number = names.index(label) if label in names else None
    if number is None and label.isdecimal() and int(label) < len(names):
        number = int(label)
    if number is None:
        raise UnknownNameError(_unknown_label(label, names))
    return tuple(float(index == number) for index in range(len(names)))


def _unknown_label(label: str, names: list[str]) -> str:
    hint = did_you_mean(label, names)
    more = f" and {len(names) - LONGEST_LIST} more" if len(names) > LONGEST_LIST else ""
    return (
        f"--label {label} is no class{f', {hint}' if hint else '.'} Allowed: "
        f"{', '.join(names[:LONGEST_LIST])}{more}, or 0-{len(names) - 1}"
    )


def _drawn(checkpoint: Path, trained: TrainedGenerator, drawing: Drawing) -> Sheet:
    architecture = trained.config.architecture.name
    sampler = Sampler(
        trained.generator,
        class_shares=shares_of(trained.frame, drawing.label, architecture),
        truncation=drawing.truncation,
    )
    _refuse_idle_truncation(sampler, drawing.first, architecture)
    if drawing.mix is not None:
        return _mixed(sampler, drawing, architecture)
    if drawing.interpolate is not None:
        rows, steps = drawing.number, drawing.interpolate
        x_NCHW = interpolations(sampler, drawing.first, rows, steps)
        words = f"{rows} rows of {steps} images from one latent to another, of {{trial}},"
        return Sheet(x_NCHW.numpy(), steps, words)
    if drawing.curate is not None:
        return _curated(sampler, checkpoint, drawing)
    x_NCHW = sampler(drawing.first, drawing.number)
    words = f"{drawing.number} images of {{trial}}"
    return Sheet(x_NCHW.numpy(), math.ceil(math.sqrt(drawing.number)), words)


def _refuse_idle_truncation(sampler: Sampler, first: int, architecture: str) -> None:
    """Raise :class:`UnsupportedError` where shorter latents give the same images.

    Designs that normalise z (PGGAN's) do not see its length.
    """
    generator, psi = sampler.generator, sampler.truncation
    if psi in (0.0, 1.0) or isinstance(generator, StyleGenerator):
        return
    inputs = sampler.inputs(first, PROBES)
    with torch.no_grad(), evaluating(generator):
        whole_BCHW, short_BCHW = (generator.draw(*inputs, truncation) for truncation in (1.0, psi))
    spread = whole_BCHW.amax(0) - whole_BCHW.amin(0)
    if float((whole_BCHW - short_BCHW).abs().max()) <= UNCHANGED * float(spread.max()):
        raise UnsupportedError(
            f"--truncation {psi} changes nothing: the images of this '{architecture}' do not "
            "depend on the length of z"
        )


def _mixed(sampler: Sampler, drawing: Drawing, architecture: str) -> Sheet:
    generator = sampler.generator
    if not isinstance(generator, StyleGenerator):
        able = ", ".join(style_architectures()) or "none"
        raise UnsupportedError(
            f"architecture '{architecture}' has no styles to mix; architectures that have: {able}"
        )
    rows, columns = drawing.table
    layers = parse_layers(drawing.layers or "coarse", generator.layers)
    x_NCHW = style_table(sampler, drawing.first, rows, columns, layers).numpy()
    taken = f"{layers[0]}-{layers[-1]} of 0-{generator.layers - 1}"
    words = f"{rows}x{columns} table of {{trial}}, layers {taken} from above,"
    return Sheet(with_corner(x_NCHW), columns + 1, words)


def _curated(sampler: Sampler, checkpoint: Path, drawing: Drawing) -> Sheet:
    keep, count = drawing.curate or 1, drawing.number
    discriminator = load_discriminator(checkpoint)
    scores_B = discriminator_scores(sampler, discriminator, drawing.first, count)
    best = best_samples(scores_B, keep)
    x_NCHW = sampler(drawing.first, count)[best]
    words = f"the {keep} of {count} images of {{trial}} that D scores highest"
    return Sheet(x_NCHW.numpy(), math.ceil(math.sqrt(keep)), words)
