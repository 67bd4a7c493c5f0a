"""A space file's model: the whole search, of which ``trial`` is what a sampler fills in."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated, Literal

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from animesearch.datasets.config import DatasetConfig
from animesearch.errors import UnsupportedError, UserError
from animesearch.metrics.config import MetricConfig
from animesearch.metrics.verdict import VerdictRules
from animesearch.registry import Options
from animesearch.trainers.architectures import ARCHITECTURES
from animesearch.trainers.compatibility import workers_problem
from animesearch.trainers.config import TrialConfig
from animesearch.tuning.loggers import LOGGERS, LoggerSpec
from animesearch.tuning.loggers.tensorboard import TensorBoard
from animesearch.tuning.samplers import SAMPLERS, SamplerSpec, Tpe
from animesearch.tuning.schedulers import SCHEDULERS, SchedulerSpec
from animesearch.tuning.schedulers.asha import Asha
from animesearch.tuning.storageurl import PASSWORD, has_password, hidden

Auto = Literal["auto"]
Edge = Annotated[int, Field(ge=1, le=100)]


class ResourceConfig(Options):
    """What one trial takes of the machine, and how many run at a time."""

    cpu: Auto | Annotated[float, Field(gt=0, le=1024)] = Field(
        "auto",
        description="CPU cores per trial, of several workers per worker; auto: the cores shared "
        "out evenly",
    )
    gpu: Auto | Annotated[float, Field(ge=0, le=64)] = Field(
        "auto",
        description="GPUs per trial, fractions allowed; of several workers per worker, whole "
        "ones; auto: one where there are any",
    )
    concurrency: Auto | Annotated[int, Field(ge=1, le=4096)] = Field(
        "auto", description="trials at a time; auto: as many as fit"
    )
    precision: Literal["float32", "bfloat16"] = Field(
        "float32",
        description="type that networks compute in while training; samples and scores are always "
        "float32",
    )
    workers: int = Field(
        0,
        ge=0,
        le=64,
        description="Ray Train worker processes that train a trial together, each on its share "
        "of every batch; 0: Train's local mode, the loop runs in the trial's own process",
    )
    scoring: Literal["trial", "node"] = Field(
        "trial",
        description="who scores at a rung; trial: the trial's own process, before it trains on; "
        "node: one process on each node, or for each GPU, scores for all its trials, which train "
        "on meanwhile",
    )
    disk: float | None = Field(
        None,
        gt=0,
        description="GB (1e9 bytes) that the run may take where it lives: what cannot fit is "
        "refused before the start; when it is passed the grids of losers go, and then the search "
        "pauses.  Default: no limit",
    )
    price: float | None = Field(
        None,
        gt=0,
        description="price of one device for one hour; the dashboard and the report then tell "
        "what a search has cost",
    )
    currency: str = Field("USD", min_length=1, max_length=8, description="of the price")

    @model_validator(mode="after")
    def _whole_gpus(self) -> ResourceConfig:
        if self.workers > 1 and self.gpu != "auto" and self.gpu % 1:
            raise ValueError(
                f"{self.workers} workers exchange gradients from GPU to GPU, so each needs one of "
                f"its own, not {self.gpu:g}; allowed: whole numbers, 0 for the CPU"
            )
        return self


class Finalists(Options):
    """What is done with the best once the race is over.  A bare number is ``top`` alone."""

    top: int = Field(
        3, ge=1, description="best trials scored again on fresh samples, and with seeds above 0 "
        "best configurations trained again"
    )  # fmt: skip
    seeds: int = Field(
        0,
        ge=0,
        le=1000,
        description="new seeds from which each of the best configurations is trained again, to "
        "the full budget; 0: none",
    )
    samples: int | None = Field(
        None, ge=2, description="fakes per fresh score; default: as many as in the race"
    )
    nearest: int = Field(
        50_000,
        ge=0,
        description="training images, evenly spaced, among which the nearest to each sample of the "
        "best grids is looked for; 0: none",
    )


class SearchConfig(Options):
    """How the search goes about it."""

    trials: int = Field(20, ge=1, le=1_000_000, description="configurations to try")
    images: int | None = Field(
        None, ge=1, description="full budget of a trial in real images shown to D"
    )
    epochs: float | None = Field(
        None, gt=0, description="full budget in passes over the cleaned data, in place of images"
    )
    sampler: Annotated[SamplerSpec, SAMPLERS.field()] = Field(
        default_factory=Tpe, description="how configurations are chosen"
    )
    scheduler: Annotated[SchedulerSpec, SCHEDULERS.field()] = Field(
        default_factory=Asha, description="which trials are stopped early"
    )
    resources: ResourceConfig = Field(
        default_factory=ResourceConfig, description="what a trial takes"
    )
    tick: int | None = Field(
        None, ge=1, description="images between progress reports; default: 1/32 of the budget"
    )
    finalists: Finalists | Annotated[int, Field(ge=1, strict=True)] = Field(
        Finalists(), description="what is done with the best after the race"
    )
    retries: int = Field(
        1,
        ge=0,
        description="restarts in a row of a trial that fails or whose process dies; one that has "
        "come further since has them all again",
    )
    grid: tuple[Edge, Edge] = Field((5, 5), description="rows and columns of the sample grids")
    verdict: VerdictRules = Field(
        VerdictRules(ignore=("d-blind",)),
        description="when a trial counts as collapsed and stops.  d-blind is ignored unless asked "
        "for: over short budgets it stopped trials that were still getting better",
    )
    logs: tuple[Annotated[LoggerSpec, LOGGERS.field()], ...] = Field(
        (TensorBoard(),), description="other tools that are told of the trials, besides the journal"
    )
    storage: str = Field(
        "sqlite",
        description="where Optuna's study can be read: sqlite or journal (a file in the run "
        "folder), or a database URL, for the studies of many searches in one place; the URL's "
        "password stands in the environment, in ANIMESEARCH_STORAGE_PASSWORD",
    )

    @field_validator("storage")
    @classmethod
    def _no_password(cls, storage: str) -> str:
        """The space is copied into the run folder, which is made to be shared."""
        if has_password(storage):
            raise ValueError(
                f"a URL with a password ({hidden(storage)}) would stay in the run folder; leave "
                f"the password out, and put it into the environment variable {PASSWORD}"
            )
        return storage

    @model_validator(mode="after")
    def _one_budget(self) -> SearchConfig:
        if (self.images is None) == (self.epochs is None):
            raise ValueError("give the budget either as 'images' or as 'epochs'")
        return self

    @property
    def final(self) -> Finalists:
        """``finalists``, a bare number read as ``top``."""
        given = self.finalists
        return given if isinstance(given, Finalists) else Finalists(top=given)

    def budget(self, count: int) -> int:
        """The full budget in images for a set of ``count`` images."""
        if self.images is not None:
            return self.images
        return max(1, round((self.epochs or 0) * count))


class SpaceConfig(Options):
    """A space file.  Distributions may stand below ``trial``; the rest belongs to all trials."""

    name: str = Field("search", min_length=1, max_length=80, description="title of the run")
    seed: int = Field(0, ge=0, lt=2**31, description="seed of everything random")
    dataset: DatasetConfig = Field(description="the images, the same for all trials")
    trial: TrialConfig = Field(description="one configuration: here distributions may stand")
    metric: MetricConfig = Field(default_factory=MetricConfig, description="what is minimised")
    search: SearchConfig = Field(description="sampler, scheduler, budget, resources")

    @model_validator(mode="after")
    def _fits_together(self) -> SpaceConfig:
        problems = [
            *self._unsupported_images(),
            *self._uneven_shares(),
            *self._unknown_grace(),
            *self._skipped_rungs(),
            *self._seeds_of_a_population(),
        ]
        if problems:
            raise ValidationError.from_exception_data("space", problems)
        return self

    def _unsupported_images(self) -> list[InitErrorDetails]:
        """The evaluation size belongs to the search; an architecture must be able to draw it."""
        try:
            labelled = self.dataset.labels != "none"  # how many classes is known with the data
            self.trial.architecture.check(
                self.dataset.size, self.dataset.channels, 2 if labelled else 0
            )
        except UnsupportedError as error:
            return [_problem(("trial", "architecture"), str(error))]
        problem = self.trial.architecture.batch_problem(self.trial.batch, self.dataset.size)
        return [_problem(("trial", "batch"), problem)] if problem else []

    def _uneven_shares(self) -> list[InitErrorDetails]:
        """Each of several workers trains on as many images of a batch as the others."""
        text = workers_problem(self.trial, self.search.resources.workers)
        return [_problem(("trial", "batch"), text)] if text else []

    def _unknown_grace(self) -> list[InitErrorDetails]:
        """A misspelt architecture would be given no grace, without a word."""
        grace = getattr(self.search.scheduler, "grace", {})
        known = ARCHITECTURES.names()
        return [
            _problem(
                ("search", "scheduler", "grace", name),
                f"there is no architecture '{name}'; allowed: {', '.join(known)}",
            )
            for name in grace
            if name not in known
        ]

    def _seeds_of_a_population(self) -> list[InitErrorDetails]:
        """Its trials take over weights and change options: no configuration made them."""
        if self.search.scheduler.engine != "tune-pbt" or not self.search.final.seeds:
            return []
        text = (
            f"{self.search.final.seeds} seeds do not go with scheduler "
            f"'{self.search.scheduler.name}': its trials change their options on the way, so there "
            "is no one configuration to train again; allowed: 0"
        )
        return [_problem(("search", "finalists", "seeds"), text)]

    def _skipped_rungs(self) -> list[InitErrorDetails]:
        """Rungs closer together than one step of D would be reached at once."""
        if self.search.images is None:
            return []  # epochs: the number of images is not known yet
        try:
            rungs = self.search.scheduler.rungs(self.search.images)
        except UserError as error:
            return [_problem(("search", "scheduler"), str(error))]
        text = self.step_beyond(rungs)
        return [_problem(("trial", "batch"), text)] if text else []

    def step_beyond(self, rungs: Sequence[int]) -> str:
        """What is wrong where one step of D is longer than the way to a rung, else ''."""
        step = self.trial.batch * self.trial.d_steps
        gap = min(high - low for low, high in pairwise((0, *rungs)))
        if step <= gap:
            return ""
        return f"one step of D takes {step} images, but the rungs {tuple(rungs)} are {gap} apart"


def _problem(loc: tuple[str, ...], text: str) -> InitErrorDetails:
    error = PydanticCustomError("does_not_fit", "{text}", {"text": text})
    return InitErrorDetails(type=error, loc=loc, input=None)
