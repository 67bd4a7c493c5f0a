"""Trained networks from a checkpoint file alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Self

import torch
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)
from torch import Tensor, nn

from animesearch.errors import CheckpointError, UnsupportedError
from animesearch.trainers.blueprints import blueprint, parameter_count
from animesearch.trainers.building import build_networks
from animesearch.trainers.checkpoint import load_checkpoint
from animesearch.trainers.config import TrialConfig
from animesearch.trainers.modules.networks import Discriminator, Generator, Networks
from animesearch.trainers.report import Report
from animesearch.trainers.sampling import Sampler

SPARE = 2**24
"""Parameters (64 MiB) that a network may have beyond those that a file holds."""


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
    generator = untrained(config, frame, device).generator
    _fill(generator, state.modules.get("average"), path)
    return TrainedGenerator(
        sampler=Sampler(finished(generator), device, batch, frame.class_shares),
        config=config,
        frame=frame,
        report=state.report,
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
    _fill(discriminator, state.modules.get("discriminator"), path)
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


def refuse_larger(config: TrialConfig, frame: Frame, held: Mapping[str, int], path: Path) -> None:
    """Raise :class:`CheckpointError` where networks have far more parameters than are ``held``.

    ``held`` are those of the generator and of its partner.  A few bytes of configuration ask for as
    many gigabytes as they like, so the networks are counted before they are built.  Small ones are
    let pass: that a weight does not fit is told by its name, later.
    """
    networks = blueprint(config.architecture, frame.size, frame.channels, len(frame.classes))
    for name, module in (("generator", networks.generator), ("partner", networks.partner)):
        needed = parameter_count(module)
        if needed > held[name] + SPARE:
            raise CheckpointError(
                f"{path} asks for a {name} of {needed:,} parameters; {held[name]:,} are there"
            )


def _report_fields(metrics: Any) -> Any:
    """The fields of the report, for their types to be checked."""
    try:
        return vars(Report.from_metrics(metrics))
    except TypeError as error:
        raise ValueError(f"no report: {error}") from error


class _Identity(BaseModel):
    """What of a trial's identity its networks depend on."""

    model_config = ConfigDict(strict=True)

    size: int = Field(ge=1)
    channels: int = Field(ge=1)
    budget: int = Field(ge=1)


class _Classes(BaseModel):
    """Names and shares of the labels; either both or none."""

    names: tuple[str, ...] = ()
    shares: tuple[Annotated[float, Field(ge=0, allow_inf_nan=False)], ...] = ()

    @model_validator(mode="after")
    def _one_share_each(self) -> Self:
        if len(self.names) != len(self.shares) or (self.names and not sum(self.shares)):
            raise ValueError("classes have one share each")
        return self


class _State(BaseModel):
    """What of a checkpoint's payload is read here; ``config`` is JSON."""

    config: str
    identity: _Identity
    classes: _Classes = _Classes()
    images: int = Field(ge=0)
    modules: dict[str, Any]
    report: Annotated[Report, BeforeValidator(_report_fields)]


def _opened(path: Path) -> tuple[_State, TrialConfig, Frame]:
    try:
        state = _State.model_validate(load_checkpoint(path))
        config = TrialConfig.model_validate_json(state.config)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise CheckpointError(
            f"{path} is of a configuration that is not known here: {where}: {first['msg']}"
        ) from error
    frame = Frame(
        size=state.identity.size,
        channels=state.identity.channels,
        images=state.images,
        budget=state.identity.budget,
        classes=state.classes.names,
        class_shares=state.classes.shares,
    )
    partner = "encoder" if config.architecture.kind == "autoencoder" else "discriminator"
    held = {"generator": _numbers(state, "average"), "partner": _numbers(state, partner)}
    refuse_larger(config, frame, held, path)
    return state, config, frame


def _numbers(state: _State, module: str) -> int:
    weights = state.modules.get(module)
    values = weights.values() if isinstance(weights, dict) else ()
    return sum(value.numel() for value in values if isinstance(value, Tensor))


def _fill(module: nn.Module, weights: Any, path: Path) -> None:
    try:
        module.load_state_dict(weights)
    except (RuntimeError, TypeError, AttributeError) as error:
        raise CheckpointError(f"{path} does not fit its own configuration: {error}") from error
