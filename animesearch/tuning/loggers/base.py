"""What a logger is: another tool that is told of the trials while they train.

The journal is the truth and the dashboard reads that; a logger is for those who watch their
experiments elsewhere.  It has no part in any decision, and its faults cost no search.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path

from animesearch.errors import UserError
from animesearch.files import content_id
from animesearch.registry import Registry, Spec
from animesearch.results.differences import flatten
from animesearch.results.folder import RunFolder
from animesearch.results.formats import clean
from animesearch.results.records import Rescored, RunInfo, Scalar
from animesearch.results.state import TrialRecord
from animesearch.tuning.storageurl import hidden


@dataclass(frozen=True)
class About:
    """The run that its trials belong to; ``key`` tells it apart from all other runs."""

    folder: RunFolder
    name: str
    metric: str
    key: str

    @classmethod
    def run(cls, folder: RunFolder, info: RunInfo) -> About:
        """Of a run that is described already; the same in every session of it."""
        return cls(folder, info.name, info.metric, content_id([info.name, info.created]))


class ToldTrial:
    """A trial as loggers see it; has what Ray Tune's logger callbacks ask a Tune trial for.

    ``trial_id`` is unique among all runs; as a text the trial is our short name of it.
    """

    def __init__(self, record: TrialRecord, about: About) -> None:
        self.record, self.about = record, about
        self.trial_id = f"{about.key}-{record.trial_id}"
        self.config = {"seed": record.created.seed, **dict(flatten(record.config))}
        self.evaluated_params = dict(record.params)
        self.experiment_dir_name = about.name

    def __str__(self) -> str:
        return self.record.trial_id

    @property
    def local_path(self) -> str:
        """The trial's own folder, which exists."""
        path = self.about.folder.trial(self.record.trial_id)
        path.mkdir(parents=True, exist_ok=True)
        return str(path)

    @property
    def state(self) -> str:
        """How it ended; ``interrupted`` for one that has not."""
        return self.record.state if self.record.done else "interrupted"

    @property
    def reason(self) -> str:
        """The reason code of a collapsed trial, else nothing."""
        return self.record.ended.reason if self.record.ended else ""

    def grid(self, images: int) -> Path | None:
        """The sample grid drawn at that moment, if there is one."""
        folder = self.about.folder.trial(self.record.trial_id)
        path = folder / "grids" / f"{images:09d}.png"
        return path if path.is_file() else None


class TrialLog(ABC):
    """Takes in what happens to trials, in the driver, in the order in which it happens."""

    @abstractmethod
    def start(self, trial: ToldTrial) -> None:
        """A worker took the trial up; once in each session of the run.  Once more, after its end,
        before its score on fresh samples is told."""

    @abstractmethod
    def report(self, trial: ToldTrial, images: int, metrics: Mapping[str, float]) -> None:
        """What was measured when ``images`` real images had been shown; finite numbers."""

    @abstractmethod
    def end(self, trial: ToldTrial) -> None:
        """The trial has ended, or was interrupted with the session."""

    def close(self) -> None:  # noqa: B027 - by default nothing is open
        """Nothing more comes in this session."""


class LoggerSpec(Spec):
    """Options of a logger."""

    def check(self) -> None:
        """Raise :class:`UserError` where it cannot work here; before anything is started."""

    @abstractmethod
    def build(self, about: About) -> TrialLog:
        """Open it for the run."""

    def need(self, package: str) -> None:
        """Raise :class:`UserError` without a package that an extra of this name brings."""
        if find_spec(package) is None:
            raise UserError(
                f"search.logs: logger '{self.name}' needs the package {package}, which is not "
                f"installed: pip install 'animesearch[{self.name}]'"
            )


LOGGERS: Registry[LoggerSpec] = Registry("logger", LoggerSpec)  # type: ignore[type-abstract]


def check_loggers(specs: Sequence[LoggerSpec]) -> None:
    """Raise :class:`UserError` for two of one name, and for the first that cannot work here."""
    names = [spec.name for spec in specs]
    for name in names:
        if names.count(name) > 1:
            raise UserError(f"search.logs names '{name}' {names.count(name)} times; allowed: once")
    for spec in specs:
        spec.check()


@dataclass(frozen=True)
class Logging:
    """The loggers of a run; ``note`` tells the person what goes wrong with one."""

    specs: Sequence[LoggerSpec]
    about: About | None
    note: Callable[[str], None]


SILENT = Logging((), None, lambda text: None)
"""Nobody is told."""


class Listeners:
    """The loggers of a run, open.

    One that fails is left out from then on, and the person is told once: a search is not lost to a
    server that is away.
    """

    def __init__(self, logging: Logging) -> None:
        self._note, self._logs = logging.note, dict[str, TrialLog]()
        if logging.about is not None:
            for spec in logging.specs:
                self._try(spec.name, partial(self._open, spec, logging.about))

    def tell(self, call: Callable[[TrialLog], None]) -> None:
        """``call`` with each of them."""
        for name, log in list(self._logs.items()):
            self._try(name, partial(call, log))

    def close(self) -> None:
        """Nothing more comes."""
        self.tell(lambda log: log.close())
        self._logs.clear()

    def _open(self, spec: LoggerSpec, about: About) -> None:
        self._logs[spec.name] = spec.build(about)

    def _try(self, name: str, call: Callable[[], None]) -> None:
        try:
            call()
        except Exception as error:  # noqa: BLE001 - another tool's, of whatever kind
            self._logs.pop(name, None)
            first = (hidden(str(error)).splitlines() or [type(error).__name__])[0]
            self._note(f"logger {name} is left out from now on: {clean(first)[:300]}")


def tell_fresh(logging: Logging, records: Sequence[TrialRecord]) -> None:
    """The scores of ended trials on fresh samples, as of their last images: ``fresh_score``, its
    standard error ``fresh_noise``, and ``memorisation`` where images were held out."""
    if not records:
        return
    listeners = Listeners(logging)
    for record in records:
        if logging.about is not None and record.rescored is not None:
            _tell_fresh(listeners, ToldTrial(record, logging.about), record.rescored)
    listeners.close()


def _tell_fresh(listeners: Listeners, trial: ToldTrial, fresh: Rescored) -> None:
    named = {"score": fresh.score, "noise": fresh.noise}
    metrics = plain({f"fresh_{name}": value for name, value in named.items()})
    metrics |= plain({"memorisation": fresh.memorisation})
    listeners.tell(lambda log: log.start(trial))
    listeners.tell(lambda log: log.report(trial, trial.record.images, metrics))
    listeners.tell(lambda log: log.end(trial))


def plain(metrics: Mapping[str, Scalar]) -> dict[str, float]:
    """The numbers of a report but its clock; truth values are none."""
    return {
        name: float(value)
        for name, value in metrics.items()
        if isinstance(value, (int, float)) and not isinstance(value, bool)
        and name not in ("images", "rung")
        and abs(value) < float("inf")
    }  # fmt: skip
