"""Real statistics: the cache is keyed by content, verified, and never trusted when broken."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from animesearch.errors import MetricError, MissingWeightsError
from animesearch.metrics.features import FEATURES
from animesearch.metrics.statistics import RealStatistics
from tests.metrics.samples import real_statistics, smooth_images

SPEC = FEATURES.parse({"name": "random", "dim": 12})
IMAGES = smooth_images(40)


def compute(cache: Path | None = None, digest: str = "d1", **options: object) -> RealStatistics:
    spec = FEATURES.parse({"name": "random", "dim": 12} | options)
    return real_statistics(IMAGES, spec, cache=cache, digest=digest)


def files(cache: Path) -> list[Path]:
    """Those of statistics."""
    found = sorted((cache / "features").iterdir())
    return [path for path in found if not path.name.endswith(".features.npz")]


def same(first: RealStatistics, second: RealStatistics) -> bool:
    return (
        np.array_equal(first.gaussian.mean, second.gaussian.mean)
        and np.array_equal(first.gaussian.factor, second.gaussian.factor)
        and (first.gaussian.trace, first.count) == (second.gaussian.trace, second.count)
        and first.identity == second.identity
    )


def test_factor_and_trace_are_those_of_the_covariance() -> None:
    import torch

    found = compute().gaussian
    features_ND = SPEC.build("cpu")(torch.from_numpy(IMAGES)).double().numpy()
    covariance_DD = np.cov(features_ND.T)
    np.testing.assert_allclose(found.factor @ found.factor.T, covariance_DD, atol=1e-6)
    assert found.trace == pytest.approx(np.trace(covariance_DD), rel=1e-5)


@pytest.mark.parametrize("batch", [1, 7, 40])
def test_batch_size_does_not_matter(batch: int) -> None:
    found = real_statistics(IMAGES, SPEC, digest="d", batch=batch).gaussian
    np.testing.assert_allclose(found.mean, compute().gaussian.mean, rtol=1e-5, atol=1e-6)
    assert found.trace == pytest.approx(compute().gaussian.trace, rel=1e-5)


def test_second_time_it_is_read(tmp_path: Path, passed: list[int]) -> None:
    first, second = compute(tmp_path), compute(tmp_path)
    assert sum(passed) == 40 and same(first, second)
    assert files(tmp_path) == [tmp_path / "features" / f"{first.key}.npz"]


def test_other_content_is_another_key(tmp_path: Path) -> None:
    keys = {
        compute(tmp_path).key,
        compute(tmp_path, digest="d2").key,
        compute(tmp_path, seed=1).key,
        compute(tmp_path, dim=13).key,
        real_statistics(IMAGES[:30], SPEC, cache=tmp_path, digest="d1").key,
    }
    assert len(keys) == len(files(tmp_path)) == 5


@pytest.mark.parametrize("damage", ["empty", "cut", "flipped", "text", "other"])
def test_a_broken_file_is_computed_again(tmp_path: Path, damage: str) -> None:
    good = compute(tmp_path)
    path = files(tmp_path)[0]
    content = bytearray(path.read_bytes())
    if damage == "flipped":
        place = content.find(np.float64(good.gaussian.mean[3]).tobytes())
        content[place] ^= 1
    elif damage == "other":
        content = bytearray(files_of_another(tmp_path / "b"))
    else:
        content = {
            "empty": bytearray(),
            "cut": content[:-200],
            "text": bytearray(b"no numbers"),
        }[damage]
    path.write_bytes(content)
    assert same(compute(tmp_path), good)
    assert same(RealStatistics.load(path), good)


def files_of_another(cache: Path) -> bytes:
    compute(cache, digest="another")
    return files(cache)[0].read_bytes()


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_no_flipped_byte_gives_other_numbers(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    good = compute()
    path = tmp_path_factory.mktemp("flip") / "file.npz"
    good.save(path)
    content = bytearray(path.read_bytes())
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] ^= data.draw(st.integers(1, 255))
    path.write_bytes(content)
    try:
        found = RealStatistics.load(path)
    except MetricError:
        return
    assert same(found, good)


def test_no_temporary_files_stay(tmp_path: Path) -> None:
    compute(tmp_path).save(tmp_path / "features" / "again.npz")
    assert [path.suffix for path in files(tmp_path)] == [".npz", ".npz"]


def test_a_cache_that_cannot_be_written_costs_only_time(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "features").write_text("a file where the folder should be")
    assert same(compute(tmp_path), compute())
    assert "not cached" in caplog.text


def test_missing_file() -> None:
    with pytest.raises(MetricError, match="no file of real statistics"):
        RealStatistics.load(Path("nowhere.npz"))


def test_refused_images(tmp_path: Path) -> None:
    with pytest.raises(MetricError, match="at least 2 real images"):
        real_statistics(IMAGES[:1], SPEC, digest="d")
    with pytest.raises(MetricError, match="no spread"):
        real_statistics(np.full_like(IMAGES, 7), SPEC, digest="d", cache=tmp_path)
    with pytest.raises(MetricError, match="uint8"):
        real_statistics(IMAGES.astype(np.float32), SPEC, digest="d")
    assert not (tmp_path / "features").exists()


def test_missing_weights_before_any_work(tmp_path: Path) -> None:
    spec = FEATURES.parse({"name": "inception", "weights": str(tmp_path / "absent.pth")})
    with pytest.raises(MissingWeightsError):
        real_statistics(IMAGES, spec, digest="d")


def test_read_only_memory_maps_are_welcome(tmp_path: Path) -> None:
    np.save(tmp_path / "images.npy", IMAGES)
    mapped = np.load(tmp_path / "images.npy", mmap_mode="r")
    assert same(real_statistics(mapped, SPEC, digest="d1"), compute())
