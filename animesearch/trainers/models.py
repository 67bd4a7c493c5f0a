"""Trained networks from a checkpoint file alone."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError

from animesearch.errors import CheckpointError, UnsupportedError
from animesearch.trainers.building import build_networks
from animesearch.trainers.checkpoint import load_checkpoint
from animesearch.trainers.config import TrialConfig
from animesearch.trainers.modules.networks import Discriminator, Generator, Networks
from animesearch.trainers.report import Report
from animesearch.trainers.sampling import Sampler


@dataclass(frozen=True)
class Frame:
    """What besides weights and configuration makes a network of a trial what it is.

    ``images`` of ``budget`` real images were shown; ``classes`` are the names of the labels,
    ``class_shares`` their shares of the data, both empty without labels.
    """

    size: int
    channels: int
    images: int
    budget: int
    classes: tuple[str, ...] = ()
    class_shares: tuple[float, ...] = ()


@dataclass(frozen=True)
class TrainedGenerator:
    """The averaged generator of a checkpoint: ``sampler(start, count)`` draws uint8 images."""

    sampler: Sampler
    config: TrialConfig
    frame: Frame
    report: Report

    @property
    def generator(self) -> Generator:
        """The network, in evaluation mode."""
        return self.sampler.generator

    @property
    def size(self) -> int:
        """Side of an image in pixels."""
        return self.frame.size

    @property
    def channels(self) -> int:
        """Colour channels of an image."""
        return self.frame.channels

    @property
    def images(self) -> int:
        """Real images shown when the checkpoint was written."""
        return self.frame.images


def load_generator(path: Path, device: str = "cpu", batch: int = 256) -> TrainedGenerator:
    """Load the averaged generator of the checkpoint file ``path``.

    ``batch`` images are drawn at once; labels follow their shares of the data.  Torch's random
    state stays as it is.  Raises :class:`CheckpointError` for a damaged file, and for one whose
    configuration needs a component that is not registered.
    """
    state, config, frame = _opened(path)
    networks = untrained(config, frame, device)
    generator = networks.generator
    generator.load_state_dict(state["modules"]["average"])
    return TrainedGenerator(
        sampler=Sampler(finished(generator), device, batch, frame.class_shares),
        config=config,
        frame=frame,
        report=Report.from_metrics(state["report"]),
    )


def load_discriminator(path: Path, device: str = "cpu") -> Discriminator:
    """Load the discriminator of the checkpoint file ``path``, at the stage of its images.

    Raises as :func:`load_generator`, and :class:`UnsupportedError` for an autoencoder's file.
    """
    state, config, frame = _opened(path)
    if config.architecture.kind == "autoencoder":
        raise UnsupportedError(
            f"architecture '{config.architecture.name}' is an autoencoder: it has no discriminator"
        )
    discriminator = untrained(config, frame, device).discriminator
    discriminator.load_state_dict(state["modules"]["discriminator"])
    discriminator.requires_grad_(False)
    discriminator.eval()
    return discriminator


def untrained(config: TrialConfig, frame: Frame, device: str = "cpu") -> Networks:
    """Networks of the right shape and stage, for weights to be loaded into.

    Torch's random state stays as it is.
    """
    with torch.random.fork_rng(devices=[]):
        networks = build_networks(config, frame.size, frame.channels, len(frame.classes))
    networks.to(torch.device(device))
    networks.set_progress(min(frame.images, frame.budget), frame.budget)
    return networks


def finished(generator: Generator) -> Generator:
    """``generator`` in evaluation mode, its weights constant."""
    generator.requires_grad_(False)
    generator.eval()
    return generator


def _opened(path: Path) -> tuple[dict[str, Any], TrialConfig, Frame]:
    state = load_checkpoint(path)
    identity, classes = state["identity"], state.get("classes", {"names": [], "shares": []})
    frame = Frame(
        size=identity["size"],
        channels=identity["channels"],
        images=state["images"],
        budget=identity["budget"],
        classes=tuple(classes["names"]),
        class_shares=tuple(classes["shares"]),
    )
    try:
        return state, TrialConfig.model_validate(json.loads(state["config"])), frame
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise CheckpointError(
            f"{path} is of a configuration that is not known here: {where}: {first['msg']}"
        ) from error
