"""Statistics of the real images' features, cached under their content.

The cache key hashes the data's digest, the features with the digest of their weights, the
resize policy and this file's version.  A cached file is verified when read; one that is broken,
or belongs to another key, is computed again (see :mod:`animesearch.metrics.reals`).
"""

from __future__ import annotations

import hashlib
import io
import json
import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from animesearch.errors import MetricError
from animesearch.files import canonical_json, content_id, write_atomic
from animesearch.metrics.features.base import FeatureNetwork, FeatureSpec
from animesearch.metrics.frechet import GaussianFactor
from animesearch.metrics.gaussian import Array
from animesearch.metrics.kept import BROKEN

VERSION = 1
# On one thread torch takes slow kernels up to 16 images, and where one activation passes 32 MB
# (lite0 at 96 pixels: from 38 images on) glibc maps it afresh each time.
CPU_BATCH = 32
GPU_BATCH = 256

Images = npt.NDArray[np.uint8]

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RealStatistics:
    """The reals' Gaussian over one feature network, and what it was computed from.

    ``identity`` is plain JSON: version, data digest, features (options and weights), resize
    policy, image shape (C, H, W) and count.  ``key`` is its hash.
    """

    gaussian: GaussianFactor
    identity: Mapping[str, Any]

    @property
    def key(self) -> str:
        """Hex hash of ``identity``; names the file in the cache."""
        return identity_key(self.identity)

    @property
    def count(self) -> int:
        """Number of real images."""
        return self.gaussian.count

    @property
    def shape(self) -> tuple[int, int, int]:
        """(channels, height, width) of the real images."""
        channels, height, width = self.identity["shape"]
        return int(channels), int(height), int(width)

    def save(self, path: Path) -> None:
        """Writes a ``.npz`` file atomically, with a SHA-256 over its content."""
        gaussian = self.gaussian
        arrays: dict[str, npt.NDArray[Any]] = {
            "mean_D": gaussian.mean,
            "factor_DR": gaussian.factor,
            "trace": np.array(gaussian.trace, dtype=np.float64),
            "count": np.array(gaussian.count, dtype=np.int64),
            "identity": np.array(canonical_json(self.identity)),
        }
        buffer = io.BytesIO()
        np.savez(buffer, allow_pickle=False, sha256=np.array(_digest(arrays)), **arrays)
        write_atomic(path, buffer.getvalue())

    @classmethod
    def load(cls, path: Path) -> RealStatistics:
        """Reads and verifies a file of :meth:`save`; :class:`MetricError` if it is broken."""
        try:
            with np.load(path, allow_pickle=False) as file:
                arrays = {name: file[name] for name in file.files}
            whole = str(arrays.pop("sha256")) == _digest(arrays)
            identity = json.loads(str(arrays["identity"]))
            gaussian = _gaussian(arrays)
        except BROKEN as error:
            raise MetricError(f"{path} is no file of real statistics: {error}") from error
        if not whole:
            raise MetricError(f"{path} is damaged: its content does not match its SHA-256")
        return cls(gaussian, identity)


def features_of(
    images_NCHW: Images, network: FeatureNetwork, batch: int | None = None
) -> Iterator[npt.NDArray[np.float32]]:
    """Features (B, D) of all images, batch by batch in order; ``batch`` by device if None."""
    import torch

    size = batch or default_batch(network.device)
    for start in range(0, len(images_NCHW), size):
        # A copy: memory-mapped arrays are read-only, which torch tensors cannot be.
        x_BCHW = torch.from_numpy(images_NCHW[start : start + size].copy())
        yield network(x_BCHW).cpu().numpy()


def default_batch(device: str) -> int:
    """Images per pass of the feature network that suit ``device``."""
    return CPU_BATCH if device.split(":", maxsplit=1)[0] == "cpu" else GPU_BATCH


def real_identity(spec: FeatureSpec, digest: str, shape: tuple[int, ...]) -> dict[str, Any]:
    """What real statistics depend on; ``shape`` is (N, C, H, W)."""
    return {
        "version": VERSION,
        "data": digest,
        "features": spec.identity(),
        "metric": spec.metric_name,
        "resize": spec.resize,
        "count": int(shape[0]),
        "shape": [int(side) for side in shape[1:]],
    }


def identity_key(identity: Mapping[str, Any]) -> str:
    """32 hex digits of the SHA-256 of the canonical JSON."""
    return content_id(identity, length=32)


def statistics_path(cache: Path, identity: Mapping[str, Any]) -> Path:
    """Where the statistics of this identity lie."""
    return cache / "features" / f"{identity_key(identity)}.npz"


def known_statistics(path: Path, identity: Mapping[str, Any]) -> RealStatistics | None:
    """What stands there of this identity; a file that is broken is told in a warning."""
    if not path.exists():
        return None
    try:
        found = RealStatistics.load(path)
    except MetricError as error:
        _log.warning("%s; computing it again", error)
        return None
    return found if canonical_json(found.identity) == canonical_json(identity) else None


def keep_statistics(found: RealStatistics, path: Path) -> None:
    """A cache that cannot be written (full or read-only disk) costs time, not the result."""
    try:
        found.save(path)
    except OSError as error:
        _log.warning("the real statistics are not cached: %s", error)


def _digest(arrays: Mapping[str, npt.NDArray[Any]]) -> str:
    total = hashlib.sha256()
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        total.update(f"{name}:{array.dtype.str}:{array.shape}:".encode())
        total.update(array.tobytes())
    return total.hexdigest()


def _gaussian(arrays: Mapping[str, npt.NDArray[Any]]) -> GaussianFactor:
    mean_D: Array = arrays["mean_D"]
    factor_DR: Array = arrays["factor_DR"]
    if factor_DR.ndim != 2 or len(factor_DR) != len(mean_D):
        raise ValueError(f"mean {mean_D.shape} and factor {factor_DR.shape} do not fit")
    return GaussianFactor(mean_D, factor_DR, float(arrays["trace"]), int(arrays["count"]))
