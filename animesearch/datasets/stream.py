"""Packed images as a Ray Data set, for ``mode: stream``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import pyarrow as pa

from animesearch.datasets.batches import IMAGE
from animesearch.datasets.packed import PackedDataset
from animesearch.datasets.shared import PackedAt

if TYPE_CHECKING:
    import numpy as np
    import ray.data
    from numpy.typing import NDArray

STREAM_BYTES: Final = 16 * 1024 * 1024
"""Pixels in one block of a stream."""


def stream_dataset(packed: PackedDataset, at: PackedAt | None = None) -> ray.data.Dataset:
    """The images for training as rows ``{"image": uint8 (C, H, W)}`` of a lazy Ray data set.

    A few large blocks, each read from the mapped file by a task of its own; every node that
    reads must see ``packed.folder``, or find the set as ``at`` says.  The caller gives it CPUs
    that no trial occupies (otherwise the read waits for ever), and shuffles locally (see
    ``StreamBatches``).
    """
    import ray.data

    rows = max(1, STREAM_BYTES // packed.images_NCHW[0].nbytes)
    count = packed.train_count
    blocks = [
        pa.table({"start": [start], "stop": [min(start + rows, count)]})
        for start in range(0, count, rows)
    ]
    place = at or PackedAt(packed.folder, packed.pixels_digest)
    return ray.data.from_arrow(blocks).map_batches(
        _read_rows, batch_size=None, batch_format="pyarrow", fn_kwargs={"at": place}
    )


def _read_rows(block: pa.Table, at: PackedAt) -> Iterator[dict[str, NDArray[np.uint8]]]:
    images_NCHW = at.open().images_NCHW
    for span in block.to_pylist():
        yield {IMAGE: images_NCHW[span["start"] : span["stop"]].copy()}
