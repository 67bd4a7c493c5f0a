"""A trained generator from a checkpoint file alone."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import torch

from animesearch.trainers.checkpoint import load_checkpoint
from animesearch.trainers.config import TrialConfig
from animesearch.trainers.report import Report
from animesearch.trainers.sampling import Sampler


@dataclass(frozen=True)
class TrainedGenerator:
    """The averaged generator of a checkpoint: ``sampler(start, count)`` draws uint8 images."""

    sampler: Sampler
    config: TrialConfig
    size: int
    channels: int
    images: int
    report: Report


def load_generator(path: Path, device: str = "cpu", batch: int = 256) -> TrainedGenerator:
    """Load the averaged generator of the checkpoint file ``path``.

    ``batch`` images are drawn at once.  Torch's random state stays as it is.  Raises
    :class:`CheckpointError` for a damaged file.
    """
    state = load_checkpoint(path)
    config = TrialConfig.model_validate(json.loads(state["config"]))
    size, channels = state["identity"]["size"], state["identity"]["channels"]
    with torch.random.fork_rng(devices=[]):
        networks = config.architecture.build(size, channels).to(torch.device(device))
    generator = networks.generator
    generator.load_state_dict(state["modules"]["average"])
    budget = state["identity"]["budget"]
    generator.set_progress(min(state["images"], budget), budget)
    generator.requires_grad_(False)
    return TrainedGenerator(
        sampler=Sampler(generator.eval(), device, batch),
        config=config,
        size=size,
        channels=channels,
        images=state["images"],
        report=Report.from_metrics(state["report"]),
    )
