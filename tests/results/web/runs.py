"""Run folders for the tests of the dashboard: real records, real pictures, real tables."""

from __future__ import annotations

import math
import random
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw

from animesearch.results.folder import RunFolder
from animesearch.results.journal import Journal
from animesearch.results.nearest import (
    NearestImages,
    Neighbours,
    nearest_file,
    thumbnail_file,
)
from animesearch.results.records import Event, RunClosed, RungReported, TrialCreated
from tests.results.scripted_run import race, run_info

NASTY = "<script>document.title='broken in'</script>"
"""A text from a run that must come out as text."""
METRICS = {
    "d_accuracy": 0.7,
    "sample_diversity": 0.6,
    "confusion_real_as_real": 60,
    "confusion_real_as_fake": 40,
    "confusion_fake_as_real": 20,
    "confusion_fake_as_fake": 80,
}
COLUMNS = ("images", "loss_d", "loss_g", "real_score", "fake_score", "real_right", "fake_right",
           "grad_norm_d", "grad_norm_g")  # fmt: skip
LAYERS = ("images", "generator/first", "generator/last", "discriminator/first")


def write_run(path: Path, events: Iterable[Event] | None = None, **changes: Any) -> RunFolder:
    """The race of ``scripted_run``, one segment an event, with the files of its trials."""
    folder = RunFolder.create(path)
    space = {"search": {"grid": [2, 3]}}
    folder.write_info(run_info(**{"space": space, **changes}))
    told = list(race() if events is None else events)
    journal = Journal(folder.journal)
    for event in told:
        journal.append(enriched(event))
    sheet((2, 3), 999).save(_made(folder.data) / "reals.png")
    for event in told:
        if isinstance(event, TrialCreated):
            write_tables(folder.trial(event.trial_id))
        if isinstance(event, RungReported):
            write_grid(folder, event.trial_id, event.images)
    if (folder.trial("t0000") / "grids" / "000032000.png").exists():
        write_nearest(folder, "t0000", 32000)
    return folder


def write_nearest(folder: RunFolder, trial_id: str, images: int) -> NearestImages:
    """Training images 0 to 5 as the nearest ones of a grid, at growing distances."""
    near = Neighbours(index=tuple(range(6)), distance=tuple(1.5 + n for n in range(6)))
    found = NearestImages(
        metric="fd-lite0", data="abc", searched=3000, training=6000, grids={images: near}
    )
    for index in near.index:
        path = thumbnail_file(folder, index)
        sheet((1, 1), index).save(_made(path.parent) / path.name)
    nearest_file(folder, trial_id).write_text(found.model_dump_json())
    return found


def unfinished() -> list[Event]:
    """The race without its last words: the search goes on."""
    return [event for event in race() if not isinstance(event, RunClosed)]


def enriched(event: Event) -> Event:
    """Reports as trainers make them."""
    if not isinstance(event, RungReported):
        return event
    return event.model_copy(update={"metrics": {**METRICS, **event.metrics}})


def write_grid(folder: RunFolder, trial_id: str, images: int) -> Path:
    """A grid of two rows and three columns, of another colour in each cell."""
    path = _made(folder.trial(trial_id) / "grids") / f"{images:09d}.png"
    sheet((2, 3), images + int(trial_id[1:])).save(path)
    return path


def sheet(shape: tuple[int, int], seed: int, edge: int = 16, gap: int = 2) -> Image.Image:
    """Cells of flat colours, ``gap`` white pixels apart."""
    rows, columns = shape
    draw = random.Random(seed)
    size = (columns * (edge + gap) - gap, rows * (edge + gap) - gap)
    picture = Image.new("RGB", size, "white")
    pen = ImageDraw.Draw(picture)
    for place in range(rows * columns):
        left, top = place % columns * (edge + gap), place // columns * (edge + gap)
        colour = tuple(draw.randrange(256) for _ in range(3))
        pen.rectangle((left, top, left + edge - 1, top + edge - 1), fill=colour)
    return picture


def write_tables(trial: Path, steps: int = 600) -> None:
    """losses.csv, epochs.csv and gradients.csv."""
    _made(trial)
    rows = [[32 * (n + 1), *_losses(n)] for n in range(steps)]
    _csv(trial / "losses.csv", COLUMNS, rows)
    _csv(trial / "epochs.csv", COLUMNS, rows[124::125])
    norms = [[32 * n, 0.1 / n, 0.2, 10 / n] for n in range(20, steps, 40)]
    _csv(trial / "gradients.csv", LAYERS, norms)


def _losses(step: int) -> list[float]:
    wave = math.sin(step / 40)
    return [1.2 + 0.2 * wave, 0.9 - 0.3 * wave, 0.6, 0.4, 0.75, 0.8, 2 + wave, 1 - 0.5 * wave]


def _csv(path: Path, columns: Iterable[str], rows: Iterable[Iterable[float]]) -> None:
    lines = [",".join(columns), *(",".join(f"{x:.6g}" for x in row) for row in rows)]
    path.write_text("\n".join(lines) + "\n")


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder
