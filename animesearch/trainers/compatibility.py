"""Which options of a trial go together: each check says what is wrong, or ''."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from animesearch.trainers.architectures import ArchitectureSpec
from animesearch.trainers.losses import LOSSES, LossSpec

if TYPE_CHECKING:
    from animesearch.trainers.config import TrialConfig

ADVERSARIAL = (
    "penalties",
    "d_steps",
    "g_steps",
    "augment",
    "noise",
    "spectral_norm",
    "fakes_among_reals",
)
"""Options that concern a discriminator only."""


def mismatch(architecture: ArchitectureSpec, loss: LossSpec) -> str:
    """Why an architecture cannot be trained with a loss, with the losses that can; else ''."""
    reason = _reason(architecture, loss)
    if not reason:
        return ""
    able = [spec.component_name() for spec in LOSSES if not _reason(architecture, spec)]
    return f"{reason}; losses for '{architecture.name}': {', '.join(able)}"


def _reason(architecture: ArchitectureSpec, loss: LossSpec | type[LossSpec]) -> str:
    name = loss.component_name()
    if architecture.kind != loss.kind:
        article = {"adversarial": "an adversarial pair", "autoencoder": "an autoencoder"}
        return (
            f"loss '{name}' is for {article[loss.kind]}, architecture '{architecture.name}' is "
            f"{article[architecture.kind]}"
        )
    if loss.needs_reconstruction and not architecture.reconstructs:
        return f"loss '{name}' needs a D that reconstructs, '{architecture.name}' has none"
    if isinstance(loss, LossSpec) and loss.needs_variational and not architecture.variational:
        return f"the options of loss '{name}' need a variational encoder (kl: 0 needs none)"
    if isinstance(loss, LossSpec) and architecture.variational and not loss.needs_variational:
        return (
            f"'{architecture.name}' is drawn from with standard normals, and without a divergence "
            f"the codes of loss '{name}' do not follow them; allowed: kl above 0"
        )
    if architecture.reconstructs and not loss.needs_reconstruction and loss.kind == "adversarial":
        return (
            f"the D of '{architecture.name}' gives minus its reconstruction error, which loss "
            f"'{name}' makes no sense of"
        )
    return ""


def _losses_that_fit(config: TrialConfig) -> str:
    return mismatch(config.architecture, config.loss)


def _accuracy(config: TrialConfig) -> str:
    """Fakes among the reals follow D's accuracy, which not every loss gives."""
    if not config.fakes_among_reals or config.loss.classifies:
        return ""
    able = ", ".join(spec.component_name() for spec in LOSSES if spec.classifies)
    return (
        f"fakes_among_reals follows D's accuracy, and loss '{config.loss.name}' has none; "
        f"losses that have: {able}"
    )


def _adaptive_augmentation(config: TrialConfig) -> str:
    """ADA reads D's outputs on reals against the boundary between real and fake."""
    if not getattr(config.augment, "adapt", False) or config.loss.classifies:
        return ""
    return (
        f"augment '{config.augment.name}' adapts to how often D takes reals for real, and loss "
        f"'{config.loss.name}' has no boundary between real and fake; allowed: adapt: false with "
        "a fixed p"
    )


def _batch(config: TrialConfig) -> str:
    """What depends on the size of the images as well is checked where that is known."""
    return config.architecture.batch_problem(config.batch)


def _slipped(config: TrialConfig) -> str:
    """The number of fakes is rounded, and half of one image is rounded to none."""
    if config.batch > 1 or not config.fakes_among_reals:
        return ""
    return (
        f"fakes_among_reals {config.fakes_among_reals} replaces at most half of a batch, and batch "
        f"{config.batch} has no half; allowed: batch of at least 2, or fakes_among_reals: 0"
    )


def _spectral_norm(config: TrialConfig) -> str:
    unfit = config.architecture.spectral_problem() if config.spectral_norm != "none" else ""
    name = config.architecture.name
    return f"spectral_norm cannot go with architecture '{name}': {unfit}" if unfit else ""


def _meaningless(config: TrialConfig) -> str:
    """An autoencoder has no discriminator, so options of one would do nothing, unnoticed."""
    if config.architecture.kind == "adversarial":
        return ""
    fields = type(config).model_fields
    given = [
        name
        for name in ADVERSARIAL
        if getattr(config, name) != fields[name].get_default(call_default_factory=True)
    ]
    if not given:
        return ""
    return (
        f"'{config.architecture.name}' is an autoencoder: it has no discriminator, and "
        f"{', '.join(given)} would do nothing; leave out or keep the default"
    )


def workers_problem(config: TrialConfig, workers: int) -> str:
    """Why several workers cannot share the batches of a trial, else ''."""
    each, rest = divmod(config.batch, max(1, workers))
    if rest:
        return (
            f"batch {config.batch} is not shared out evenly by {workers} workers "
            f"({config.batch} = {workers} x {each} + {rest}); allowed: multiples of {workers}"
        )
    return config.architecture.workers_problem(config.batch, workers) if workers > 1 else ""


CHECKS: tuple[Callable[[TrialConfig], str], ...] = (
    _losses_that_fit,
    _accuracy,
    _adaptive_augmentation,
    _batch,
    _slipped,
    _spectral_norm,
    _meaningless,
)
