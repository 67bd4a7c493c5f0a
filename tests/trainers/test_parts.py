"""Latents, average, samples, reports, step log, settings, isolation."""

from __future__ import annotations

import json
import math
import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from animesearch.errors import MetricError, UnsupportedError
from animesearch.trainers.config import EmaOptions
from animesearch.trainers.ema import AverageGenerator, decay
from animesearch.trainers.isolation import Isolation
from animesearch.trainers.latents import sample_latents
from animesearch.trainers.modules.networks import Generator, PlainGenerator
from animesearch.trainers.report import Confusion, Report
from animesearch.trainers.sampling import Sampler, grid_image, save_png
from animesearch.trainers.setting import TrialSetting
from animesearch.trainers.steplog import StepLog

# -- latents ---------------------------------------------------------------------------------------


def test_latent_of_a_sample_depends_on_seed_and_number_alone() -> None:
    whole = sample_latents(0, 600, 100)
    assert whole.shape == (600, 100)
    assert np.array_equal(sample_latents(250, 20, 100), whole[250:270])
    assert np.array_equal(sample_latents(599, 1, 100), whole[599:])
    assert np.array_equal(sample_latents(0, 5, 37), whole[:5, :37])
    assert np.array_equal(sample_latents(0, 5, 700)[:, :100], whole[:5])
    assert not np.array_equal(sample_latents(0, 5, 100, seed=1), whole[:5])


def test_latents_are_independent_standard_normals() -> None:
    z = sample_latents(0, 2000, 520)
    assert len(np.unique(z[:, 0])) == 2000
    assert abs(float(z.mean())) < 0.01
    assert float(z.std()) == pytest.approx(1.0, abs=0.01)
    assert abs(float(np.corrcoef(z[:, 0], z[:, 512])[0, 1])) < 0.1
    assert abs(float((z[:256] * z[256:512]).mean())) < 0.01


# -- average ---------------------------------------------------------------------------------------


def tiny() -> PlainGenerator:
    return PlainGenerator(nn.Sequential(nn.Conv2d(2, 3, 1), nn.BatchNorm2d(3)), 2, 1)


def test_decay_by_hand() -> None:
    assert decay(EmaOptions(half_life=1000, ramp=0), 1000, 5) == 0.5
    assert decay(EmaOptions(half_life=1000, ramp=0), 500, 5) == pytest.approx(math.sqrt(0.5))
    assert decay(EmaOptions(half_life=1000, ramp=0.1), 20, 200) == 0.5
    assert decay(EmaOptions(half_life=1000, ramp=0.1), 1000, 10**6) == 0.5
    assert decay(EmaOptions(half_life=0), 64, 1000) == 0.0


def test_average_moves_towards_the_generator_and_copies_counters() -> None:
    generator = tiny()
    average = AverageGenerator(generator, EmaOptions(half_life=10, ramp=0))
    first = [p.clone() for p in average.module.parameters()]
    with torch.no_grad():
        for p in generator.parameters():
            p.add_(1.0)
    generator(torch.randn(8, 2))
    average.update(step=10, images=10)
    for before, now in zip(first, average.module.parameters(), strict=True):
        assert torch.allclose(now, before + 0.5)
    counters = [b for b in average.module.buffers() if not b.is_floating_point()]
    assert [int(c) for c in counters] == [1]
    assert not average.module.training


# -- samples ---------------------------------------------------------------------------------------


class Echo(Generator):
    """Draws the first value of z, at a quarter of the full size."""

    def forward(self, z_BZ: Tensor) -> Tensor:
        return z_BZ[:, :1, None, None].expand(-1, 3, 1, 1)


def test_samples_are_full_size_numbered_and_independent_of_the_split() -> None:
    echo = Echo(latent_dim=4, size=4)
    x_NCHW = Sampler(echo, batch=7)(10, 20)
    assert x_NCHW.shape == (20, 3, 4, 4)
    assert x_NCHW.dtype == torch.uint8
    expected = np.clip((sample_latents(10, 20, 4)[:, 0] + 1) * 127.5, 0, 255).round()
    assert np.array_equal(x_NCHW[:, 0, 0, 0].numpy(), expected.astype(np.uint8))
    assert torch.equal(Sampler(echo)(15, 3), x_NCHW[5:8])
    assert echo.training


def test_unit_range_and_not_finite_pixels() -> None:
    unit = Echo(4, 4, output_range=(0.0, 1.0))
    z = sample_latents(0, 1, 4)[0, 0]
    assert int(Sampler(unit)(0, 1)[0, 0, 0, 0]) == round(float(np.clip(z, 0, 1)) * 255)

    class Broken(Echo):
        def forward(self, z_BZ: Tensor) -> Tensor:
            return super().forward(z_BZ) * torch.nan

    with pytest.raises(MetricError):
        Sampler(Broken(4, 4))(0, 1)


@pytest.mark.parametrize("channels", [1, 3])
def test_grid(tmp_path: Path, channels: int) -> None:
    x_NCHW = np.zeros((5, channels, 4, 4), np.uint8)
    x_NCHW[4] = 100
    save_png(grid_image(x_NCHW, columns=3), tmp_path / "deep" / "grid.png")
    with Image.open(tmp_path / "deep" / "grid.png") as image:
        assert image.size == (3 * 4 + 2 * 2, 2 * 4 + 2)
        pixels = np.asarray(image.convert("RGB"))
    assert pixels[0, 0].tolist() == [0, 0, 0]
    assert pixels[6, 6].tolist() == [100, 100, 100]
    assert pixels[9, 15].tolist() == [255, 255, 255]


# -- reports ---------------------------------------------------------------------------------------


def test_report_survives_its_metrics() -> None:
    report = Report(
        images=128, rung=0, score=5.0, metric="fd-lite0", best=4.0, loss_d=1.5, loss_g=0.5,
        d_accuracy=0.75, confusion=Confusion(3, 1, 1, 3), verdict="explosion", evidence="so",
    )  # fmt: skip
    metrics = report.as_metrics()
    assert Report.from_metrics(metrics) == report
    assert Report.from_metrics(json.loads(json.dumps(metrics, allow_nan=False))) == report
    assert metrics["confusion_real_as_real_percent"] == 75.0
    assert metrics["confusion_fake_as_real_percent"] == 25.0
    assert "grad_norm_g" not in metrics


def test_no_number_that_is_not_finite_is_told() -> None:
    metrics = Report(images=1, loss_d=math.nan, loss_g=math.inf, score=-math.inf).as_metrics()
    assert not {"loss_d", "loss_g", "score"} & metrics.keys()


def test_confusion_accuracy() -> None:
    assert Confusion(10, 0, 5, 5).accuracy == 0.75


# -- step log --------------------------------------------------------------------------------------


def test_step_log_appends_cuts_and_leaves_gaps(tmp_path: Path) -> None:
    log = StepLog(tmp_path / "losses.csv", ("images", "loss_d"))
    log.append(np.array([[64.0, 0.5]]))
    size = log.size()
    log.append(np.array([[128.0, math.nan], [192.0, math.inf]]))
    assert log.path.read_text().splitlines() == ["images,loss_d", "64,0.5", "128,", "192,"]
    log.cut(size)
    assert log.path.read_text().splitlines() == ["images,loss_d", "64,0.5"]


# -- settings --------------------------------------------------------------------------------------


def test_settings_pickle(setting: Callable[..., TrialSetting]) -> None:
    assert pickle.loads(pickle.dumps(setting())) == setting()


@pytest.mark.parametrize("rungs", [(), (10, 5, 96), (48,), (0, 96), (96, 96)])
def test_impossible_rungs(setting: Callable[..., TrialSetting], rungs: tuple[int, ...]) -> None:
    with pytest.raises(UnsupportedError, match="rungs must ascend"):
        setting(rungs=rungs)


def test_stops_are_ticks_and_rungs(setting: Callable[..., TrialSetting]) -> None:
    stops, images = [], 0
    while images < 96:
        images = setting().next_stop(images)
        stops.append(images)
    assert stops == [32, 48, 64, 96]
    with pytest.raises(UnsupportedError, match="at least 64"):
        setting().check_step(64)
    with pytest.raises(UnsupportedError, match="at least 1"):
        replace(setting(), tick=0)


# -- isolation -------------------------------------------------------------------------------------


def test_isolation_goes_on_where_it_was_left() -> None:
    torch.manual_seed(5)
    whole = torch.rand(4)
    torch.manual_seed(9)
    outside = torch.get_rng_state()
    threads = torch.get_num_threads()
    isolation = Isolation(seed=5, device="cpu", threads=1)
    parts = []
    for _ in range(2):
        with torch.no_grad(), isolation:
            assert torch.get_num_threads() == 1
            assert torch.is_grad_enabled()
            parts.append(torch.rand(2))
            torch.set_default_dtype(torch.float32)
        assert torch.equal(torch.get_rng_state(), outside)
        assert torch.get_num_threads() == threads
    assert torch.equal(torch.cat(parts), whole)
