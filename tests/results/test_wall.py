"""Tiles and walls, to the pixel."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from animesearch.results.ranking import rank
from animesearch.results.state import fold
from animesearch.results.wall import GAP, PAPER, caption, grid_wall, tile
from tests.results.scripted_run import race


def faces(count: int, size: int = 8, channels: int = 3) -> np.ndarray:
    generator = np.random.default_rng(0)
    return generator.integers(0, 200, (count, channels, size, size), dtype=np.uint8)


def test_every_image_stands_in_its_place() -> None:
    images_NCHW = faces(5)
    picture = np.asarray(tile(images_NCHW, columns=3, pad=2, scale=2))
    assert picture.shape == ((2 * 10 + 2) * 2, (3 * 10 + 2) * 2, 3)
    for place in range(5):
        top, left = 2 * (2 + place // 3 * 10), 2 * (2 + place % 3 * 10)
        cell = picture[top : top + 16, left : left + 16]
        assert (cell[::2, ::2] == images_NCHW[place].transpose(1, 2, 0)).all()
        assert (cell[1::2, 1::2] == cell[::2, ::2]).all()
    assert (picture[24:, 44:] == GAP).all(), "the place of the sixth is empty"
    assert (picture[:4] == GAP).all()


def test_both_orders_of_axes_and_grey_images() -> None:
    images_NCHW = faces(4)
    as_NHWC = tile(images_NCHW.transpose(0, 2, 3, 1), 2)
    assert as_NHWC.tobytes() == tile(images_NCHW, 2).tobytes()
    grey = faces(4, channels=1)
    assert tile(grey, 2).tobytes() == tile(np.repeat(grey, 3, axis=1), 2).tobytes()


def test_more_columns_than_images_leave_no_empty_ones() -> None:
    assert tile(faces(2), columns=8, pad=0).size == (16, 8)


@pytest.mark.parametrize(
    "images",
    [
        np.zeros((2, 3, 8, 8), np.float32),
        np.zeros((3, 8, 8), np.uint8),
        np.zeros((0, 3, 8, 8), np.uint8),
        np.zeros((2, 4, 8, 8), np.uint8),
    ],
)
def test_what_is_no_batch_of_images_is_refused(images: np.ndarray) -> None:
    with pytest.raises(ValueError, match="expected"):
        tile(images, 2)


@pytest.mark.parametrize(
    "options", [{"columns": 0}, {"columns": 1, "scale": 0}, {"columns": 1, "pad": -1}]
)
def test_impossible_layouts_are_refused(options: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="must be"):
        tile(faces(1), **options)


def saved(path: Path, seed: int, size: int = 32) -> Path:
    generator = np.random.default_rng(seed)
    images = generator.integers(0, 200, (16, 3, size, size), dtype=np.uint8)
    tile(images, 4).save(path)
    return path


def contains(wall: np.ndarray, grid: np.ndarray) -> bool:
    """Whether ``grid`` stands somewhere in ``wall``."""
    corners = np.argwhere((wall[:, :, 0] == grid[8, 8, 0]) & (wall[:, :, 1] == grid[8, 8, 1]))
    height, width, _ = grid.shape
    return any(
        (wall[y - 8 : y - 8 + height, x - 8 : x - 8 + width].shape == grid.shape)
        and bool((wall[y - 8 : y - 8 + height, x - 8 : x - 8 + width] == grid).all())
        for y, x in corners
        if y >= 8 and x >= 8
    )


@pytest.mark.parametrize("trials", [1, 2, 3, 5])
def test_a_wall_shows_every_grid_enlarged_and_the_reals(tmp_path: Path, trials: int) -> None:
    reals = saved(tmp_path / "reals.png", 0)
    rows = [(f"{n}. t000{n}", saved(tmp_path / f"{n}.png", n)) for n in range(1, trials + 1)]
    grid_wall(rows, reals, tmp_path / "best.png")
    wall = np.asarray(Image.open(tmp_path / "best.png"))
    assert (wall[0, 0] == PAPER).all()
    for path in (reals, *(path for _, path in rows)):
        grid = np.asarray(Image.open(path))
        assert contains(wall, grid.repeat(3, axis=0).repeat(3, axis=1))


def test_a_missing_or_broken_grid_leaves_the_others(tmp_path: Path) -> None:
    good = saved(tmp_path / "good.png", 1)
    torn = tmp_path / "torn.png"
    torn.write_bytes(good.read_bytes()[:200])
    (tmp_path / "text.png").write_text("not a picture")
    rows = [("a", torn), ("b", tmp_path / "none.png"), ("c", tmp_path / "text.png"), ("d", good)]
    grid_wall(rows, tmp_path / "no-reals.png", tmp_path / "best.png")
    grid = np.asarray(Image.open(good)).repeat(3, axis=0).repeat(3, axis=1)
    assert contains(np.asarray(Image.open(tmp_path / "best.png")), grid)


def test_long_and_odd_captions_stay_inside(tmp_path: Path) -> None:
    reals = saved(tmp_path / "reals.png", 0)
    odd = "\x1b[31m\u202e" + "x" * 500 + "\n" + "lr=1e-4 " * 60 + "\n\n\u65e5\u672c"
    grid_wall([(odd, reals), ("", reals)], reals, tmp_path / "best.png")
    wall = np.asarray(Image.open(tmp_path / "best.png"))
    assert (wall[:, -20:] == PAPER).all()
    assert wall.shape[1] < 2000


def test_a_caption_tells_place_score_and_configuration() -> None:
    first, *_, last = rank(fold(race()))
    assert caption(first, "fd-lite0", ["loss", "generator.lr"]) == (
        "1. t0000: fd-lite0 4590.9\nns G.lr=1.23e-4"
    )
    assert caption(last, "fd-lite0", []).startswith("t0004: fd-lite0 -")
