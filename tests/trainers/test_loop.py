"""Whole trials: reports, resumption, verdicts, determinism."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from animesearch.errors import CheckpointError, DataError, MetricError, UnsupportedError
from animesearch.metrics.evaluator import Draw, Score
from animesearch.trainers.architectures import ARCHITECTURES
from animesearch.trainers.checkpoint import best_checkpoint, checkpoint_files, load_checkpoint
from animesearch.trainers.config import TrialConfig
from animesearch.trainers.loop import train
from animesearch.trainers.models import load_generator
from animesearch.trainers.reference import PROBES, first_reals, reference_diversity
from animesearch.trainers.report import Report
from animesearch.trainers.setting import BatchSource, TrialSetting

Make = Callable[..., Any]
PROGAN = {"name": "progan", "width": 4, "latent": 8, "growth": 0.9}


def brightness(draw: Draw) -> Score:
    """A cheap score of real samples, which also draws random numbers of its own."""
    torch.rand(3)
    return Score(float(draw(0, 16).float().mean()), "brightness", 16, noise=0.25)


def weights(folder: Path) -> dict[str, torch.Tensor]:
    """All tensors of the newest checkpoint's networks."""
    modules = load_checkpoint(checkpoint_files(folder / "checkpoints")[-1])["modules"]
    return {f"{m}.{name}": t for m, state in modules.items() for name, t in state.items()}


def steady(report: Report) -> Report:
    """Without the clock."""
    return replace(report, images_per_second=None, device_seconds=0.0, metric_seconds=0.0)


def test_reports_at_ticks_and_rungs(config: Make, setting: Make, source: Make) -> None:
    place: TrialSetting = setting()
    reports = list(train(config(), place, source(), brightness))
    assert [(r.images, r.rung) for r in reports] == [(32, None), (48, 0), (64, None), (96, 1)]
    last = reports[-1]
    assert last.metric == "brightness"
    assert last.score is not None
    assert last.noise == 0.25 and reports[0].noise is None
    assert last.best == min(r.score for r in reports if r.score is not None)
    assert reports[0].score is None
    assert last.confusion is not None
    assert sum(vars(last.confusion).values()) == 2 * 32
    assert all(r.verdict is None for r in reports)
    assert 0 <= (last.real_score or -1) <= 1
    for name, value in last.as_metrics().items():
        assert isinstance(value, str | int) or math.isfinite(value), name
    assert sorted(p.name for p in (place.folder / "grids").iterdir()) == [
        "000000048.png",
        "000000096.png",
    ]


def test_step_losses_are_written(config: Make, setting: Make, source: Make) -> None:
    place = setting()
    list(train(config(), place, source()))
    rows = list(csv.DictReader((place.folder / "losses.csv").open()))
    assert [int(row["images"]) for row in rows] == list(range(8, 97, 8))
    assert all(math.isfinite(float(row["loss_g"])) for row in rows)


@pytest.mark.parametrize(
    "parts",
    [
        {},
        {"architecture": PROGAN, "loss": "wgan-gp", "d_steps": 2, "g_steps": 2},
        {"architecture": {**PROGAN, "equalised": False}, "loss": "lsgan"},
    ],
)
def test_an_interrupted_trial_ends_as_an_undisturbed_one(
    config: Make, setting: Make, source: Make, tmp_path: Path, parts: dict[str, Any]
) -> None:
    whole, broken = (setting(folder=tmp_path / name) for name in ("whole", "broken"))
    undisturbed = list(train(config(**parts), whole, source(), brightness))
    first = []
    trial = train(config(**parts), broken, source(), brightness)
    for report in trial:
        first.append(report)
        if report.rung is None and report.images > 48:
            break  # after the first rung, with steps that no checkpoint holds
    trial.close()
    second = list(train(config(**parts), broken, source(), brightness))
    assert second[0].rung == 0
    assert steady(second[0]) == steady(next(r for r in first if r.rung == 0))
    assert [steady(r) for r in second[1:]] == [steady(r) for r in undisturbed[2:]]
    assert second[-1].device_seconds > second[0].device_seconds
    ours, theirs = weights(broken.folder), weights(whole.folder)
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    logs = [(place.folder / "losses.csv").read_text() for place in (whole, broken)]
    assert logs[0] == logs[1]


def test_a_finished_trial_repeats_its_last_report_only(
    config: Make, setting: Make, source: Make
) -> None:
    done = list(train(config(), setting(), source(), brightness))
    again = list(train(config(), setting(), source(), brightness))
    assert again == [done[-1]]


def test_a_damaged_checkpoint_costs_its_rung_only(
    config: Make, setting: Make, source: Make
) -> None:
    place = setting()
    done = list(train(config(), place, source(), lambda draw: Score(float(next(rising)), "m", 1)))
    files = checkpoint_files(place.folder / "checkpoints")
    assert len(files) == 2
    content = files[-1].read_bytes()
    files[-1].write_bytes(content[: len(content) // 2])
    again = list(train(config(), place, source(), lambda draw: Score(2.0, "m", 1)))
    assert [r.rung for r in again] == [0, None, 1]
    assert steady(again[-1]) == steady(done[-1])


rising = iter((1.0, 2.0))


def test_refuses_the_checkpoint_of_another_trial(config: Make, setting: Make, source: Make) -> None:
    list(train(config(), setting(), source()))
    with pytest.raises(CheckpointError, match=r"another trial: another configuration$"):
        next(train(config(loss="lsgan"), setting(), source()))
    with pytest.raises(CheckpointError, match=r"another trial: seed 3, not 4$"):
        next(train(config(), setting(seed=4), source()))


def test_refuses_the_checkpoint_of_other_classes(config: Make, setting: Make, source: Make) -> None:
    """By name, not by the shape of a weight."""
    spec = config(architecture={"name": "r3gan", **ARCHITECTURES.get("r3gan").smallest})
    two = setting(classes=("cat", "dog"), class_shares=(0.5, 0.5))
    list(train(spec, two, source(), labels=lambda images: np.arange(8) % 2))
    three = replace(two, classes=("cat", "cow", "dog"), class_shares=(0.5, 0.25, 0.25))
    for other in (three, replace(two, classes=(), class_shares=())):
        with pytest.raises(CheckpointError, match=r"another trial: classes \['cat', 'dog'\], not"):
            next(train(spec, other, source(), labels=lambda images: np.arange(8) % 3))


@pytest.mark.parametrize("architecture", [{"name": "penn-dcgan"}, PROGAN, {"name": "ganime-ae"}])
def test_single_images(
    config: Make, setting: Make, source: Make, architecture: dict[str, Any]
) -> None:
    """M6: every image is a batch, and the reals that samples are compared with are several."""
    size = 64 if architecture["name"] == "ganime-ae" else 16
    spec = config(architecture={**architecture, "width": 4, "latent": 8}, batch=1)
    place = setting(images=12, rungs=(6, 12), tick=6, size=size)
    reports = list(train(spec, place, source(size=size, batch=1), brightness))
    assert [r.images for r in reports] == [6, 12]
    rows = list(csv.DictReader((place.folder / "losses.csv").open()))
    assert [int(row["images"]) for row in rows] == list(range(1, 13))
    assert all(math.isfinite(float(row["loss_g"])) for row in rows)


def test_the_reals_to_compare_with_come_from_several_batches(source: Make) -> None:
    assert np.array_equal(first_reals(source(batch=3)), source(batch=9)(0))
    assert np.array_equal(first_reals(source(batch=16)), source(batch=16)(0))


@pytest.mark.parametrize("architecture", ["penn-dcgan", "progan"])
def test_same_seed_same_trial(
    config: Make, setting: Make, source: Make, tmp_path: Path, architecture: str
) -> None:
    small = {"name": architecture, "width": 4, "latent": 8}
    runs = []
    for number, seed in enumerate((3, 3, 4)):
        torch.manual_seed(number)  # what the process did before must not matter
        place = setting(folder=tmp_path / str(number), seed=seed)
        reports = train(config(architecture=small), place, source(), brightness)
        runs.append([steady(r) for r in reports])
    assert runs[0] == runs[1]
    assert runs[0] != runs[2]


def test_nothing_leaks_from_a_trial(
    config: Make, setting: Make, source: Make, tmp_path: Path
) -> None:
    """Random state, threads and type are the caller's at every report, for two trials mixed."""
    threads = torch.get_num_threads() + 1
    alone = [
        steady(r) for r in train(config(), setting(folder=tmp_path / "a"), source(), brightness)
    ]
    torch.manual_seed(1)
    before = torch.get_rng_state()
    torch.set_num_threads(threads)
    trials = [
        train(config(), setting(folder=tmp_path / name), source(), brightness)
        for name in ("b", "c")
    ]
    mixed = []
    for pair in zip(*trials, strict=True):
        mixed.append([steady(r) for r in pair])
        assert torch.equal(torch.get_rng_state(), before)
        assert torch.get_num_threads() == threads
        assert torch.get_default_dtype() == torch.float32
    for number, report in enumerate(alone):
        for other in mixed[number]:
            assert other == report
    torch.set_num_threads(threads - 1)


def test_a_diverging_trial_gets_a_verdict(config: Make, setting: Make, source: Make) -> None:
    wild = {"lr": 10.0, "beta1": 0.0}
    reckless = config(
        architecture=PROGAN | {"growth": 0, "equalised": True},
        loss="wgan-gp",
        generator=wild,
        discriminator=wild,
    )
    place = setting(images=9600, rungs=(4800, 9600), tick=160)
    reports = list(train(reckless, place, source(), brightness))
    last = reports[-1]
    assert last.verdict in {"nonfinite", "explosion"}
    assert last.evidence
    assert last.score is None
    assert last.images < 9600
    assert all(r.verdict is None for r in reports[:-1])
    for report in reports:
        assert all(
            not isinstance(value, float) or math.isfinite(value)
            for value in report.as_metrics().values()
        )


def test_not_finite_weights_give_a_verdict_and_no_checkpoint(
    config: Make, setting: Make, source: Make
) -> None:
    place = setting(images=960, rungs=(480, 960), tick=96)
    enormous = config(loss="lsgan", generator={"lr": 1e38}, discriminator={"lr": 1e38})
    reports = list(train(enormous, place, source(), brightness))
    assert reports[-1].verdict == "nonfinite"
    assert reports[-1].loss_d is None
    assert not checkpoint_files(place.folder / "checkpoints")
    assert "nan" not in (place.folder / "losses.csv").read_text()


def test_a_score_that_fails_is_a_verdict(config: Make, setting: Make, source: Make) -> None:
    def failing(draw: Draw) -> Score:
        raise MetricError("no spread at all")

    reports = list(train(config(), setting(), source(), failing))
    assert reports[-1].verdict == "nonfinite"
    assert "no spread at all" in (reports[-1].evidence or "")
    assert reports[-1].rung == 0
    assert reports[-1].score is None


def test_bad_trials_are_refused(config: Make, setting: Make, source: Make) -> None:
    with pytest.raises(UnsupportedError, match="cannot do images of 20 pixels"):
        next(train(config(), setting(size=20), source(size=20)))
    with pytest.raises(UnsupportedError, match="at least 80"):
        next(train(config(batch=80), setting(), source(batch=80)))
    with pytest.raises(UnsupportedError, match="'ganime-ae' cannot be trained with batch 1 at 32"):
        next(train(config(architecture="ganime-ae", batch=1), setting(size=32), source(size=32)))
    same = np.zeros((8, 3, 16, 16), np.uint8)
    with pytest.raises(DataError, match="first 8 real images are the same"):
        next(train(config(), setting(), lambda images: same))


def test_a_generator_comes_from_its_file_alone(config: Make, setting: Make, source: Make) -> None:
    """Also in the middle of its growth, and it draws what the trial drew."""
    drawn: list[torch.Tensor] = []

    def keeping(draw: Draw) -> Score:
        drawn.append(draw(0, 6).clone())
        return Score(float(len(drawn)), "m", 6)

    place = setting(rungs=(32, 48, 96))
    small: TrialConfig = config(architecture=PROGAN | {"growth": 1.0})
    list(train(small, place, source(), keeping))
    files = checkpoint_files(place.folder / "checkpoints")
    state = torch.get_rng_state()
    first, last = load_generator(files[0]), load_generator(files[-1], batch=4)
    assert torch.equal(torch.get_rng_state(), state)
    assert best_checkpoint(place.folder / "checkpoints") == files[0]
    assert (first.images, last.images) == (32, 96)
    assert torch.equal(first.sampler(0, 6), drawn[0])
    assert torch.allclose(last.sampler(0, 6).float(), drawn[-1].float(), atol=1)
    assert last.config == small
    assert last.report.rung == 2


def test_greyscale(config: Make, setting: Make, source: Make) -> None:
    data: BatchSource = source(channels=1)
    reports = list(train(config(), setting(channels=1), data, brightness))
    assert reports[-1].rung == 1


def test_reference_counts_repeated_images_once(source: Make) -> None:
    x_BCHW = source(batch=8)(0)
    probes, value = reference_diversity(np.concatenate([x_BCHW, x_BCHW]))
    assert (probes, value) == reference_diversity(x_BCHW)
    assert probes == 8
    assert value > 0
    assert reference_diversity(source(batch=64)(0))[0] == PROBES


def test_a_stream_that_cannot_seek_is_not_rewound(
    config: Make, setting: Make, source: Make
) -> None:
    """A resumed trial asks only for what follows the images shown."""
    asked: list[int] = []

    def data(images: int) -> Any:
        asked.append(images)
        return source()(images)

    trial = train(config(), setting(), data)
    while next(trial).rung is None:
        pass
    trial.close()
    assert asked == [0, *range(0, 48, 8)]
    asked.clear()
    list(train(config(), setting(), data))
    assert asked == list(range(48, 96, 8))
