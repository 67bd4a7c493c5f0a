"""Weights & Biases: a run for each trial, through Ray Tune's callback."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field

from animesearch.errors import UserError
from animesearch.tuning.loggers.base import LOGGERS, About, LoggerSpec, ToldTrial, TrialLog

KEY, MODE, PROJECT = "WANDB_API_KEY", "WANDB_MODE", "WANDB_PROJECT"
UNSENT = {"offline", "disabled"}
QUIET = {"host": "driver", "console": "off", "disable_git": True, "disable_code": True,
         "x_disable_meta": True, "x_disable_stats": True,
         "x_disable_machine_info": True}  # fmt: skip
"""What wandb tells of itself would be the driver's machine and command, not the trial's."""
WAIT = 60.0
"""Seconds to wait for what is still to be sent when a session ends."""


@LOGGERS.register
class Wandb(LoggerSpec):
    """A run in Weights & Biases for each trial (extra ``wandb``).

    The key stands in WANDB_API_KEY of the environment, or ``wandb login`` has stored it.  Ray keeps
    two small processes for each trial that runs.
    """

    name: Literal["wandb"] = "wandb"
    project: str | None = Field(
        None, description="project; default: WANDB_PROJECT of the environment, else animesearch"
    )
    entity: str | None = Field(None, description="user or team; default: that of the key")
    mode: Literal["online", "offline"] | None = Field(
        None,
        description="offline: files in the run folder's wandb, for 'wandb sync'; default: "
        "WANDB_MODE of the environment, else online",
    )
    grids: bool = Field(False, description="whether sample grids are logged too")

    def check(self) -> None:
        """The package is there, and a key unless nothing is to be sent."""
        self.need("wandb")
        if not self._offline and not os.environ.get(KEY) and not _logged_in():
            raise UserError(
                f"search.logs: logger 'wandb' has no key: set {KEY} in the environment, run "
                "'wandb login', or say mode: offline"
            )

    def build(self, about: About) -> TrialLog:
        """See :class:`WandbLog`."""
        project = self.project or os.environ.get(PROJECT) or "animesearch"
        return WandbLog(about, project, self.grids, self._init())

    @property
    def _offline(self) -> bool:
        return (self.mode or os.environ.get(MODE)) in UNSENT

    def _init(self) -> dict[str, Any]:
        """Arguments of ``wandb.init`` in the processes that send."""
        mode = "offline" if self._offline else "online"
        key = os.environ.get(KEY)
        settings = {**QUIET, "api_key": key} if key and not self._offline else QUIET
        found = {"mode": mode, "settings": settings}
        return {**found, "entity": self.entity} if self.entity else found


class WandbLog(TrialLog):
    """A run that was resumed goes on in the W&B runs of its trials."""

    def __init__(self, about: About, project: str, grids: bool, init: Mapping[str, Any]) -> None:
        import ray
        from ray.air.integrations.wandb import WandbLoggerCallback

        about.folder.path.joinpath("wandb").mkdir(exist_ok=True)
        self._grids = grids
        self._callback = WandbLoggerCallback(
            project,
            f"{about.name} {about.key}",
            upload_timeout=WAIT,
            dir=str(about.folder.path.resolve()),
            resume="allow",
            **init,
        )
        self._callback.AUTO_CONFIG_KEYS = ["state", "reason"]
        # Ray's callback would hand the key over in a runtime environment, and Ray writes those
        # into its logs, which everybody on the machine can read.
        self._callback._remote_logger_class = ray.remote(num_cpus=0)(
            sender(self._callback._logger_actor_cls)
        )
        self._open: dict[ToldTrial, int] = {}

    def start(self, trial: ToldTrial) -> None:
        self._callback.log_trial_start(trial)
        # W&B drops what comes at a step that it has: of a trial that is over, the one behind it.
        self._open[trial] = trial.record.images + 1 if trial.record.done else 0

    def report(self, trial: ToldTrial, images: int, metrics: Mapping[str, float]) -> None:
        picture = {}
        grid = trial.grid(images) if self._grids and "score" in metrics else None
        if grid is not None:
            picture = {"samples": _pixels(grid)}
        self._open[trial] = max(images, self._open[trial])
        self._tell(trial, {**metrics, **picture})

    def end(self, trial: ToldTrial) -> None:
        if trial in self._open:
            self._tell(trial, {"state": trial.state, "reason": trial.reason or "none"})
            del self._open[trial]
            self._callback.log_trial_end(trial, failed=trial.state == "failed")

    def close(self) -> None:
        for trial in list(self._open):
            self.end(trial)
        self._callback.on_experiment_end([])

    def _tell(self, trial: ToldTrial, values: Mapping[str, Any]) -> None:
        """The callback takes ``training_iteration`` for the step."""
        step = {"training_iteration": self._open[trial]}
        self._callback.log_trial_result(0, trial, {**values, **step})


def sender(actor: Any) -> Any:
    """Ray's class of the process that sends, which waits for all to be written or sent.

    Ray kills the process when its run has finished; wandb's own, which writes the files, goes then
    too, whatever it still holds.
    """

    class Sender(actor):
        def run(self) -> Any:
            import wandb

            try:
                return super().run()
            finally:
                wandb.teardown()

    return Sender


def _logged_in() -> bool:
    import wandb

    return bool(wandb.api.api_key)


def _pixels(path: Any) -> Any:
    import numpy as np
    from PIL import Image

    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB"))
