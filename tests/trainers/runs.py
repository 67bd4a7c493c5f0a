"""Run folders of really trained, tiny trials, with the journal that a driver would write."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from animesearch.metrics.evaluator import Draw, Score
from animesearch.results.folder import RunFolder
from animesearch.results.journal import Journal
from animesearch.results.records import (
    AttemptStarted,
    Event,
    Rescored,
    RungReported,
    RunInfo,
    TrialCreated,
    TrialEnded,
)
from animesearch.trainers.config import TrialConfig
from animesearch.trainers.loop import train
from animesearch.trainers.setting import TrialSetting
from tests.trainers.conftest import discs

DCGAN = {"name": "penn-dcgan", "width": 4, "latent": 8}
PROGAN = {"name": "progan", "width": 4, "latent": 8}
STYLEGAN2 = {"name": "stylegan2", "width": 8, "latent": 8, "style": 8, "depth": 2}
AUTOENCODER = {"name": "ganime-ae", "width": 2, "latent": 4}
BATCH, IMAGES = 4, 48
RECIPES: dict[str, dict[str, Any]] = {
    "penn-dcgan": {"images": 192, "lr": 0.02},
    "ganime-ae": {"images": 192, "lr": 0.05},
}
"""For samples that differ: running statistics of batch normalisation begin far too large."""
PROTOCOL = {"features": "none", "samples": 16, "data": "abc"}


def brightness(draw: Draw) -> Score:
    return Score(float(draw(0, 16).float().mean()), "brightness", 16)


def make_run(
    path: Path,
    *architectures: dict[str, Any],
    size: int = 16,
    channels: int = 3,
    classes: dict[str, float] | None = None,
    **parts: Any,
) -> RunFolder:
    """A finished run with one trial per architecture, ``t0000`` the best; classes with shares.

    ``parts`` are parts of all the trials' configurations.
    """
    folder = RunFolder.create(path)
    folder.write_info(_info(size, len(architectures)))
    journal = Journal(folder.journal)
    for number, architecture in enumerate(architectures):
        recipe = {"images": IMAGES, "lr": 2e-3, **RECIPES.get(architecture["name"], {})}
        config = TrialConfig.model_validate(
            {
                "architecture": architecture,
                "batch": BATCH,
                "generator": {"lr": recipe["lr"]},
                **parts,
            }
        )
        trial_id = f"t{number:04d}"
        setting = TrialSetting(
            folder=folder.trial(trial_id),
            size=size,
            channels=channels,
            images=recipe["images"],
            rungs=(24, recipe["images"]),
            tick=recipe["images"],
            seed=number,
            classes=tuple(classes or ()),
            class_shares=tuple((classes or {}).values()),
        )
        for event in _trained(trial_id, number, config, setting):
            journal.append(event)
    return folder


def _trained(trial_id: str, number: int, config: TrialConfig, setting: TrialSetting) -> list[Event]:
    images_NCHW = discs(64, setting.size, setting.channels)

    def rows(images: int) -> npt.NDArray[np.int64]:
        return (images + np.arange(BATCH)) % len(images_NCHW)

    created = TrialCreated(
        at=0.0,
        trial_id=trial_id,
        number=number,
        config_id=f"c{number}",
        seed=number,
        params={},
        config=config.model_dump(mode="json"),
    )
    events: list[Event] = [created, AttemptStarted(at=0.0, trial_id=trial_id, attempt=1)]
    labels = (lambda images: rows(images) % len(setting.classes)) if setting.classes else None
    for report in train(config, setting, lambda n: images_NCHW[rows(n)], brightness, labels):
        if report.rung is not None:
            assert report.score is not None, report
            events.append(
                RungReported(
                    at=0.0,
                    trial_id=trial_id,
                    attempt=1,
                    rung=report.rung,
                    images=report.images,
                    score=report.score,
                )
            )
    events.append(TrialEnded(at=0.0, trial_id=trial_id, state="completed", images=setting.images))
    fresh = Rescored(at=0.0, trial_id=trial_id, score=100.0 + number, samples=16, first_latent=16)
    return [*events, fresh]


def _info(size: int, trials: int) -> RunInfo:
    return RunInfo(
        name="small | run",
        created="2026-01-02T03:04:05Z",
        version="0.1.0",
        space_file="small.yaml",
        seed=5,
        metric="brightness",
        protocol=PROTOCOL,
        rungs=(24, IMAGES),
        trials=trials,
        dataset={
            "digest": "d1ge57",
            "count": 64,
            "size": size,
            "source": "discs",
            "options": {"source": {"path": "/home/somebody/faces"}, "flip": False},
        },
        space={},
        environment={"torch": "2"},
    )
