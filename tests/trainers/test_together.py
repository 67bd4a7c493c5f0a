"""Several processes train as one: the same losses, weights, averages and statistics."""

from __future__ import annotations

import csv
import gc
import shutil
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import torch

from animesearch.datasets.batches import PackedBatches, Share
from animesearch.errors import DataError, UnsupportedError
from animesearch.metrics.evaluator import Draw, Score
from animesearch.trainers.architectures import ARCHITECTURES
from animesearch.trainers.checkpoint import checkpoint_files, load_checkpoint
from animesearch.trainers.compatibility import workers_problem
from animesearch.trainers.config import TrialConfig
from animesearch.trainers.loop import train
from animesearch.trainers.report import Report
from animesearch.trainers.scores import ScoreFunction
from animesearch.trainers.setting import TrialSetting
from animesearch.trainers.together import DivergenceError, Team
from animesearch.trainers.trial import Trial
from tests.trainers.conftest import discs
from tests.trainers.workers import alone, together

BATCH, STEPS = 12, 3
STYLEGAN2 = {"name": "stylegan2", "width": 8, "latent": 8, "style": 8, "depth": 2, "group": 4}
DCGAN = {"name": "penn-dcgan", "width": 4, "latent": 8}
SNGAN = {"name": "sngan", "width": 2, "latent": 8}
PROGAN = {"name": "progan", "width": 4, "latent": 8, "growth": 1.0}
CASES: dict[str, dict[str, Any]] = {
    "gradient penalty": {"architecture": PROGAN, "loss": "wgan-gp", "d_steps": 2, "g_steps": 2},
    "gradient penalty through batch norm": {"architecture": DCGAN, "penalties": ["gp"]},
    "dragan": {"architecture": DCGAN, "loss": "dragan"},
    "lazy r1, path lengths, mixing": {
        "architecture": {**STYLEGAN2, "path_every": 2},
        "penalties": [{"name": "r1", "weight": 1.0, "every": 2}],
    },
    "pairs, r1 and r2": {
        "architecture": {"name": "r3gan", "width": 8, "blocks": 1, "group": 2, "latent": 8},
        "penalties": ["r1", "r2"],
    },
    "adaptive augmentation": {
        "architecture": PROGAN,
        "augment": {
            "name": "ada",
            "p": 0.5,
            "speed": 100,
            "interval": 2,
            "filter": True,
            "noise": True,
            "cutout": True,
        },
    },
    "diffaugment": {"architecture": DCGAN, "augment": "diffaugment"},
    "noise and dropout in d": {
        "architecture": DCGAN,
        "noise": {"images": 0.1, "layers": 0.1, "dropout": 0.3, "until": 0.5},
    },
    "fakes among reals": {"architecture": DCGAN, "fakes_among_reals": 0.5},
    "clipping and max-norm": {
        "architecture": DCGAN,
        "generator": {"name": "sgd", "lr": 0.05, "clip": 0.1, "max_norm": 0.5},
        "discriminator": {"name": "rmsprop", "lr": 1e-3, "clip": 0.1},
    },
    "weight clipping": {"architecture": DCGAN, "loss": "wgan"},
    "spectral norm": {"architecture": DCGAN, "spectral_norm": "both"},
    "classes": {"architecture": SNGAN, "loss": "hinge"},
    "classes and path lengths": {"architecture": STYLEGAN2},
}
CLASSES = {"classes", "classes and path lengths"}


def parts_of(case: str) -> dict[str, Any]:
    """The configuration of a case, and of an architecture its smallest."""
    if case in CASES:
        return CASES[case]
    name = case.removeprefix("architecture ")
    (spec,) = (spec for spec in ARCHITECTURES if spec.component_name() == name)
    return {"architecture": {"name": name, **spec.smallest}}


def trained(team: Team, case: str) -> dict[str, Any]:
    """A few iterations in float64: losses, norms, and all that the processes must share."""
    torch.set_default_dtype(torch.float64)
    torch.manual_seed(0)
    config = TrialConfig.model_validate(parts_of(case) | {"batch": BATCH})
    size = next(size for size in config.architecture.sizes if size >= 16)
    classes = ("a", "b", "c") if case in CLASSES else ()
    setting = TrialSetting("unused", size, 3, 4 * BATCH, (4 * BATCH,), classes=classes)
    share = Share(team.rank, team.size)
    data = PackedBatches(discs(40, size, 3), BATCH, 0, flip=True, share=share)
    trial = Trial(config, setting, data, lambda n: data.places(n)[0] % 3, team)
    stats = [torch.stack(trial.iterate()) for _ in range(STEPS)]
    states = {name: module.state_dict() for name, module in trial.modules().items()}
    return {
        "statistics": torch.stack(stats).numpy(),
        "images": trial.images,
        "draws": torch.rand(3).numpy(),
        **{f"{m}.{name}": t.numpy() for m, state in states.items() for name, t in state.items()},
        **{f"game {name}": value for name, value in trial.game.readings().items()},
    }


def every(team: Team, cases: tuple[str, ...]) -> dict[str, Any]:
    """All ``cases`` in one process, whose start takes longer than most of them."""
    return {case: trained(team, case) for case in cases}


@lru_cache
def results(size: int, cases: tuple[str, ...]) -> list[dict[str, Any]]:
    return together(size, every, cases)


ALL = (*CASES, *(f"architecture {spec.component_name()}" for spec in ARCHITECTURES))


def check(case: str, size: int, cases: tuple[str, ...]) -> None:
    whole = results(1, cases)[0][case]
    shares = [found[case] for found in results(size, cases)]
    for found in shares:
        assert found.keys() == whole.keys()
        for name, value in whole.items():
            np.testing.assert_allclose(found[name], value, rtol=1e-6, atol=1e-9, err_msg=name)
    for name, value in shares[0].items():
        assert all(np.array_equal(other[name], value, equal_nan=True) for other in shares), name
    assert whole["images"] == STEPS * (2 if "d_steps" in parts_of(case) else 1) * BATCH


@pytest.mark.parametrize("case", ALL)
def test_two_train_as_one(case: str) -> None:
    check(case, 2, ALL)


@pytest.mark.slow
@pytest.mark.parametrize("case", ALL)
def test_three_train_as_one(case: str) -> None:
    check(case, 3, ALL)


# -- whole trials ----------------------------------------------------------------------------


def brightness(draw: Draw) -> Score:
    """A cheap score that draws random numbers of its own."""
    torch.rand(3)
    return Score(float(draw(0, 16).float().mean()), "brightness", 16, noise=0.25)


def failing(_draw: Draw) -> Score:
    raise OSError("no space left on device")


@dataclass(frozen=True)
class Plan:
    """A short trial: what it is made of, where it stops, and which worker comes apart."""

    folder: Path
    parts: dict[str, Any] = field(default_factory=dict)
    until: int = 96
    score: ScoreFunction = brightness
    images: int = 64
    precision: Literal["float32", "bfloat16"] = "float32"
    apart: int = -1


def reports_of(team: Team, plan: Plan) -> list[Report]:
    """All reports up to ``until`` images, as this worker gets them."""
    small = {"architecture": DCGAN, "batch": 8, "augment": {"name": "ada", "p": 0.2}}
    config = TrialConfig.model_validate(small | plan.parts)
    setting = TrialSetting(
        plan.folder, 16, 3, 96, (48, 96), tick=32, seed=3, grid=(2, 3), precision=plan.precision
    )
    share = Share(team.rank, team.size)
    data = PackedBatches(
        discs(plan.images, 16, 3), config.batch, 3, flip=plan.images > 1, share=share
    )
    score = plan.score if team.leads else None
    found = []
    with closing(train(config, setting, data, score, team=team)) as reports:
        for report in reports:
            found.append(report)
            if report.images >= plan.until:
                break
            if team.rank == plan.apart:
                with torch.no_grad():
                    (networks,) = [o for o in gc.get_objects() if isinstance(o, Trial)]
                    next(networks.average.module.parameters()).add_(1e-3)
    return found


def weights(folder: Path) -> dict[str, torch.Tensor]:
    """All tensors of the newest checkpoint's networks."""
    modules = load_checkpoint(checkpoint_files(folder / "checkpoints")[-1])["modules"]
    return {f"{m}.{name}": t for m, state in modules.items() for name, t in state.items()}


def steady(reports: list[Report]) -> list[Report]:
    """Without the clock."""
    return [
        replace(report, images_per_second=None, device_seconds=0.0, metric_seconds=0.0)
        for report in reports
    ]


def numbers(reports: list[Report]) -> list[dict[str, float]]:
    return [
        {n: v for n, v in report.as_metrics().items() if isinstance(v, float)}
        for report in steady(reports)
    ]


def test_a_trial_reports_and_writes_once(tmp_path: Path) -> None:
    whole = alone(reports_of, Plan(tmp_path / "one"))
    pair = together(2, reports_of, Plan(tmp_path / "two"))
    assert pair[0] == pair[1]
    assert [(r.images, r.rung, r.verdict) for r in pair[0]] == [
        (r.images, r.rung, r.verdict) for r in whole
    ]
    for ours, theirs in zip(numbers(pair[0]), numbers(whole), strict=True):
        assert ours == pytest.approx(theirs, rel=2e-3, abs=1e-4)
    files = [
        sorted(str(path.relative_to(place)) for path in place.rglob("*") if path.is_file())
        for place in (tmp_path / "one", tmp_path / "two")
    ]
    assert files[0] == files[1]
    rows = list(csv.DictReader((tmp_path / "two/losses.csv").open()))
    assert [int(row["images"]) for row in rows] == list(range(8, 97, 8))


def test_a_trial_goes_on_as_if_undisturbed_with_any_number_of_workers(tmp_path: Path) -> None:
    undisturbed = together(2, reports_of, Plan(tmp_path / "whole"))[0]
    together(2, reports_of, Plan(tmp_path / "broken", until=64))
    shutil.copytree(tmp_path / "broken", tmp_path / "alone")
    second = together(2, reports_of, Plan(tmp_path / "broken"))
    assert steady(second[0]) == steady(undisturbed[1:]) == steady(second[1])
    ours, theirs = weights(tmp_path / "broken"), weights(tmp_path / "whole")
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
    single = alone(reports_of, Plan(tmp_path / "alone"))
    assert numbers(single)[-1] == pytest.approx(numbers(undisturbed)[-1], rel=2e-3, abs=1e-4)


def test_an_earlier_run_to_begin_with_is_read_by_one(tmp_path: Path) -> None:
    alone(reports_of, Plan(tmp_path / "earlier"))
    (source,) = checkpoint_files(tmp_path / "earlier/checkpoints")[-1:]
    parts = {"start": {"run": str(source)}, "generator": {"lr": 1e-12}}
    pair = together(2, reports_of, Plan(tmp_path / "later", parts, until=48))
    assert pair[0] == pair[1] and (tmp_path / "later/start.json").exists()
    before, after = weights(tmp_path / "earlier"), weights(tmp_path / "later")
    name = "generator.body.0.weight"
    torch.testing.assert_close(after[name], before[name], rtol=0, atol=1e-6)


def test_bfloat16_stays_close(tmp_path: Path) -> None:
    whole = alone(reports_of, Plan(tmp_path / "one", until=32, precision="bfloat16"))
    pair = together(2, reports_of, Plan(tmp_path / "two", until=32, precision="bfloat16"))
    for name in ("loss_d", "loss_g", "grad_norm_d", "grad_norm_g"):
        assert getattr(pair[0][0], name) == pytest.approx(getattr(whole[0], name), rel=0.05)


def test_what_fails_in_one_fails_in_all(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="no space left"):
        together(2, reports_of, Plan(tmp_path / "full", score=failing))
    with pytest.raises(DataError, match="are the same"):
        together(2, reports_of, Plan(tmp_path / "same", images=1))


def test_workers_that_come_apart_are_told(tmp_path: Path) -> None:
    with pytest.raises(DivergenceError, match="have the same weights of the average;"):
        together(2, reports_of, Plan(tmp_path, apart=1))


def test_a_batch_that_is_not_shared_out_evenly_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedError, match=r"batch 9 .* 2 workers \(9 = 2 x 4 \+ 1\)"):
        Trial(
            TrialConfig.model_validate({"architecture": DCGAN, "batch": 9}),
            TrialSetting(tmp_path, 16, 3, 96, (96,)),
            lambda _: discs(9, 16, 3),
            team=Pair(),
        )
    style = TrialConfig.model_validate({"architecture": STYLEGAN2, "batch": 6})
    assert "path lengths of 3 images" in workers_problem(style, 2)
    assert workers_problem(style, 3) == workers_problem(style, 1) == ""


class Pair(Team):
    """One of two, for what is checked before anything is exchanged."""

    size = 2
