"""Tables per epoch and per layer group."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from animesearch.trainers.loop import train
from animesearch.trainers.modules.networks import Discriminator
from animesearch.trainers.steplog import EpochMeans
from animesearch.trainers.updates import Updater

Make = Callable[..., Any]


def steps(*images: int) -> np.ndarray[Any, Any]:
    """One statistic, equal to the images."""
    return np.array([[n, float(n)] for n in images], np.float64)


def test_means_of_whole_epochs_however_they_arrive() -> None:
    """Epochs of 20 images in steps of 8: 8 16 | 24 32 40 | 48 56 | ..."""
    whole = EpochMeans(20).add(steps(8, 16, 24, 32, 40, 48, 56, 64))
    assert whole.tolist() == [[16, 12], [40, 32], [56, 52]]
    split = EpochMeans(20)
    parts = [split.add(steps(n)).tolist() for n in (8, 16, 24, 32, 40, 48, 56, 64)]
    assert [row for part in parts for row in part] == whole.tolist()
    assert split.state() == [[64.0, 64.0]]


def test_an_open_epoch_survives() -> None:
    first, second = EpochMeans(20), EpochMeans(20)
    first.add(steps(8, 16))
    second.load(first.state())
    assert second.add(steps(24)).tolist() == [[16, 12]]


def test_without_epochs() -> None:
    assert EpochMeans(0).add(steps(8, 16)).shape == (0, 2)


def rows(path: Any) -> list[dict[str, str]]:
    return list(csv.DictReader(path.open()))


def test_epochs_of_a_trial(config: Make, setting: Make, source: Make) -> None:
    place = setting(epoch=24)
    list(train(config(), place, source()))
    losses, epochs = (rows(place.folder / f"{name}.csv") for name in ("losses", "epochs"))
    assert [int(row["images"]) for row in epochs] == [24, 48, 72, 96]
    first = np.mean([float(row["loss_g"]) for row in losses[:3]])
    assert float(epochs[0]["loss_g"]) == pytest.approx(first, rel=1e-4)


def test_gradients_per_layer_group(config: Make, setting: Make, source: Make) -> None:
    """At each report; the groups make up the whole norm, also of clipped gradients."""
    clipped = {"lr": 2e-4, "clip": 1e-3}
    place = setting()
    list(train(config(generator=clipped), place, source()))
    table = rows(place.folder / "gradients.csv")
    assert [int(row["images"]) for row in table] == [32, 48, 64, 96]
    losses = {row["images"]: row for row in rows(place.folder / "losses.csv")}
    for row in table:
        for network, name in (("generator", "grad_norm_g"), ("discriminator", "grad_norm_d")):
            groups = [float(v) for k, v in row.items() if k.startswith(f"{network}/")]
            whole = float(losses[row["images"]][name])
            assert math.hypot(*groups) == pytest.approx(whole, rel=1e-3)


def test_gradients_are_those_of_the_last_step_of_d(
    config: Make, setting: Make, source: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not scaled to the mean over the steps of D of an iteration, which losses.csv has."""
    lasts: list[float] = []
    step = Updater.step

    def noted(updater: Updater) -> torch.Tensor:
        norm = step(updater)
        if isinstance(updater.module, Discriminator):
            lasts.append(float(norm))
        return norm

    monkeypatch.setattr(Updater, "step", noted)
    place = setting(images=16, rungs=(16,), tick=16)
    list(train(config(d_steps=2, batch=8), place, source()))
    [row] = rows(place.folder / "gradients.csv")
    groups = [float(v) for k, v in row.items() if k.startswith("discriminator/")]
    assert math.hypot(*groups) == pytest.approx(lasts[-1], rel=1e-3)
    assert lasts[-1] != pytest.approx(lasts[-2], rel=1e-2)


def test_layers_not_in_use_have_no_gradient(config: Make, setting: Make, source: Make) -> None:
    grown = {"name": "progan", "width": 4, "latent": 8, "growth": 1.0, "start": 0, "fade": 0.5}
    place = setting()
    list(train(config(architecture=grown), place, source()))
    first = rows(place.folder / "gradients.csv")[0]
    assert first["generator/to_rgb.2"] == ""
    assert first["generator/first.0"] != ""
