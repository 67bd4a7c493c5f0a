"""TensorBoard: event files in the run folder."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from animesearch.tuning.loggers.base import LOGGERS, About, LoggerSpec, ToldTrial, TrialLog

if TYPE_CHECKING:
    from tensorboardX.record_writer import RecordWriter

FOLDER = "tensorboard"
HPARAM_METRICS = ("score", "fresh_score")


@LOGGERS.register
class TensorBoard(LoggerSpec):
    """Event files for TensorBoard in the run folder: scalars, sample grids, hyperparameters.

    Nothing has to be installed to write them.  ``tensorboard --logdir RUN/tensorboard`` shows them.
    """

    name: Literal["tensorboard"] = "tensorboard"
    grids: bool = Field(True, description="whether the sample grids are in the files too")

    def build(self, about: About) -> TrialLog:
        """See :class:`TensorBoardLog`."""
        return TensorBoardLog(about, self.grids)


class TensorBoardLog(TrialLog):
    """One folder a trial, one file a session; steps are real images shown to D.

    Tune's own TensorBoard logger counts reports in place of images, knows no configuration of a
    trial that it did not draw itself, and names its files after the machine.
    """

    def __init__(self, about: About, grids: bool) -> None:
        self._about, self._grids = about, grids
        self._files: dict[ToldTrial, EventFile] = {}

    def start(self, trial: ToldTrial) -> None:
        if trial not in self._files:
            self._files[trial] = EventFile(self._about.folder.path / FOLDER / str(trial))

    def report(self, trial: ToldTrial, images: int, metrics: Mapping[str, float]) -> None:
        grid = trial.grid(images) if self._grids and "score" in metrics else None
        self._files[trial].add(images, metrics, {} if grid is None else {"samples": grid})

    def end(self, trial: ToldTrial) -> None:
        file = self._files.pop(trial, None)
        if file is None:
            return
        if trial.record.done:
            file.add_hyperparameters(hyperparameters(trial))
        file.close()

    def close(self) -> None:
        for trial in list(self._files):
            self.end(trial)
        self._about.folder.publish(FOLDER)


def hyperparameters(trial: ToldTrial) -> dict[str, Any]:
    """What the search chose for the trial, and what became of it; no lists, no None."""
    sampled = {name: value for name, value in trial.evaluated_params.items() if value is not None}
    return {**sampled, "seed": trial.record.created.seed, "state": trial.state,
            "reason": trial.reason or "none"}  # fmt: skip


class EventFile:
    """A new file of events in ``folder``; every call leaves it readable.

    It is made of TensorBoard's records in their legacy form, which all of its versions read.
    """

    def __init__(self, folder: Path) -> None:
        from tensorboardX.record_writer import RecordWriter

        folder.mkdir(parents=True, exist_ok=True)
        number = len(list(folder.glob("events.out.tfevents.*")))
        path = folder / f"events.out.tfevents.{number:010d}.animesearch"
        self._writer: RecordWriter = RecordWriter(str(path))
        self._write(file_version="brain.Event:2")

    def add(self, step: int, scalars: Mapping[str, float], images: Mapping[str, Path]) -> None:
        """Numbers by name, and PNG files by name."""
        from tensorboardX.proto.summary_pb2 import Summary

        values = [Summary.Value(tag=tag, simple_value=value) for tag, value in scalars.items()]
        values += [Summary.Value(tag=tag, image=_image(path)) for tag, path in images.items()]
        self._write(step=step, summary=Summary(value=values))

    def add_hyperparameters(self, values: Mapping[str, Any]) -> None:
        """For the tab of that name, beside the last scores."""
        from tensorboardX.summary import hparams

        for summary in hparams(dict(values), dict.fromkeys(HPARAM_METRICS)):
            self._write(summary=summary)

    def close(self) -> None:
        """Nothing more comes."""
        self._writer.close()

    def _write(self, **fields: Any) -> None:
        from tensorboardX.proto.event_pb2 import Event

        self._writer.write(Event(wall_time=time.time(), **fields).SerializeToString())
        self._writer.flush()


def _image(path: Path) -> Any:
    from PIL import Image
    from tensorboardX.proto.summary_pb2 import Summary

    with Image.open(path) as picture:
        width, height, colours = *picture.size, len(picture.getbands())
    return Summary.Image(
        width=width, height=height, colorspace=colours, encoded_image_string=path.read_bytes()
    )
