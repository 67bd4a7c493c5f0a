"""MLflow: a run for each trial, through Ray Tune's callback."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field, field_validator

from animesearch.errors import UserError
from animesearch.tuning.loggers.base import LOGGERS, About, LoggerSpec, ToldTrial, TrialLog
from animesearch.tuning.storageurl import has_password, hidden

if TYPE_CHECKING:
    from mlflow import MlflowClient

LOG = logging.getLogger("mlflow")
STATUS = {"completed": "FINISHED", "pruned": "KILLED", "collapsed": "KILLED",
          "interrupted": "KILLED", "failed": "FAILED"}  # fmt: skip
"""MLflow's word for how a trial ended; ours stands in the tag ``state``."""
RUN_TAG, TRIAL_TAG = "animesearch.run", "animesearch.trial"
URI = "MLFLOW_TRACKING_URI"
RETRIES = "MLFLOW_HTTP_REQUEST_MAX_RETRIES"
FEW = "2"
"""Tries of MLflow's client: the search waits for them."""


@LOGGERS.register
class Mlflow(LoggerSpec):
    """A run in MLflow for each trial: configuration, metrics, how it ended (extra ``mlflow``).

    Credentials stand in MLflow's environment variables, such as MLFLOW_TRACKING_TOKEN.
    """

    name: Literal["mlflow"] = "mlflow"
    uri: str | None = Field(
        None,
        description="tracking server or store; default: MLFLOW_TRACKING_URI of the environment, "
        "else mlflow.db in the run folder",
    )
    experiment: str | None = Field(None, description="experiment; default: the search's name")
    grids: bool = Field(False, description="whether sample grids become artifacts of the run")

    @field_validator("uri")
    @classmethod
    def _no_password(cls, uri: str | None) -> str | None:
        """The space is copied into the run folder, which is made to be shared."""
        if uri is not None and (has_password(uri) or "@" in uri.partition("://")[2].split("/")[0]):
            raise ValueError(
                f"a URI with credentials ({hidden(uri)}) would stay in the run folder; leave them "
                "out, and put them into MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or "
                f"the whole URI into {URI}"
            )
        return uri

    def check(self) -> None:
        """The package is there, and a server that was named answers."""
        self.need("mlflow")
        wanted = self.uri or os.environ.get(URI)
        if not wanted:
            return
        os.environ.setdefault(RETRIES, FEW)
        try:
            _client(wanted).search_experiments(max_results=1)
        except Exception as error:  # noqa: BLE001 - a store's, of whatever kind
            raise UserError(
                f"search.logs: MLflow cannot be reached at {hidden(wanted)}: "
                f"{hidden(str(error)).splitlines()[0][:300]}"
            ) from None

    def build(self, about: About) -> TrialLog:
        """See :class:`MlflowLog`."""
        return MlflowLog(self, about)


class MlflowLog(TrialLog):
    """A run that was resumed goes on in the MLflow runs of its trials."""

    def __init__(self, spec: Mlflow, about: About) -> None:
        from ray.air.integrations.mlflow import MLflowLoggerCallback

        os.environ.setdefault(RETRIES, FEW)
        uri, experiment = spec.uri or os.environ.get(URI), spec.experiment or about.name
        self._about, self._grids = about, spec.grids
        self._client = _client(uri) if uri else _own_store(about.folder.path, experiment)
        self._callback = MLflowLoggerCallback(
            self._client.tracking_uri,
            experiment_name=experiment,
            tags={RUN_TAG: about.key, "metric": about.metric},
        )
        self._callback.setup()
        self._runs: dict[ToldTrial, str] = {}

    def start(self, trial: ToldTrial) -> None:
        known = self._known(trial)
        if known is None:
            self._callback.log_trial_start(trial)
            known = self._callback._trial_runs[trial]
            for tag, value in _tags(trial, "running").items():
                self._client.set_tag(known, tag, value)
        else:  # its parameters are there, and MLflow lets none of them change
            self._client.update_run(known, status="RUNNING")
            self._client.set_tag(known, "state", "running")
        self._runs[trial] = known

    def report(self, trial: ToldTrial, images: int, metrics: Mapping[str, float]) -> None:
        from mlflow.entities import Metric

        at = int(time.time() * 1000)
        batch = [Metric(name, value, at, images) for name, value in metrics.items()]
        self._client.log_batch(self._runs[trial], batch)
        grid = trial.grid(images) if self._grids and "score" in metrics else None
        if grid is not None:
            self._client.log_artifact(self._runs[trial], str(grid), "grids")

    def end(self, trial: ToldTrial) -> None:
        run = self._runs.pop(trial, None)
        if run is None:
            return
        for tag, value in _tags(trial, trial.state).items():
            self._client.set_tag(run, tag, value)
        self._client.set_terminated(run, STATUS[trial.state])

    def close(self) -> None:
        for trial in list(self._runs):
            self.end(trial)

    def _known(self, trial: ToldTrial) -> str | None:
        """The MLflow run that the trial got in an earlier session."""
        found = self._client.search_runs(
            [self._callback.mlflow_util.experiment_id],
            f"tags.`{RUN_TAG}` = '{self._about.key}' and tags.`{TRIAL_TAG}` = '{trial}'",
            max_results=1,
        )
        return str(found[0].info.run_id) if found else None


def _tags(trial: ToldTrial, state: str) -> dict[str, str]:
    created = trial.record.created
    return {TRIAL_TAG: str(trial), "config_id": created.config_id, "phase": created.phase,
            "state": state, "reason": trial.reason}  # fmt: skip


def _own_store(folder: Path, experiment: str) -> MlflowClient:
    """A database in the run folder; artifacts beside it, not where the command was given."""
    client = _client(f"sqlite:///{folder.resolve() / 'mlflow.db'}")
    if client.get_experiment_by_name(experiment) is None:
        client.create_experiment(experiment, (folder.resolve() / "mlartifacts").as_uri())
    return client


def _client(uri: str) -> MlflowClient:
    from mlflow import MlflowClient

    LOG.setLevel(logging.WARNING)
    return MlflowClient(uri)
