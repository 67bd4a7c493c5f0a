"""Each reason code fires on the sick and stays silent on the healthy.

``histories.json`` holds reports of real trainings; the rest is synthetic, with known sickness.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from pydantic import ValidationError

from animesearch.metrics.signals import Signals
from animesearch.metrics.verdict import REASONS, Code, Verdict, VerdictRules, judge

STEP = 1000
RECORDED = json.loads((Path(__file__).parent / "histories.json").read_text())

History = list[Signals]


def healthy(kind: str = "ns", reports: int = 40, seed: int | None = None) -> History:
    """A training that goes well; with a seed, every number wanders by about a factor of two."""
    rng = np.random.default_rng(seed)
    noise = (lambda: float(rng.lognormal(0, 0.4))) if seed is not None else (lambda: 1.0)
    return [healthy_report(kind, index, noise) for index in range(reports)]


def healthy_report(kind: str, index: int, noise: Callable[[], float]) -> Signals:
    images = (index + 1) * STEP
    young = math.exp(-images / 3000)
    accuracy = min(1.0, 0.75 * noise() ** 0.2 + 0.25 * young)
    common: dict[str, Any] = {
        "images": images,
        "grad_norm_g": 8 * noise(),
        "grad_norm_d": 10 * noise() * (1 - 0.8 * young),
        "weight_change_g": 0.05 * noise(),
        "sample_diversity": 0.02 + (1 - young) * 0.7 * noise() ** 0.5,
        "finite": True,
    }
    if kind == "wgan":
        drift = -0.02 * images * noise()
        return Signals(
            loss_g=drift, loss_d=-9 * noise(), real_logit_mean=5 - drift, d_accuracy=None,
            fake_logit_mean=-drift, **common,
        )  # fmt: skip
    scale = 1.0 if kind == "ns" else 0.3
    return Signals(
        loss_g=scale * (1.5 * noise() + 2 * young), loss_d=scale * noise() * (1.2 - young),
        real_logit_mean=scale * noise(), fake_logit_mean=-scale * noise(), d_accuracy=accuracy,
        **common,
    )  # fmt: skip


def sick(start: int = 10, reports: int = 25, kind: str = "ns", **changes: object) -> History:
    """Healthy until report ``start``; then numbers, or functions of (report, age), change."""
    history = healthy(kind, reports)
    for age, report in enumerate(history[start:]):
        found: dict[str, Any] = {
            name: change(report, age) if callable(change) else change
            for name, change in changes.items()
        }
        history[start + age] = replace(report, **found)
    return history


SICK: dict[str, History] = {
    "nonfinite": sick(finite=False),
    "explosion": sick(
        grad_norm_d=lambda r, age: 10 * 8.0**age, loss_d=lambda r, age: -1 * 7.0**age
    ),
    "vanishing": sick(grad_norm_g=1e-5),
    "d-saturated": sick(d_accuracy=1.0, loss_d=1e-4, loss_g=12.0, grad_norm_d=1e-3),
    "d-blind": sick(d_accuracy=0.5, real_logit_mean=0.30, fake_logit_mean=0.31),
    "mode-collapse": sick(sample_diversity=0.04),
    "g-frozen": sick(weight_change_g=1e-9),
}


def first_verdict(history: History, rules: VerdictRules | None = None) -> Verdict | None:
    """As in a run: judged after each report, stopped by the first verdict."""
    for end in range(1, len(history) + 1):
        verdict = judge(history[:end], rules or VerdictRules())
        if verdict is not None:
            return verdict
    return None


def code_of(history: History, rules: VerdictRules | None = None) -> Code | None:
    verdict = first_verdict(history, rules)
    return verdict.code if verdict else None


def recorded(rows: list[list[Any]], every: int) -> History:
    """Reports ``every`` times as far apart: means over the interval, the last state of samples,
    weight changes added up."""
    merged = []
    for end in range(every, len(rows) + 1, every):
        part = [dict(zip(RECORDED["columns"], row, strict=True)) for row in rows[end - every : end]]
        means = {
            name: None if value is None else float(np.mean([row[name] for row in part]))
            for name, value in part[0].items()
        }
        last = {name: part[-1][name] for name in ("images", "sample_diversity")}
        change = sum(row["weight_change_g"] for row in part)
        merged.append(Signals(**{**means, **last, "weight_change_g": change, "finite": True}))
    return merged


def test_the_codes_stand_in_one_list() -> None:
    assert list(REASONS) == list(get_args(Code))
    assert set(SICK) == set(REASONS)
    assert all(REASONS.values())


@pytest.mark.parametrize("code", REASONS)
def test_fires_on_the_sick_with_evidence(code: Code) -> None:
    verdict = first_verdict(SICK[code])
    assert verdict is not None
    assert verdict.code == code
    assert "images" in verdict.evidence
    assert verdict.meaning == REASONS[code]


@pytest.mark.parametrize("code", REASONS)
def test_can_be_ignored(code: Code) -> None:
    assert code_of(SICK[code], VerdictRules(ignore=(code,))) is None


@pytest.mark.parametrize("code", [code for code in REASONS if code != "nonfinite"])
def test_needs_patience_and_images(code: Code) -> None:
    history = SICK[code]
    assert judge(history[:11]) is None
    assert judge(history[:12]) is None
    late = VerdictRules(min_images=10**6)
    assert code_of(history, late) is None


@pytest.mark.parametrize("code", ["d-saturated", "d-blind", "vanishing", "g-frozen"])
def test_a_single_good_report_starts_the_count_again(code: str) -> None:
    history = SICK[code][:]
    for index in range(10, 25, 3):
        history[index] = healthy()[index]
    assert code_of(history) is None


@pytest.mark.parametrize("kind", ["ns", "lsgan", "wgan"])
@pytest.mark.parametrize("seed", range(40))
def test_silent_on_the_noisy_healthy(kind: str, seed: int) -> None:
    assert first_verdict(healthy(kind, 40, seed)) is None


@pytest.mark.parametrize("run", RECORDED["runs"], ids=lambda run: run["name"])
@pytest.mark.parametrize("every", [1, 2])
def test_real_trainings(run: dict[str, Any], every: int) -> None:
    """Also those that look bad for thousands of images and recover."""
    assert code_of(recorded(run["rows"], every)) == run["expected"]


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_scale_of_losses_does_not_matter(scale: float) -> None:
    """Up to the size of one report; D's accuracy needs its threshold, so logits stay for it."""

    def scaled(report: Signals) -> Signals:
        return replace(
            report,
            loss_g=scale * report.loss_g,
            loss_d=scale * report.loss_d,
            grad_norm_g=scale * report.grad_norm_g,
            grad_norm_d=scale * report.grad_norm_d,
            real_logit_mean=scale * report.real_logit_mean,
            fake_logit_mean=scale * report.fake_logit_mean,
        )

    for code, history in SICK.items():
        assert code_of([scaled(report) for report in history]) == code
    for kind in ("ns", "lsgan", "wgan"):
        assert code_of([scaled(report) for report in healthy(kind, seed=1)]) is None


def test_judging_is_pure() -> None:
    history = SICK["d-blind"]
    copy = list(history)
    assert judge(history) == judge(history)
    assert history == copy
    assert judge([]) is None


@pytest.mark.parametrize("name", ["loss_g", "grad_norm_d", "sample_diversity", "real_logit_mean"])
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_any_non_finite_number_counts_at_once(name: str, value: float) -> None:
    changes: dict[str, Any] = {name: value}
    report = replace(healthy(reports=1)[0], **changes)
    verdict = judge([report])
    assert verdict is not None
    assert verdict.code == "nonfinite"
    assert name in verdict.evidence


def test_a_wgan_whose_losses_drift_far_below_zero_is_well() -> None:
    drift = sick(
        0, 40, "wgan", loss_g=lambda r, age: -(1.3**age), loss_d=lambda r, age: -(1.3**age)
    )
    assert code_of(drift) is None


def test_growth_of_gradients_alone_is_no_explosion() -> None:
    assert code_of(sick(grad_norm_g=4000.0)) is None
    assert code_of(sick(loss_g=4000.0)) is None


def test_a_wgan_explodes() -> None:
    history = sick(
        kind="wgan",
        grad_norm_g=lambda r, age: 10 * 9.0**age,
        fake_logit_mean=lambda r, age: -10 * 9.0**age,
    )
    assert code_of(history) == "explosion"


def test_recovery_from_a_saturated_start_is_no_explosion() -> None:
    """Losses and gradients that were tiny for long and come back to their first size."""
    history = healthy(reports=30)
    for index in range(3, 6):
        history[index] = replace(history[index], loss_d=1e-6, grad_norm_d=1e-6, d_accuracy=1.0)
    assert code_of(history) is None


def test_perfect_accuracy_alone_is_no_saturation() -> None:
    assert code_of(sick(0, 40, d_accuracy=1.0)) is None


def test_saturation_shows_in_the_gradient_where_labels_are_smoothed() -> None:
    assert code_of(sick(d_accuracy=1.0, loss_d=0.33, grad_norm_d=0.01)) == "d-saturated"


def test_saturation_needs_a_threshold() -> None:
    assert code_of(sick(kind="wgan", loss_d=1e-4, grad_norm_d=1e-3)) is None


def test_half_right_with_ranked_images_is_a_good_generator() -> None:
    close = sick(d_accuracy=0.5, real_logit_mean=0.1, fake_logit_mean=-0.1)
    assert code_of(close) is None


def test_an_untrained_grey_generator_is_not_collapsed() -> None:
    assert code_of(sick(0, 19, sample_diversity=0.01)) is None
    assert code_of(sick(0, 40, sample_diversity=0.08)) is None


def test_a_generator_that_stays_grey_is_collapsed() -> None:
    verdict = first_verdict(sick(0, 40, sample_diversity=0.01))
    assert verdict is not None
    assert verdict.code == "mode-collapse"


def test_slowly_lost_diversity_is_collapse_and_a_dip_is_not() -> None:
    fading = sick(0, 40, sample_diversity=lambda r, age: 0.8 * 0.9**age)
    assert code_of(fading) == "mode-collapse"
    dip = healthy()
    dip[20:23] = [replace(report, sample_diversity=0.1) for report in dip[20:23]]
    assert code_of(dip) is None


def test_noise_that_goes_is_no_collapse() -> None:
    """Early noise can be twice as diverse as reals; half of the reals' is a healthy G."""
    settled = sick(0, 40, sample_diversity=lambda r, age: 2.2 if age < 8 else 0.45)
    assert code_of(settled) is None


def test_a_rate_that_decays_to_nothing_is_not_frozen() -> None:
    decay = sick(0, 40, weight_change_g=lambda r, age: 0.05 * max(1 - age / 40, 0.02))
    assert code_of(decay) is None


@pytest.mark.parametrize(
    "options",
    [{"patience": 0}, {"ignore": ("flu",)}, {"explosion_factor": 1.0}, {"unheard_of": 1}],
    ids=str,
)
def test_refused_rules(options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        VerdictRules.model_validate(options)
