"""Training batches: from packed images by lot without state, or from a stream.

Both are called with the number of real images shown so far, and give uint8 (B, C, H, W).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from animesearch.datasets.kinds import STREAM_ORDERS, Order

IMAGE: Final = "image"
SHUFFLE_ROWS: Final = 2048
"""Rows of a stream's local shuffle, at least; a batch of any size shuffles within so many."""


class Share(NamedTuple):
    """The share of every batch of worker number ``rank`` of ``workers``."""

    rank: int
    workers: int

    def rows(self, batch: int) -> range:
        """Its rows; ValueError where the batch does not go up evenly."""
        rows, rest = divmod(batch, self.workers)
        if rest:
            raise ValueError(f"a batch of {batch} is not shared out evenly by {self.workers}")
        return range(self.rank * rows, (self.rank + 1) * rows)


ALL: Final = Share(0, 1)
"""Everything."""


class PackedBatches:
    """Batches of an array in memory, a pure function of ``images_shown``.

    The training data are one endless sequence: epoch after epoch, each a permutation of all N
    images drawn from ``(seed, epoch)``.  A batch is the next ``batch`` places of it, so every
    image is seen once per epoch, batches may reach into the next epoch, and N may be smaller
    than a batch (which then holds an image more than once).  A trial that resumes at
    ``images_shown`` goes on exactly where it was.

    ``order``: ``shuffle`` as above, ``sequential`` (as stored), ``replacement`` (each place by
    lot), ``fixed-batches`` (the images are shared out once, by lot, into batches of ``batch``, the
    last of which is filled up with images of the first; each batch of the sequence is one of
    those, by lot; a trial that goes on with another ``batch`` has others).  Single images are a
    ``batch`` of 1.  ``flip`` mirrors each shown image with probability 1/2, from the same seed.
    With several workers each is given its ``share`` of every batch, so that all of them together
    see what one alone would.
    """

    def __init__(
        self,
        images_NCHW: NDArray[np.uint8],
        batch: int,
        seed: int,
        flip: bool = False,
        *,
        order: Order = "shuffle",
        share: Share = ALL,
    ) -> None:
        if batch < 1 or len(images_NCHW) < 1:
            raise ValueError(f"no batches of {batch} from {len(images_NCHW)} images")
        self._images_NCHW = images_NCHW
        self._batch = batch
        self._seed = seed
        self._flip = flip
        self._order = order
        self._rows = share.rows(batch)
        self._epochs: dict[int, tuple[NDArray[np.int64], NDArray[np.bool_]]] = {}

    def __call__(self, images_shown: int) -> NDArray[np.uint8]:
        """The batch after ``images_shown`` (>= 0) images: uint8 (B, C, H, W), a copy."""
        index, mirrored = self.places(images_shown)
        batch_BCHW = self._images_NCHW[index]
        if self._flip:
            batch_BCHW[mirrored] = batch_BCHW[mirrored, ..., ::-1]
        return batch_BCHW

    def places(self, images_shown: int) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Indices of the images of that batch, and which of them are mirrored: both (B,)."""
        if images_shown < 0:
            raise ValueError(f"images_shown must be at least 0, is {images_shown}")
        count = self._epoch_length()
        start, rows = images_shown + self._rows.start, len(self._rows)
        parts: list[tuple[NDArray[np.int64], NDArray[np.bool_]]] = []
        while (left := rows - sum(part[0].size for part in parts)) > 0:
            epoch, place = divmod(start, count)
            index, mirrored = self._epoch(epoch)
            parts.append((index[place : place + left], mirrored[place : place + left]))
            start += len(parts[-1][0])
        return np.concatenate([p[0] for p in parts]), np.concatenate([p[1] for p in parts])

    def _epoch(self, epoch: int) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """The order of one epoch; the last two are kept, because batches reach across."""
        if epoch not in self._epochs:
            while len(self._epochs) >= 2:
                del self._epochs[min(self._epochs)]
            self._epochs[epoch] = self._draw(epoch)
        return self._epochs[epoch]

    def _epoch_length(self) -> int:
        """Places in one epoch: a whole number of batches where these are fixed."""
        count = len(self._images_NCHW)
        whole = -(-count // self._batch) * self._batch
        return whole if self._order == "fixed-batches" else count

    def _draw(self, epoch: int) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        count = self._epoch_length()
        lot = np.random.default_rng([abs(self._seed), int(self._seed < 0), epoch])
        if self._order == "fixed-batches":
            formed = self._formed()
            index = formed[lot.integers(0, len(formed), size=len(formed))].reshape(-1)
        elif self._order == "sequential":
            index = np.arange(count)
        elif self._order == "replacement":
            index = lot.integers(0, count, size=count)
        else:
            index = lot.permutation(count)
        return index, lot.random(count) < 0.5

    def _formed(self) -> NDArray[np.int64]:
        """The fixed batches, (batches, batch): from the seed alone."""
        lot = np.random.default_rng([abs(self._seed), int(self._seed < 0), 0, 1])
        shared_out = lot.permutation(len(self._images_NCHW))
        return np.resize(shared_out, (self._epoch_length() // self._batch, self._batch))


class RowStream(Protocol):
    """What this module needs of a Ray ``Dataset`` or of ``ray.train.get_dataset_shard``."""

    def iter_batches(
        self,
        *,
        batch_size: int,
        batch_format: str,
        local_shuffle_buffer_size: int | None,
        local_shuffle_seed: int | None,
    ) -> Iterable[Mapping[str, Any]]:
        """One pass over the rows."""


class StreamBatches:
    """Endless batches of a stream of rows with a uint8 column ``image`` (C, H, W).

    Each pass is shuffled within a buffer of :data:`SHUFFLE_ROWS` rows, from ``(seed, pass)``.
    Rows left over at the end of a pass go before those of the next, so all batches are full.
    With several workers the stream is a shard of one worker, and a batch its ``share`` of
    ``batch``; which images meet in a batch is then another than for one worker.
    A stream cannot seek: the first call starts with a new pass, numbered by
    ``images_shown // count``, so a resumed trial sees the images in another order.
    """

    def __init__(  # noqa: PLR0913 - as PackedBatches, and the length of a pass
        self,
        stream: RowStream,
        batch: int,
        seed: int,
        flip: bool = False,
        *,
        count: int,
        order: Order = "shuffle",
        share: Share = ALL,
    ) -> None:
        if batch < 1 or count < 1:
            raise ValueError(f"no batches of {batch} from {count} images")
        if order not in STREAM_ORDERS:
            allowed = ", ".join(STREAM_ORDERS)
            raise ValueError(f"a stream has no order '{order}'; allowed: {allowed}")
        self._stream = stream
        self._rows, self._whole = share.rows(batch), batch
        self._batch = len(self._rows)
        self._seed = seed
        self._flip = flip
        self._count = count
        self._order = order
        self._batches: Iterator[NDArray[np.uint8]] | None = None

    def __call__(self, images_shown: int) -> NDArray[np.uint8]:
        """The next batch: uint8 (B, C, H, W).  ``images_shown`` decides the first pass."""
        if self._batches is None:
            self._batches = self._endless(images_shown // self._count)
        batch_BCHW = next(self._batches)
        if self._flip:
            lot = np.random.default_rng([abs(self._seed), images_shown, 1])
            mirrored = lot.random(self._whole)[self._rows] < 0.5
            batch_BCHW[mirrored] = batch_BCHW[mirrored, ..., ::-1]
        return batch_BCHW

    def _endless(self, number: int) -> Iterator[NDArray[np.uint8]]:
        held: list[NDArray[np.uint8]] = []
        while True:
            rows = 0
            for part in self._pass(number):
                rows += len(part)
                held.append(part)
                while sum(len(piece) for piece in held) >= self._batch:
                    joined = np.concatenate(held)
                    yield joined[: self._batch].copy()
                    held = [joined[self._batch :]]
            if rows == 0:
                raise ValueError("the stream of images is empty")
            number += 1

    def _pass(self, number: int) -> Iterator[NDArray[np.uint8]]:
        shuffled = self._order == "shuffle"
        rows = self._stream.iter_batches(
            batch_size=self._batch,
            batch_format="numpy",
            local_shuffle_buffer_size=max(SHUFFLE_ROWS, self._batch) if shuffled else None,
            local_shuffle_seed=(self._seed * 1_000_003 + number) % 2**31 if shuffled else None,
        )
        for part in rows:
            yield np.asarray(part[IMAGE], dtype=np.uint8)
