"""Images to augment, and augmentations to do it."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from animesearch.trainers.augmentations import AUGMENTATIONS
from animesearch.trainers.augmentations.base import Augmentation


def built(**options: Any) -> Augmentation:
    augmentation = AUGMENTATIONS.parse(options).build()
    assert augmentation is not None
    return augmentation


def images(count: int = 6, channels: int = 3, size: int = 8) -> Tensor:
    rng = torch.Generator().manual_seed(0)
    return torch.rand(count, channels, size, size, generator=rng) * 2 - 1


def alike(actual: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(actual, expected, atol=2e-5, rtol=1e-5)
