"""One pass over the reals feeds everything, and is not made again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from animesearch.errors import MetricError
from animesearch.metrics import kept
from animesearch.metrics.features import FEATURES
from animesearch.metrics.frechet import GaussianFactor
from animesearch.metrics.memorisation import references
from animesearch.metrics.neighbours import nearest_in_parts
from animesearch.metrics.reals import RealImages, Reals
from tests.metrics.samples import Images, smooth_images

SPEC = FEATURES.parse({"name": "random", "dim": 12})
IMAGES = smooth_images(70, seed=1)


def reals(cache: Path | None, images: Images = IMAGES, **options: Any) -> RealImages:
    return RealImages(images, options.pop("spec", SPEC), "d1", cache=cache, **options)


def measured(images: RealImages, *samples: int) -> tuple[list[int], Reals]:
    *told, found = images.measured(samples or (20,))
    assert isinstance(found, Reals) and all(isinstance(done, int) for done in told)
    return [int(done) for done in told if isinstance(done, int)], found


def same(first: GaussianFactor, second: GaussianFactor) -> bool:
    arrays = zip((first.mean, first.factor), (second.mean, second.factor), strict=True)
    equal = all(np.array_equal(one, other) for one, other in arrays)
    return equal and (first.trace, first.count) == (second.trace, second.count)


def test_one_pass_feeds_everything(tmp_path: Path, passed: list[int]) -> None:
    told, first = measured(reals(tmp_path))
    assert told == [32, 64, 70] and sum(passed) == 70
    told, second = measured(reals(tmp_path))
    assert told == [] and second.floors == first.floors
    assert same(first.statistics.gaussian, second.statistics.gaussian)
    again = reals(tmp_path)
    found = references(50, 20, again.features)
    index_M, _ = nearest_in_parts(again.parts(range(0, 50, 2)), again.features(range(4, 7, 2)))
    assert found is not None and found.held.count == 20 and index_M.tolist() == [2, 3]
    measured(again, 10)
    assert sum(passed) == 70, "another floor needs no other pass"


def test_statistics_follow_from_kept_features_to_the_bit(tmp_path: Path, passed: list[int]) -> None:
    _, first = measured(reals(tmp_path))
    for path in (tmp_path / "features").iterdir():
        if not path.name.endswith(".features.npz"):
            path.unlink()
    told, second = measured(reals(tmp_path))
    assert told == [70] and sum(passed) == 70
    assert same(first.statistics.gaussian, second.statistics.gaussian)
    assert second.floors == first.floors
    fitted = GaussianFactor.fitted(reals(tmp_path).features(range(70)))
    assert same(first.statistics.gaussian, fitted)


def test_without_a_cache_all_is_the_same(tmp_path: Path, passed: list[int]) -> None:
    (_, kept_ones), (_, others) = measured(reals(tmp_path)), measured(reals(None))
    assert same(kept_ones.statistics.gaussian, others.statistics.gaussian)
    assert kept_ones.floors == others.floors
    assert sum(passed) == 140
    rows = np.array([1, 40, 69])
    np.testing.assert_allclose(
        reals(None).features(rows), reals(tmp_path).features(rows), rtol=1e-5, atol=1e-6
    )
    assert sum(passed) == 143, "without a cache the rows alone are computed"


def test_a_cache_from_before_gets_its_features(tmp_path: Path, passed: list[int]) -> None:
    _, first = measured(reals(tmp_path))
    (path,) = tmp_path.rglob("*.features.npz")
    path.unlink()
    told, second = measured(reals(tmp_path))
    assert told[-1] == 70 and path.exists() and sum(passed) == 140
    assert same(first.statistics.gaussian, second.statistics.gaussian)


def test_damaged_features_are_computed_again(
    tmp_path: Path, passed: list[int], caplog: pytest.LogCaptureFixture
) -> None:
    measured(reals(tmp_path))
    whole = reals(tmp_path).features(range(70))
    (path,) = tmp_path.rglob("*.features.npz")
    content = bytearray(path.read_bytes())
    content[content.find(whole[33].tobytes())] ^= 1
    path.write_bytes(content)
    assert np.array_equal(reals(tmp_path).features(range(70)), whole)
    assert sum(passed) == 140 and "is damaged" in caplog.text
    measured(reals(tmp_path))
    assert sum(passed) == 210, "the next search keeps them again"
    assert np.array_equal(reals(tmp_path).features(range(70)), whole) and sum(passed) == 210


@pytest.mark.parametrize(
    "other",
    [
        {"spec": FEATURES.parse({"name": "random", "dim": 12, "seed": 1})},
        {"spec": FEATURES.parse({"name": "random", "dim": 13})},
        {"spec": FEATURES.parse({"name": "random", "dim": 12, "policy": "clean"})},
        {"images": IMAGES[:69]},
        {"images": IMAGES[:, :, :16]},
        {"images": IMAGES[:, :1]},
    ],
)
def test_what_features_depend_on_is_another_key(
    tmp_path: Path, passed: list[int], other: dict[str, Any]
) -> None:
    measured(reals(tmp_path))
    changed = reals(tmp_path, **other)
    count = len(changed.images_NCHW)
    _, found = measured(changed)
    assert sum(passed) == 70 + count
    assert same(found.statistics.gaussian, measured(reals(None, **other))[1].statistics.gaussian)


def test_too_many_features_are_not_kept(
    tmp_path: Path,
    passed: list[int],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """What is known without them is cached as ever."""
    _, usual = measured(reals(None))
    monkeypatch.setattr(kept, "MOST_BYTES", 70 * 12 * 4 - 1)
    _, found = measured(reals(tmp_path))
    assert not [*tmp_path.rglob("*.features.npz")]
    assert "features of 70 images take" in caplog.text
    assert same(found.statistics.gaussian, usual.statistics.gaussian)
    assert found.floors == usual.floors
    assert measured(reals(tmp_path))[0] == [] and sum(passed) == 140


def test_few_images_have_no_floor_and_one_no_statistics(tmp_path: Path) -> None:
    assert measured(reals(tmp_path, IMAGES[:3]))[1].floors == {}
    with pytest.raises(MetricError, match="at least 2 real images, there is 1"):
        measured(reals(tmp_path, IMAGES[:1]))
    with pytest.raises(MetricError, match="no spread"):
        measured(reals(tmp_path, np.full_like(IMAGES, 9)))


def test_missing_places_are_refused(tmp_path: Path, passed: list[int]) -> None:
    measured(reals(tmp_path))
    with pytest.raises(IndexError, match="images 70 to 70 of 70"):
        reals(tmp_path).features(np.array([70]))


def test_a_full_disk_costs_only_time(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "features").write_text("a file where the folder should be")
    _, found = measured(reals(tmp_path))
    assert found.floors.keys() == {20}
    assert caplog.text.count("not cached") == 2 and caplog.text.count("not kept") == 1
