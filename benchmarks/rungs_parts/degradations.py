"""Known damage to real images, in growing strength: any distance worth its name grows with it."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

Images = npt.NDArray[np.uint8]
Damage = Callable[[Images, float, Any], Images]


def real_images(count: int, size: int) -> Images:
    """The drawn faces that the races trained on, uint8 (count, 3, size, size)."""
    from animesearch.datasets.drawing.face import draw_face

    drawn = [np.asarray(draw_face(0, index, size)[0]) for index in range(count)]
    found: Images = np.ascontiguousarray(np.stack(drawn).transpose(0, 3, 1, 2))
    return found


def blurred(x_NCHW: Images, sigma: float, rng: Any) -> Images:  # noqa: ARG001
    """Gaussian blur of ``sigma`` pixels."""
    return _each(x_NCHW, lambda image: image.filter(ImageFilter.GaussianBlur(sigma)))


def noisy(x_NCHW: Images, sigma: float, rng: Any) -> Images:
    """Gaussian noise of ``sigma`` of 255 on each value."""
    noise_NCHW = rng.normal(0.0, sigma, x_NCHW.shape)
    return np.clip(np.rint(x_NCHW + noise_NCHW), 0, 255).astype(np.uint8)


def compressed(x_NCHW: Images, quality: float, rng: Any) -> Images:  # noqa: ARG001
    """JPEG of ``quality`` (100 is the best)."""

    def saved(image: Image.Image) -> Image.Image:
        buffer = io.BytesIO()
        image.save(buffer, format="JPEG", quality=int(quality))
        return Image.open(buffer).convert("RGB")

    return _each(x_NCHW, saved)


def peppered(x_NCHW: Images, share: float, rng: Any) -> Images:
    """Salt and pepper: a ``share`` of the pixels black or white."""
    hit_N1HW = rng.random((len(x_NCHW), 1, *x_NCHW.shape[2:])) < share
    value_N1HW = np.where(rng.random(hit_N1HW.shape) < 0.5, 0, 255)
    return np.where(hit_N1HW, value_N1HW, x_NCHW).astype(np.uint8)


def occluded(x_NCHW: Images, share: float, rng: Any) -> Images:
    """A grey square over a ``share`` of the area, elsewhere in every image."""
    found, (height, width) = x_NCHW.copy(), x_NCHW.shape[2:]
    side = max(1, round((share * height * width) ** 0.5))
    tops = rng.integers(0, height - side + 1, len(found))
    lefts = rng.integers(0, width - side + 1, len(found))
    for image_CHW, top, left in zip(found, tops, lefts, strict=True):
        image_CHW[:, top : top + side, left : left + side] = 128
    return found


def pixelated(x_NCHW: Images, side: float, rng: Any) -> Images:  # noqa: ARG001
    """Shrunk to ``side`` pixels, and enlarged by repeating them."""
    size = (x_NCHW.shape[3], x_NCHW.shape[2])

    def coarse(image: Image.Image) -> Image.Image:
        small = image.resize((int(side), int(side)), Image.Resampling.BOX)
        return small.resize(size, Image.Resampling.NEAREST)

    return _each(x_NCHW, coarse)


def repeated(x_NCHW: Images, kept: float, rng: Any) -> Images:
    """Dropped modes: only ``kept`` different images, repeated to as many as before."""
    chosen_N = rng.permutation(len(x_NCHW))[: int(kept)]
    return x_NCHW[np.resize(chosen_N, len(x_NCHW))]


def _each(x_NCHW: Images, change: Callable[[Image.Image], Image.Image]) -> Images:
    changed = [np.asarray(change(Image.fromarray(x_CHW.transpose(1, 2, 0)))) for x_CHW in x_NCHW]
    return np.ascontiguousarray(np.stack(changed).transpose(0, 3, 1, 2))


@dataclass(frozen=True)
class Ladder:
    """One kind of damage and its strengths, each worse than the one before."""

    damage: Damage
    strengths: Sequence[float]
    unit: str


LADDERS: Final[Mapping[str, Ladder]] = {
    "blur": Ladder(blurred, (0.4, 0.6, 0.9, 1.3, 2.0), "sigma, pixels"),
    "noise": Ladder(noisy, (4, 8, 16, 32, 64), "sigma of 255"),
    "JPEG": Ladder(compressed, (90, 70, 50, 30, 10), "quality"),
    "salt and pepper": Ladder(peppered, (0.005, 0.01, 0.02, 0.05, 0.1), "share of the pixels"),
    "occlusion": Ladder(occluded, (0.02, 0.05, 0.1, 0.2, 0.4), "share of the area"),
    "pixelation": Ladder(pixelated, (24, 16, 11, 8, 5), "pixels a side"),
    "dropped modes": Ladder(repeated, (500, 200, 100, 50, 20), "different images of 1,000"),
}
