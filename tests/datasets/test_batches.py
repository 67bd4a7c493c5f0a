"""Batches: without state, without replacement, and on where they stopped."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from animesearch.datasets.batches import PackedBatches, Share, StreamBatches
from animesearch.datasets.kinds import Order

sizes = st.integers(1, 40)


def numbered(count: int) -> np.ndarray:
    """Images whose pixels say which they are, and whose halves say whether they are mirrored."""
    images = np.zeros((count, 1, 2, 2), np.uint8)
    images[..., 0] = np.arange(count)[:, None, None]
    images[..., 1] = 255
    return images


def shown(images: np.ndarray) -> list[int]:
    """Which images these are, mirrored or not."""
    return images[:, 0, 0].min(axis=1).tolist()


@settings(max_examples=80, deadline=None)
@given(sizes, sizes, st.integers(-5, 5), st.integers(0, 300))
def test_shape_type_and_statelessness(count: int, batch: int, seed: int, start: int) -> None:
    images = numbered(count)
    sampler = PackedBatches(images, batch, seed, flip=True)
    first = sampler(start)
    sampler(start + 7 * batch)
    assert (first.shape, first.dtype) == ((batch, 1, 2, 2), np.uint8)
    assert np.array_equal(sampler(start), first)
    assert np.array_equal(PackedBatches(images, batch, seed, flip=True)(start), first)


@settings(max_examples=60, deadline=None)
@given(sizes, sizes, st.integers(0, 5))
def test_every_epoch_shows_every_image_once(count: int, batch: int, seed: int) -> None:
    sampler = PackedBatches(numbered(count), batch, seed)
    sequence: list[int] = []
    while len(sequence) < 3 * count:
        sequence += shown(sampler(len(sequence)))
    for epoch in range(3):
        assert sorted(sequence[epoch * count : (epoch + 1) * count]) == list(range(count))


@settings(max_examples=40, deadline=None)
@given(sizes, sizes, sizes, st.integers(0, 200))
def test_the_sequence_does_not_depend_on_the_batch(
    count: int, batch: int, other: int, start: int
) -> None:
    """A resumed trial goes on at the very image, even with another batch."""
    long = shown(PackedBatches(numbered(count), batch + other, 1)(start))
    left = shown(PackedBatches(numbered(count), batch, 1)(start))
    right = shown(PackedBatches(numbered(count), other, 1)(start + batch))
    assert long == left + right


def test_epochs_and_seeds_differ() -> None:
    images = numbered(30)
    sampler = PackedBatches(images, 30, 0)
    orders = {tuple(shown(sampler(0))), tuple(shown(sampler(30)))}
    orders |= {tuple(shown(PackedBatches(images, 30, seed)(0))) for seed in (1, -1)}
    assert len(orders) == 4


def test_flips_are_half_and_only_where_asked() -> None:
    images = numbered(200)
    mirrored = PackedBatches(images, 200, 0, flip=True)(0)[:, 0, 0, 1] != 255
    assert 70 < mirrored.sum() < 130
    assert np.all(PackedBatches(images, 200, 0)(0)[:, 0, 0, 1] == 255)
    assert np.array_equal(images, numbered(200))


def test_other_orders() -> None:
    images = numbered(10)
    assert shown(PackedBatches(images, 4, 0, order="sequential")(8)) == [8, 9, 0, 1]
    drawn = shown(PackedBatches(numbered(50), 50, 0, order="replacement")(0))
    assert len(set(drawn)) < 50


@settings(max_examples=60, deadline=None)
@given(sizes, sizes, st.integers(0, 5), st.integers(0, 30))
def test_fixed_batches_are_formed_once_and_drawn_by_lot(
    count: int, batch: int, seed: int, start: int
) -> None:
    """Every batch is one of a few; together these hold every image."""
    images = numbered(count)
    sampler = PackedBatches(images, batch, seed, order="fixed-batches")
    formed = -(-count // batch)
    seen = [tuple(shown(sampler(step * batch))) for step in range(start, start + 40 * formed)]
    assert len(set(seen)) <= formed
    if formed <= 6:
        assert set().union(*seen) == set(range(count))
        assert len(set(seen)) == formed
    resumed = PackedBatches(images, batch, seed, order="fixed-batches")
    assert tuple(shown(resumed(start * batch))) == seen[0]


def test_fixed_batches_differ_by_seed_and_come_in_no_order() -> None:
    images = numbered(40)
    sampler = PackedBatches(images, 4, 1, order="fixed-batches")
    seen = [tuple(shown(sampler(4 * step))) for step in range(20)]
    assert seen[:10] != seen[10:]
    assert len(set(seen[:10])) < 10
    assert shown(PackedBatches(images, 4, 2, order="fixed-batches")(0)) not in map(list, seen)
    parts = [
        shown(PackedBatches(images, 4, 1, order="fixed-batches", share=Share(rank, 2))(4))
        for rank in (0, 1)
    ]
    assert tuple(parts[0] + parts[1]) == seen[1]


def test_single_images_are_batches_of_one() -> None:
    one = PackedBatches(numbered(30), 1, 0, order="replacement")
    drawn = [shown(one(step))[0] for step in range(30)]
    assert len(set(drawn)) < 30
    in_turn = PackedBatches(numbered(3), 1, 0, order="sequential")
    assert [shown(in_turn(step)) for step in range(4)] == [[0], [1], [2], [0]]


def test_workers_share_the_sequence() -> None:
    images = numbered(20)
    whole = PackedBatches(images, 8, 3, flip=True)(16)
    parts = [PackedBatches(images, 8, 3, flip=True, share=Share(rank, 2))(16) for rank in (0, 1)]
    assert np.array_equal(whole, np.concatenate(parts))
    with pytest.raises(ValueError, match="a batch of 8 is not shared out evenly by 3"):
        PackedBatches(images, 8, 3, share=Share(0, 3))


@pytest.mark.parametrize(("count", "batch"), [(0, 4), (4, 0)])
def test_nothing_to_draw(count: int, batch: int) -> None:
    with pytest.raises(ValueError, match="no batches"):
        PackedBatches(numbered(count), batch, 0)


def test_before_the_beginning() -> None:
    with pytest.raises(ValueError, match="images_shown"):
        PackedBatches(numbered(4), 2, 0)(-1)


class Rows:
    """A stream in memory with the interface of a Ray ``DataIterator``."""

    def __init__(self, images: np.ndarray, piece: int) -> None:
        self.images, self.piece = images, piece
        self.seeds: list[int | None] = []

    def iter_batches(
        self, *, local_shuffle_seed: int | None, **_options: object
    ) -> Iterator[Mapping[str, Any]]:
        self.seeds.append(local_shuffle_seed)
        for start in range(0, len(self.images), self.piece):
            yield {"image": self.images[start : start + self.piece]}


@settings(max_examples=40, deadline=None)
@given(sizes, sizes, sizes)
def test_a_stream_gives_full_batches_and_loses_nothing(count: int, batch: int, piece: int) -> None:
    sampler = StreamBatches(Rows(numbered(count), piece), batch, 0, count=count, order="sequential")
    sequence: list[int] = []
    while len(sequence) < 2 * count + batch:
        images = sampler(len(sequence))
        assert images.shape == (batch, 1, 2, 2)
        sequence += shown(images)
    assert sequence == [place % count for place in range(len(sequence))]


def test_passes_of_a_stream_have_seeds_of_their_own_and_resume_by_number() -> None:
    rows = Rows(numbered(4), 4)
    sampler = StreamBatches(rows, 4, 0, flip=True, count=4)
    for place in range(3):
        assert sampler(4 * place).shape == (4, 1, 2, 2)
    resumed = Rows(numbered(4), 4)
    StreamBatches(resumed, 4, 0, count=4)(8)
    assert len(set(rows.seeds)) == 3
    assert resumed.seeds == rows.seeds[2:]


def test_workers_of_a_stream_draw_shares_of_the_same_flips() -> None:
    images = np.arange(64, dtype=np.uint8).reshape(8, 1, 1, 8)
    mirrored = []
    for share in (Share(0, 1), Share(0, 2), Share(1, 2)):
        mine = images[list(share.rows(8))]
        sampler = StreamBatches(
            Rows(mine, 8), 8, 5, flip=True, count=8, order="sequential", share=share
        )
        batch = sampler(0)
        assert len(batch) == 8 // share.workers
        mirrored.append([bool(row[0, 0, 0] > row[0, 0, 1]) for row in batch])
    assert mirrored[1] + mirrored[2] == mirrored[0]
    assert len(set(mirrored[0])) == 2


def test_an_empty_stream_is_an_error_not_a_hang() -> None:
    sampler = StreamBatches(Rows(numbered(0), 1), 2, 0, count=1)
    with pytest.raises(ValueError, match="empty"):
        sampler(0)


@pytest.mark.parametrize("order", ["replacement", "fixed-batches"])
def test_a_stream_cannot_seek(order: Order) -> None:
    with pytest.raises(ValueError, match=f"'{order}'; allowed: shuffle, sequential"):
        StreamBatches(Rows(numbered(4), 4), 2, 0, count=4, order=order)
