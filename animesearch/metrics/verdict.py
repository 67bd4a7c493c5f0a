"""Is this training sick?  A pure function of the reports of one trial.

All rules compare a trial with its own history, since losses have neither scale nor sign in
common.  They are slow on purpose: the figures below are from DCGANs of width 24 on 6,000 real
faces at 32 px, where a trial that recovered later looked like this at first: D's accuracy 1.00
from 1,000 to 9,000 images with its loss down to a tenth; D's loss once down to 1/60, for 1,500
images; gradients of G 400 times those of the first report (WGAN-GP); G's diversity 0.02 of the
reals' at first, 0.09 at 2,500 images (WGAN-GP), 0.24 until 7,500 (LSGAN).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from types import MappingProxyType
from typing import Literal

from pydantic import Field

from animesearch.metrics.signals import Signals
from animesearch.registry import Options

Code = Literal[
    "nonfinite", "explosion", "vanishing", "d-saturated", "d-blind", "mode-collapse", "g-frozen"
]

REASONS: Mapping[Code, str] = MappingProxyType(
    {
        "nonfinite": "a loss, a gradient, a weight or a sample is NaN or infinite",
        "explosion": "gradients and losses grew far beyond the trial's own earlier size",
        "vanishing": "the gradient that reaches G has vanished",
        "d-saturated": "D is right about every image and has nothing left to learn or teach",
        "d-blind": "D cannot tell real images from fakes and no longer tries",
        "mode-collapse": "G draws nearly the same image for all latents",
        "g-frozen": "G's weights no longer change",
    }
)


class VerdictRules(Options):
    """When a trial counts as sick.  Reports before ``min_images`` never count as symptoms."""

    ignore: tuple[Code, ...] = Field((), description="reason codes that never stop a trial")
    patience: int = Field(
        3, ge=1, description="reports in a row that must show a symptom (nonfinite: one)"
    )
    min_images: int = Field(
        4000, ge=0, description="images before which no symptom counts (nonfinite: always)"
    )
    span_images: int = Field(
        4000, ge=0, description="images over which a symptom must last (explosion: patience only)"
    )
    baseline: int = Field(
        5, ge=1, description="first reports of a trial that tell its own normal sizes"
    )
    explosion_factor: float = Field(
        100.0, gt=1, description="growth over the trial's own level, of a gradient and a loss"
    )
    vanishing_ratio: float = Field(
        1e-4, gt=0, lt=1, description="gradient norm of G relative to its largest baseline"
    )
    vanishing_floor: float = Field(
        1e-8, ge=0, description="gradient norm of G below which Adam's epsilon swallows it"
    )
    saturated_accuracy: float = Field(0.99, gt=0.5, le=1, description="D's accuracy at least this")
    saturated_ratio: float = Field(
        0.02, gt=0, lt=1, description="D's loss or gradient relative to its largest baseline"
    )
    blind_accuracy: float = Field(0.52, ge=0.5, lt=1, description="D's accuracy at most this")
    blind_gap: float = Field(
        0.02, ge=0, lt=1, description="D's mean on reals less that on fakes, relative to their size"
    )
    frozen_change: float = Field(
        1e-6, ge=0, lt=1, description="relative change of G's weights from report to report"
    )
    collapse_peak: float = Field(
        0.3, gt=0, description="diversity a G must have shown before a drop counts as collapse"
    )
    collapse_drop: float = Field(
        0.3, gt=0, lt=1, description="diversity relative to the trial's own highest"
    )
    collapse_images: int = Field(
        20_000, ge=0, description="images by which G must have shown any diversity at all"
    )
    collapse_floor: float = Field(
        0.05, ge=0, lt=1, description="diversity (of the reals') that counts as none at all"
    )


@dataclass(frozen=True)
class Verdict:
    """Why a trial is sick: a code of :data:`REASONS`, and the numbers that show it."""

    code: Code
    evidence: str

    @property
    def meaning(self) -> str:
        """The code in one line."""
        return REASONS[self.code]


History = Sequence[Signals]
Check = Callable[[History, VerdictRules], str]

DEFAULT_RULES = VerdictRules()


def judge(history: History, rules: VerdictRules = DEFAULT_RULES) -> Verdict | None:
    """The verdict after the last report of ``history`` (all reports, oldest first), or None.

    Pure: the same reports give the same verdict.  Ask after each report; the first code in the
    order of :data:`REASONS` whose symptom is there is given.
    """
    for code in REASONS:
        evidence = "" if code in rules.ignore else _CHECKS[code](history, rules)
        if evidence:
            return Verdict(code, evidence)
        if code == "nonfinite" and not all(report.all_finite() for report in history):
            return None  # ignored, and nothing else can be read from such numbers
    return None


def _nonfinite(history: History, _rules: VerdictRules) -> str:
    for report in history:
        if not report.all_finite():
            names = ", ".join(report.non_finite_names()) or "a parameter, a loss or a sample"
            return f"not finite at {report.images} images: {names}"
    return ""


def _explosion(history: History, rules: VerdictRules) -> str:
    """A gradient and a loss (or D's outputs) at once: either alone grows in healthy trials."""
    window = history[-rules.patience :]
    earlier = history[: -rules.patience]
    if len(earlier) < rules.baseline or window[0].images < rules.min_images:
        return ""
    gradient = _grown(earlier, window, rules, (_grad_g, _grad_d))
    output = _grown(earlier, window, rules, (Signals.loss_size, Signals.logit_size))
    if not (gradient and output):
        return ""
    return (
        f"gradients at least {gradient:.3g} times and losses or logits {output:.3g} times the "
        f"trial's own level over {_where(window)}"
    )


def _grown(
    earlier: History,
    window: History,
    rules: VerdictRules,
    sizes: Sequence[Callable[[Signals], float]],
) -> float:
    """Largest growth, over its own level, that one of ``sizes`` kept through the window."""
    growths = [0.0]
    for size in sizes:
        level = max(
            median(size(report) for report in earlier),
            median(size(report) for report in earlier[: rules.baseline]),
        )
        if level > 0:
            growths.append(min(size(report) for report in window) / level)
    return max(growths) if max(growths) >= rules.explosion_factor else 0.0


def _vanishing(history: History, rules: VerdictRules) -> str:
    limit = max(rules.vanishing_ratio * _normal(history, rules, _grad_g), rules.vanishing_floor)
    window = _lasting(history, rules, lambda report: report.grad_norm_g <= limit)
    if not window:
        return ""
    return f"gradient norm of G at most {limit:.3g}, now {history[-1].grad_norm_g:.3g}, over " + (
        _where(window)
    )


def _d_saturated(history: History, rules: VerdictRules) -> str:
    """Perfect accuracy is common for thousands of images; only with D's loss or gradient gone
    as well is there nothing left.  (With smoothed labels the loss stays, the gradient goes.)"""
    loss_limit = rules.saturated_ratio * _normal(history, rules, lambda r: abs(r.loss_d or 0.0))
    grad_limit = rules.saturated_ratio * _normal(history, rules, _grad_d)

    def sick(report: Signals) -> bool:
        sure = report.d_accuracy is not None and report.d_accuracy >= rules.saturated_accuracy
        gone = report.loss_d is not None and abs(report.loss_d) <= loss_limit
        return sure and (gone or report.grad_norm_d <= grad_limit)

    window = _lasting(history, rules, sick)
    if not window:
        return ""
    last = history[-1]
    return (
        f"accuracy of D {last.d_accuracy:.3f}, its loss {last.loss_d:.3g} and gradient norm "
        f"{last.grad_norm_d:.3g} far below its first, over {_where(window)}"
    )


def _d_blind(history: History, rules: VerdictRules) -> str:
    """Half right is also what a perfect G leaves D; a blind D does not even rank them."""

    def sick(report: Signals) -> bool:
        guessing = report.d_accuracy is not None and report.d_accuracy <= rules.blind_accuracy
        real, fake = report.real_logit_mean, report.fake_logit_mean
        if real is None or fake is None:
            return False
        gap, size = real - fake, abs(real) + abs(fake)
        return guessing and gap <= rules.blind_gap * size

    window = _lasting(history, rules, sick)
    if not window:
        return ""
    last = history[-1]
    return (
        f"accuracy of D {last.d_accuracy:.3f}, mean output {last.real_logit_mean:.3g} on reals "
        f"and {last.fake_logit_mean:.3g} on fakes, over {_where(window)}"
    )


def _g_frozen(history: History, rules: VerdictRules) -> str:
    limit = rules.frozen_change
    window = _lasting(history, rules, lambda report: report.weight_change_g <= limit)
    if not window:
        return ""
    return f"weights of G changed by at most {limit:.3g} per report over {_where(window)}"


def _mode_collapse(history: History, rules: VerdictRules) -> str:
    """An untrained G draws one grey for all latents, so low diversity alone proves nothing: it
    must have been diverse before, or be without any after a long training.  Noise is more
    diverse than any real images: what a peak has above them is no loss when it goes."""
    peak = min(1.0, max((report.sample_diversity for report in history), default=0.0))
    limit = rules.collapse_drop * peak if peak >= rules.collapse_peak else -1.0

    def sick(report: Signals) -> bool:
        never = report.images >= rules.collapse_images
        none = report.sample_diversity <= rules.collapse_floor
        return report.sample_diversity <= limit or (never and none)

    window = _lasting(history, rules, sick)
    if not window:
        return ""
    return (
        f"diversity of samples {history[-1].sample_diversity:.3g} of the reals', highest "
        f"{peak:.3g}, over {_where(window)}"
    )


_CHECKS: Mapping[Code, Check] = MappingProxyType(
    {
        "nonfinite": _nonfinite,
        "explosion": _explosion,
        "vanishing": _vanishing,
        "d-saturated": _d_saturated,
        "d-blind": _d_blind,
        "mode-collapse": _mode_collapse,
        "g-frozen": _g_frozen,
    }
)


def _grad_g(report: Signals) -> float:
    return report.grad_norm_g


def _grad_d(report: Signals) -> float:
    return report.grad_norm_d


def _normal(history: History, rules: VerdictRules, size: Callable[[Signals], float]) -> float:
    """Largest value over the first reports: small values count against the trial only if it
    has ever had larger ones."""
    return max((size(report) for report in history[: rules.baseline]), default=0.0)


def _lasting(history: History, rules: VerdictRules, sick: Callable[[Signals], bool]) -> History:
    """The last reports in a row that are sick, if they are enough and span enough images."""
    start = len(history)
    while start and history[start - 1].images >= rules.min_images and sick(history[start - 1]):
        start -= 1
    window = history[start:]
    if len(window) < rules.patience:
        return ()
    return window if window[-1].images - window[0].images >= rules.span_images else ()


def _where(window: History) -> str:
    return f"{len(window)} reports ({window[0].images} to {window[-1].images} images)"
