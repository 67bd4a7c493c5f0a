"""What a trial tells at each tick and rung."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, TypeAlias

Scalar: TypeAlias = str | int | float


@dataclass(frozen=True)
class Confusion:
    """D's verdicts on the images since the report before, as counts (M2 of the seeds)."""

    real_as_real: int
    real_as_fake: int
    fake_as_real: int
    fake_as_fake: int

    @property
    def accuracy(self) -> float:
        """Share of right verdicts in 0..1."""
        right = self.real_as_real + self.fake_as_fake
        return right / (right + self.real_as_fake + self.fake_as_real)

    def percent(self) -> dict[str, float]:
        """Each count in percent of all images of its true kind."""
        reals = self.real_as_real + self.real_as_fake
        fakes = self.fake_as_real + self.fake_as_fake
        totals = {"real": reals, "fake": fakes}
        return {name: 100.0 * n / totals[name[:4]] for name, n in vars(self).items()}


@dataclass(frozen=True)
class Report:
    """One report of a trial.  Numbers are finite or None.

    ``images`` real images that D has consumed; ``rung`` the index of the rung reached here, or
    None at a mere tick; ``score`` the distance at that rung, named by ``metric``; None with a
    verdict; ``noise`` its standard error; ``best`` the lowest so far.  Losses, scores and
    gradient norms are means over the steps since the report before: ``real_score``,
    ``fake_score`` D's outputs (as probabilities, where the loss has them), ``grad_norm_*`` L2
    norms over all parameters.  ``d_accuracy`` and ``confusion`` exist where the loss has a
    threshold.  ``sample_diversity`` is that of the
    averaged generator relative to reals, ``weight_change_g`` relative to the report before.
    ``augment_p`` is the strength of an adaptive augmentation.  ``images_per_second`` is of
    training alone; ``device_seconds`` all time so far, scoring and earlier attempts included,
    times the trial's workers; ``metric_seconds`` how long scoring this report held the trial up.
    ``verdict`` is a reason code and ``evidence`` its numbers; after one, the trial ends.
    """

    images: int
    rung: int | None = None
    score: float | None = None
    metric: str | None = None
    noise: float | None = None
    best: float | None = None
    loss_d: float | None = None
    loss_g: float | None = None
    real_score: float | None = None
    fake_score: float | None = None
    d_accuracy: float | None = None
    confusion: Confusion | None = None
    grad_norm_d: float | None = None
    grad_norm_g: float | None = None
    weight_change_g: float | None = None
    sample_diversity: float | None = None
    augment_p: float | None = None
    images_per_second: float | None = None
    device_seconds: float = 0.0
    metric_seconds: float = 0.0
    verdict: str | None = None
    evidence: str | None = None

    def as_metrics(self) -> dict[str, Scalar]:
        """Plain JSON scalars by name; what is None or not finite is left out.

        The confusion matrix becomes ``confusion_real_as_real`` ... (counts) and
        ``confusion_real_as_real_percent`` ...
        """
        named: dict[str, Any] = {f.name: getattr(self, f.name) for f in fields(self)}
        confusion = named.pop("confusion")
        if confusion is not None:
            named |= {f"confusion_{name}": n for name, n in vars(confusion).items()}
            named |= {f"confusion_{n}_percent": share for n, share in confusion.percent().items()}
        return {name: value for name, value in named.items() if _tellable(value)}

    @classmethod
    def from_metrics(cls, metrics: Mapping[str, Any]) -> Report:
        """The report that :meth:`as_metrics` was made from; other keys are ignored."""
        named = {f.name: metrics[f.name] for f in fields(cls) if f.name in metrics}
        counts = {f.name: metrics.get(f"confusion_{f.name}") for f in fields(Confusion)}
        if all(count is not None for count in counts.values()):
            named["confusion"] = Confusion(**{name: int(n or 0) for name, n in counts.items()})
        return cls(**named)


def _tellable(value: object) -> bool:
    return value is not None and not (isinstance(value, float) and not math.isfinite(value))


def finite(value: float) -> float | None:
    """``value`` as a float, or None where it is not finite."""
    return float(value) if math.isfinite(value) else None
