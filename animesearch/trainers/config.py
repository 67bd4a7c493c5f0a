"""The configuration of a trial: what a search varies."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from animesearch.registry import Options
from animesearch.storage.places import check_place, is_uri
from animesearch.trainers.architectures import ARCHITECTURES, ArchitectureSpec
from animesearch.trainers.augmentations import AUGMENTATIONS, AugmentationSpec
from animesearch.trainers.compatibility import CHECKS
from animesearch.trainers.losses import LOSSES, LossSpec
from animesearch.trainers.optimisers import OPTIMISERS, OptimiserSpec
from animesearch.trainers.penalties import PENALTIES, PenaltySpec

Optimiser = Annotated[OptimiserSpec, OPTIMISERS.field(default="adam")]
Penalty = Annotated[PenaltySpec, PENALTIES.field()]


class EmaOptions(Options):
    """Moving average of G's weights, the network that is sampled and scored (Karras 2020)."""

    half_life: int = Field(10_000, ge=0, description="images after which a weight counts half")
    ramp: float = Field(
        0.05, ge=0, le=1, description="the half-life is at most this share of the images shown"
    )


class NoiseOptions(Options):
    """Noise and dropout in D, the same on reals and fakes (Arjovsky 2017; seeds 001 and 004)."""

    images: float = Field(0.0, ge=0, description="sd of Gaussian noise on D's images ([-1, 1])")
    layers: float = Field(
        0.0,
        ge=0,
        description="sd of Gaussian noise on the output of each of D's layers, its last excepted",
    )
    dropout: float = Field(
        0.0, ge=0, lt=1, description="share of each layer's channels set to 0, the last's excepted"
    )
    until: float = Field(
        1.0,
        gt=0,
        le=1,
        description="share of the budget over which all three fall to 0 linearly; 1 = they stay",
    )


class StartOptions(Options):
    """Begin with weights of an earlier run instead of random ones (C6 and M9 of the seeds)."""

    run: str = Field(description="a run folder or its URI, or a checkpoint file of one")
    trial: str | None = Field(None, description="a trial of the run; null = the best one")
    drop: Literal["auto"] | tuple[str, ...] = Field(
        "auto",
        description="weights not to take: patterns of their names, such as 'generator.body.9.*'; "
        "auto = those that are missing there or have another shape",
    )

    @field_validator("run")
    @classmethod
    def _from_where_it_was_written(cls, run: str) -> str:
        """Absolute: Tune moves the processes that train into folders of their own."""
        place = check_place(run)
        return place if is_uri(place) else str(Path(place).expanduser().absolute())


class TrialConfig(Options):
    """Everything about a trial that a search may vary; its seed and budget are not in here."""

    architecture: Annotated[ArchitectureSpec, ARCHITECTURES.field()] = Field(
        description="the two networks"
    )
    loss: Annotated[LossSpec, LOSSES.field()] = Field(
        default_factory=lambda known: LOSSES.parse(_default_loss(known)),
        description="the loss; default: ns, mse for autoencoders, began where D reconstructs",
    )
    penalties: tuple[Penalty, ...] = Field((), max_length=8, description="terms added to D's loss")
    generator: Optimiser = Field(
        default_factory=lambda: OPTIMISERS.parse("adam"),
        description="optimiser of G (of an autoencoder's decoder)",
    )
    discriminator: Optimiser = Field(
        default_factory=lambda: OPTIMISERS.parse("adam"),
        description="optimiser of D (of an autoencoder's encoder)",
    )
    batch: int = Field(64, ge=1, le=4096, description="images per step of D")
    d_steps: int = Field(1, ge=1, le=10, description="steps of D in an iteration (n_critic)")
    g_steps: int = Field(1, ge=1, le=10, description="steps of G in an iteration")
    ema: EmaOptions = Field(EmaOptions(), description="average of G's weights")
    augment: Annotated[AugmentationSpec, AUGMENTATIONS.field()] = Field(
        default_factory=lambda: AUGMENTATIONS.parse("none"),
        description="change of reals and fakes before D sees them",
    )
    noise: NoiseOptions = Field(NoiseOptions(), description="noise and dropout in D")
    spectral_norm: Literal["none", "discriminator", "both"] = Field(
        "none", description="spectral normalisation of convolutions and dense layers (Miyato 2018)"
    )
    fakes_among_reals: float = Field(
        0.0,
        ge=0,
        le=0.5,
        description="largest share of fakes slipped into D's reals: "
        "(accuracy - 0.5) / 0.5 of it (seed 004)",
    )
    start: StartOptions | None = Field(None, description="weights of an earlier run to begin with")

    @model_validator(mode="after")
    def _fits_together(self) -> TrialConfig:
        problem = next(filter(None, (check(self) for check in CHECKS)), "")
        if problem:
            raise ValueError(problem)
        return self


def _default_loss(known: dict[str, Any]) -> str | dict[str, str | float]:
    architecture = known.get("architecture")
    return architecture.default_loss if isinstance(architecture, ArchitectureSpec) else "ns"
