"""The named resize policies against what they are named after."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn.functional import interpolate

from animesearch.metrics.features.resizing import Policy, resized

SIDE = 75


def noise(height: int, width: int) -> torch.Tensor:
    levels = np.random.default_rng(height).integers(0, 256, (2, 3, height, width))
    return torch.from_numpy(levels.astype(np.float32))


def by_pil(x_BCHW: torch.Tensor) -> torch.Tensor:
    """Each channel as floats, bicubic, clipped and not rounded: clean-fid's way."""
    planes = [
        Image.fromarray(plane).resize((SIDE, SIDE), Image.Resampling.BICUBIC)
        for plane in x_BCHW.flatten(0, 1).numpy()
    ]
    small = np.stack([np.asarray(plane) for plane in planes]).clip(0, 255)
    return torch.from_numpy(small).view(*x_BCHW.shape[:2], SIDE, SIDE)


@pytest.mark.parametrize("size", [(16, 16), (64, 64), (75, 60), (76, 200), (256, 256)], ids=str)
def test_clean_is_pils_bicubic(size: tuple[int, int]) -> None:
    x = noise(*size)
    assert float((resized(x, SIDE, "clean") - by_pil(x)).abs().max()) < 0.01


@pytest.mark.parametrize("size", [(16, 16), (64, 64), (76, 200), (256, 256)], ids=str)
def test_pytorch_fid_is_not_antialiased(size: tuple[int, int]) -> None:
    x = noise(*size)
    expected = 255 * interpolate(x / 255, size=(SIDE, SIDE), mode="bilinear", align_corners=False)
    assert float((resized(x, SIDE, "pytorch-fid") - expected).abs().max()) < 1e-3


def test_bilinear_worked_out_by_hand() -> None:
    """To 4: a quarter and three quarters of the way between them; to 1: see below."""
    x = torch.tensor([[[[0.0, 80.0], [0.0, 80.0]]]])
    for policy in ("bilinear", "pytorch-fid"):
        assert resized(x, 4, policy)[0, 0, 0].tolist() == pytest.approx([0, 20, 60, 80], abs=1e-4)
    four = torch.tensor([[0.0, 0.0, 80.0, 0.0]]).expand(1, 1, 4, 4)
    assert float(resized(four, 1, "pytorch-fid")) == pytest.approx(40.0)  # between the middle two
    # A tent four pixels to each side of the middle: weights 5/8, 7/8, 7/8, 5/8, of 3 in all.
    assert float(resized(four, 1, "bilinear")) == pytest.approx(80 * 7 / 24)


@pytest.mark.parametrize("policy", get_args(Policy))
def test_what_all_policies_keep(policy: Policy) -> None:
    x = noise(40, 40)
    for side in (20, 90):
        small = resized(x, side, policy)
        assert small.shape == (2, 3, side, side)
        assert 0 <= float(small.min()) <= float(small.max()) <= 255
    flat = torch.full((1, 3, 40, 40), 200.0)
    assert torch.allclose(resized(flat, 20, policy), torch.tensor(200.0), atol=1e-3)
    assert resized(x, 40, policy) is x


def test_policies_differ_where_images_shrink() -> None:
    small = {policy: resized(noise(200, 200), SIDE, policy) for policy in get_args(Policy)}
    for first, second in (("bilinear", "clean"), ("bilinear", "pytorch-fid")):
        assert float((small[first] - small[second]).abs().mean()) > 1
