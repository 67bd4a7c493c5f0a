"""Small trials: 16 px pictures of coloured discs, networks of 4 filters."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from animesearch.trainers.config import TrialConfig
from animesearch.trainers.setting import BatchSource, TrialSetting


def discs(count: int, size: int, channels: int) -> npt.NDArray[np.uint8]:
    """Coloured discs on coloured grounds (count, channels, size, size)."""
    rng = np.random.default_rng(0)
    inner, outer = rng.integers(0, 256, (2, count, channels, 1, 1))
    centre_y, centre_x, radius = rng.uniform(0.3, 0.7, (3, count, 1, 1, 1)) * size
    y, x = np.mgrid[:size, :size]
    inside = (y - centre_y) ** 2 + (x - centre_x) ** 2 < (radius / 2) ** 2
    return np.where(inside, inner, outer).astype(np.uint8)


@pytest.fixture
def source() -> Callable[..., BatchSource]:
    """Makes batch sources: pure functions of the images shown."""

    def make(size: int = 16, channels: int = 3, batch: int = 8) -> BatchSource:
        images_NCHW = discs(64, size, channels)

        def data(images: int) -> npt.NDArray[np.uint8]:
            return images_NCHW[(images + np.arange(batch)) % len(images_NCHW)]

        return data

    return make


@pytest.fixture
def config() -> Callable[..., TrialConfig]:
    """Makes small configurations; keywords replace parts."""

    def make(**parts: Any) -> TrialConfig:
        small = {"architecture": {"name": "penn-dcgan", "width": 4, "latent": 8}, "batch": 8}
        return TrialConfig.model_validate(small | parts)

    return make


@pytest.fixture
def setting(tmp_path: Path) -> Callable[..., TrialSetting]:
    """Makes settings of short trials in a folder of the test's own."""

    def make(**parts: Any) -> TrialSetting:
        short: dict[str, Any] = {
            "folder": tmp_path / "t0000",
            "size": 16,
            "channels": 3,
            "images": 96,
            "rungs": (48, 96),
            "tick": 32,
            "seed": 3,
            "grid": (2, 3),
        }
        return TrialSetting(**(short | parts))

    return make
