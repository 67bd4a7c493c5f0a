"""Images and generators measured against reals, without a search."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from animesearch.datasets.drawing.face import draw_face
from animesearch.datasets.packed import PackedDataset
from animesearch.errors import DataError, UnknownNameError, UserError
from animesearch.metrics.features import FEATURES
from animesearch.metrics.reals import RealImages
from animesearch.tuning.evaluation import Request, chosen_measures, evaluate
from tests.datasets.preparing import write_prepared
from tests.trainers.runs import DCGAN, make_run

QUICK = {"features": "random", "measures": ("frechet", "kid", "precision-recall")}


def silent(_stage: str, _done: int, _total: int) -> None:
    return


def faces(folder: Path, start: int, count: int, size: int = 24) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(start, start + count):
        Image.fromarray(draw_face(0, number, size)[0]).save(folder / f"{number:03d}.png")
    return folder


@pytest.fixture(scope="module")
def reals(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return faces(tmp_path_factory.mktemp("reals"), 0, 60)


@pytest.fixture(scope="module")
def others(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return faces(tmp_path_factory.mktemp("others"), 60, 60)


def measured(tmp: Path, images: Path, against: Path, **options: object) -> dict[str, float]:
    request = Request(str(images), str(against), **{**QUICK, **options})  # type: ignore[arg-type]
    return evaluate(request, tmp / "cache", silent).values


def test_a_set_against_itself(reals: Path, tmp_path: Path) -> None:
    values = measured(tmp_path, reals, reals)
    assert values["frechet"] == pytest.approx(0, abs=1e-6)
    assert values["precision"] == values["recall"] == 1


def test_other_faces_are_nearer_than_noise(reals: Path, others: Path, tmp_path: Path) -> None:
    noise = tmp_path / "noise"
    noise.mkdir()
    rng = np.random.default_rng(0)
    for number in range(60):
        pixels = rng.integers(0, 256, (24, 24, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(noise / f"{number}.png")
    near, far = (measured(tmp_path, images, reals) for images in (others, noise))
    assert near["frechet"] < far["frechet"] / 2
    assert near["kid"] < far["kid"]
    assert near["recall"] > far["recall"]


def test_neither_order_nor_batches_count(reals: Path, others: Path, tmp_path: Path) -> None:
    """The container gives the images in another order; KID's subsets follow the names."""
    archive = Path(shutil.make_archive(str(tmp_path / "others"), "zip", others))
    whole = measured(tmp_path, others, reals)
    assert measured(tmp_path, archive, reals, batch=7) == pytest.approx(whole, rel=1e-4, abs=1e-7)


def test_images_of_several_sizes(reals: Path, tmp_path: Path) -> None:
    mixed = faces(faces(tmp_path / "mixed", 0, 30), 30, 30, size=40)
    assert measured(tmp_path, mixed, reals)["frechet"] > 0
    square = measured(tmp_path, mixed, reals, size=16)
    assert square["frechet"] != measured(tmp_path, mixed, reals)["frechet"]


def test_what_cannot_be_read_is_counted(reals: Path, tmp_path: Path) -> None:
    broken = shutil.copytree(reals, tmp_path / "broken")
    (broken / "x.png").write_bytes(b"no image")
    found = evaluate(Request(str(broken), str(reals), **QUICK), tmp_path / "cache", silent)  # type: ignore[arg-type]
    assert found.counts == {"images": 60, "against": 60}
    assert found.left_out["images"] == {"not-an-image": 1}
    assert found.metric == "fd-random"


def test_the_generator_of_a_run(reals: Path, tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", DCGAN)
    one = measured(tmp_path, run.path, reals, samples=40)
    assert one == measured(tmp_path, run.path, reals, samples=40, trial="t0000", batch=9)
    assert one != measured(tmp_path, run.path, reals, samples=40, first=40)
    with pytest.raises(UserError, match="draws 16 px, so --size 32"):
        measured(tmp_path, run.path, reals, size=32)


def test_held_out_reals_show_memorisation(reals: Path, others: Path, tmp_path: Path) -> None:
    """Copies of the training images stand out; fresh ones do not."""
    held = faces(tmp_path / "held", 120, 60)
    options = {"measures": ("nearest",), "held": str(held)}
    copied = measured(tmp_path, reals, reals, **options)
    fresh = measured(tmp_path, others, reals, **options)
    assert copied["nearest_median"] == pytest.approx(0, abs=1e-3)
    changed = [name for name in copied if name not in {"nearest_median", "nearest_p5"}]
    assert changed and all(copied[name] != fresh[name] for name in changed)


def test_all_means_what_the_features_allow() -> None:
    names = {spec.name for spec in chosen_measures(("all",), logits=False)}
    assert "inception-score" not in names and "frechet" in names
    assert "inception-score" in {spec.name for spec in chosen_measures(("all",), logits=True)}
    with pytest.raises(UnknownNameError, match="did you mean 'kid'"):
        chosen_measures(("kidd",), logits=True)


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"trial": "t0000"}, UserError, "--trial needs a run folder"),
        ({"features": "auto", "policy": "clean"}, UserError, "--policy needs --features"),
        ({"against": "missing"}, DataError, "missing"),
        ({"measures": ("frechet", "frechet")}, UserError, "ask for frechet once"),
        ({"measures": ("inception-score",)}, UserError, "measures: density-coverage, frechet"),
        ({"features": "rando"}, UserError, "--features.*did you mean 'random'.*, auto"),
        ({"policy": "cleen"}, UserError, "--policy 'cleen'.*'pytorch-fid' or 'clean'"),
    ],
)
def test_mistakes(
    changes: dict[str, Any], error: type[Exception], words: str, reals: Path, tmp_path: Path
) -> None:
    options = {"images": str(reals), "against": str(reals), **QUICK, **changes}
    with pytest.raises(error, match=words):
        evaluate(Request(**options), tmp_path / "cache", silent)


def test_a_part_of_the_images_is_of_every_class(reals: Path, tmp_path: Path) -> None:
    """The first by name would be those of one folder."""
    classes = tmp_path / "classes"
    for number, path in enumerate(sorted(reals.iterdir())):
        place = classes / ("a" if number < 30 else "b")
        place.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, place)
    evenly = tmp_path / "evenly"
    evenly.mkdir()
    for path in sorted(reals.iterdir())[::3]:
        shutil.copy(path, evenly)
    part = measured(tmp_path, classes, reals, samples=20)
    assert part == pytest.approx(measured(tmp_path, evenly, reals), rel=1e-4)
    assert measured(tmp_path, classes, reals, samples=500) == measured(tmp_path, classes, reals)


def test_reals_become_square_as_those_of_the_run_did(tmp_path: Path) -> None:
    """Another resize makes other reals, and a distance to what the generator never saw."""
    wide = faces(tmp_path / "wide", 0, 20)
    for path in wide.iterdir():
        with Image.open(path) as picture:
            picture.crop((0, 0, 24, 12)).save(path)
    run = make_run(tmp_path / "run", DCGAN)
    asked = {resize: measured(tmp_path, run.path, wide, samples=20, resize=resize)
             for resize in (None, "stretch", "letterbox")}  # fmt: skip
    assert asked[None] == asked["stretch"] != asked["letterbox"]
    info = run.info()
    options = {"resize": "letterbox", "background": [255, 255, 255], "source": {"name": "none"}}
    run.write_info(info.model_copy(update={"dataset": {**info.dataset, "options": options}}))
    assert measured(tmp_path, run.path, wide, samples=20) == asked["letterbox"]
    assert measured(tmp_path, run.path, wide, samples=20, resize="stretch") == asked["stretch"]
    black = {**options, "background": [0, 0, 0]}
    run.write_info(info.model_copy(update={"dataset": {**info.dataset, "options": black}}))
    assert measured(tmp_path, run.path, wide, samples=20) not in asked.values()
    none = {**options, "resize": "squeeze"}
    run.write_info(info.model_copy(update={"dataset": {**info.dataset, "options": none}}))
    with pytest.raises(UserError, match=r"run\.json does not say how images became square"):
        measured(tmp_path, run.path, wide, samples=20)


def searched(packed: PackedDataset, cache: Path) -> None:
    """What a search over a prepared set keeps of it."""
    spec = FEATURES.parse("random")
    list(RealImages(packed.images_NCHW, spec, packed.pixels_digest, cache=cache).measured([20]))


def test_a_search_and_evaluate_keep_the_features_of_a_prepared_set_once(
    reals: Path, others: Path, tmp_path: Path, passed: list[int]
) -> None:
    """Whichever comes first, held-out images or not, grey or not; other pixels are another set."""
    packed = write_prepared(tmp_path / "set", reals, size=24, holdout=0.25)
    assert packed.names != sorted(packed.names), "held-out images stand last"
    first = measured(tmp_path, others, packed.folder)
    assert first["frechet"] == pytest.approx(measured(tmp_path, others, reals)["frechet"], rel=1e-4)
    passed.clear()
    searched(packed, tmp_path / "cache")
    of_the_cache, computed = (
        RealImages(packed.images_NCHW, FEATURES.parse("random"), packed.pixels_digest, cache=cache)
        for cache in (tmp_path / "cache", None)
    )
    kept_ND = of_the_cache.features(range(60))
    assert sum(passed) == 0, "evaluate has kept them"
    np.testing.assert_allclose(kept_ND, computed.features(range(60)), rtol=1e-5, atol=1e-6)
    passed.clear()
    searched(packed, tmp_path / "other" / "cache")
    assert sum(passed) == 60
    found = measured(tmp_path / "other", others, packed.folder, size=24)
    assert found == pytest.approx(first, rel=1e-6) and sum(passed) == 60 + 60, "the judged ones"
    measured(tmp_path / "other", others, packed.folder, size=16)
    assert sum(passed) == 120 + 120, "made smaller they are others"
    mixed = [one for one in kept_files(tmp_path / "other" / "cache") if ".features" in one.name]
    assert len(mixed) == 2


def kept_files(cache: Path) -> list[Path]:
    return sorted((cache / "features").iterdir())


def test_the_second_time_reals_are_not_passed_again(
    reals: Path, others: Path, tmp_path: Path, passed: list[int]
) -> None:
    """The same numbers to the bit, of every measure that needs the reals; held-out ones too."""
    held = faces(tmp_path / "held", 120, 20)
    options = {"measures": ("all",), "held": str(held)}
    first = measured(tmp_path, others, reals, **options)
    assert sum(passed) == 60 + 60 + 20
    assert measured(tmp_path, others, reals, **options) == first
    assert sum(passed) == 140 + 60, "the judged images alone"
    assert measured(tmp_path, reals, reals)["frechet"] == pytest.approx(0, abs=1e-6)


def test_content_makes_the_key_not_the_place(
    reals: Path, others: Path, tmp_path: Path, passed: list[int]
) -> None:
    first = measured(tmp_path, others, reals)
    moved = shutil.copytree(reals, tmp_path / "moved")
    archive = Path(shutil.make_archive(str(tmp_path / "packed"), "tar", reals))
    assert measured(tmp_path, others, moved) == measured(tmp_path, others, archive) == first
    assert sum(passed) == 60 + 3 * 60 and len(kept_files(tmp_path / "cache")) == 1
    (moved / "000.png").write_bytes((others / "060.png").read_bytes())
    assert measured(tmp_path, others, moved) != first
    assert sum(passed) == 240 + 120 and len(kept_files(tmp_path / "cache")) == 2


@pytest.mark.parametrize(
    "changes",
    [
        {"policy": "clean"},
        {"size": 16},
        {"size": 32, "resize": "letterbox"},
        {"features": "lite0"},
    ],
)
def test_what_pixels_and_features_depend_on_is_another_key(
    reals: Path, tmp_path: Path, passed: list[int], changes: dict[str, object]
) -> None:
    few, judged = (faces(tmp_path / name, start, 8) for name, start in (("a", 0), ("b", 20)))
    one = measured(tmp_path, judged, few, measures=("frechet",))
    other = measured(tmp_path, judged, few, measures=("frechet",), **changes)
    assert sum(passed) == 4 * 8 and len(kept_files(tmp_path / "cache")) == 2
    alone = measured(tmp_path / "alone", judged, few, measures=("frechet",), **changes)
    assert other == alone != one


def test_how_images_become_square_is_another_key(tmp_path: Path) -> None:
    wide, judged = (faces(tmp_path / name, start, 8) for name, start in (("a", 0), ("b", 20)))
    for path in wide.iterdir():
        with Image.open(path) as picture:
            picture.crop((0, 0, 24, 12)).save(path)
    found = {
        resize: measured(tmp_path, judged, wide, measures=("frechet",), size=16, resize=resize)
        for resize in ("stretch", "letterbox", "centre-crop")
    }
    assert len({values["frechet"] for values in found.values()}) == 3
    assert len(kept_files(tmp_path / "cache")) == 3


def test_reals_are_grey_for_a_grey_generator(
    reals: Path, tmp_path: Path, passed: list[int]
) -> None:
    grey = make_run(tmp_path / "grey", DCGAN, channels=1)
    colour = make_run(tmp_path / "colour", DCGAN)
    for run in (grey, colour, grey, colour):
        assert measured(tmp_path, run.path, reals, samples=8)["frechet"] > 0
    assert sum(passed) == 4 * 8 + 2 * 60 and len(kept_files(tmp_path / "cache")) == 2


def test_a_damaged_file_is_computed_again(
    reals: Path, others: Path, tmp_path: Path, passed: list[int], caplog: pytest.LogCaptureFixture
) -> None:
    first = measured(tmp_path, others, reals)
    (path,) = kept_files(tmp_path / "cache")
    path.write_bytes(path.read_bytes()[:-50])
    assert measured(tmp_path, others, reals) == first
    assert "is damaged" in caplog.text and sum(passed) == 240
    assert measured(tmp_path, others, reals) == first
    assert sum(passed) == 300


def test_what_was_left_out_is_told_every_time(reals: Path, others: Path, tmp_path: Path) -> None:
    broken = shutil.copytree(reals, tmp_path / "broken")
    (broken / "000.png").write_bytes((reals / "000.png").read_bytes()[:60])
    (broken / "link.png").symlink_to(reals / "001.png")
    request = Request(str(others), str(broken), **QUICK)  # type: ignore[arg-type]
    first, second = (evaluate(request, tmp_path / "cache", silent) for _ in range(2))
    assert first.left_out == second.left_out
    assert sum(first.left_out["real images"].values()) == 2
    assert first.counts == second.counts == {"images": 60, "against": 59}


def test_files_that_change_while_they_are_read_are_not_kept(
    others: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = faces(tmp_path / "few", 0, 12)
    whole = measured(tmp_path, others, few)
    shutil.rmtree(tmp_path / "cache" / "features")

    def meddle(stage: str, done: int, _total: int) -> None:
        if stage == "features of the real images" and done == 1:
            (few / "005.png").write_bytes((others / "060.png").read_bytes())
            (few / "006.png").unlink()

    found = evaluate(Request(str(others), str(few), **QUICK), tmp_path / "cache", meddle)  # type: ignore[arg-type]
    assert found.left_out["real images"] == {"changed": 2}
    assert not (tmp_path / "cache" / "features").exists()
    faces(few, 5, 2)
    assert measured(tmp_path, others, few) == whole


def made(folder: Path, count: int, kind: str) -> Path:
    """Images that have no distance, with a file that is no image."""
    folder.mkdir()
    (folder / "notes.png").write_text("no image")
    rng = np.random.default_rng(0)
    for number in range(count):
        noise = rng.integers(0, 256, (24, 24, 3), dtype=np.uint8)
        pixels = noise if kind == "noise" else np.full_like(noise, 90)
        Image.fromarray(pixels).save(folder / f"{number}.png")
    return folder


@pytest.mark.parametrize(
    ("count", "kind", "words"),
    [
        (1, "noise", "no numbers: frechet needs at least 2 {word} images, there is 1"),
        (0, "noise", r"images \(.*\): there are no images to take features of"),
        (12, "constant", "no numbers: {all} have the same features"),
        (3, "noise", "precision-recall with k = 3 needs at least 4 images, there are 3"),
    ],
)
def test_images_without_numbers(
    others: Path, tmp_path: Path, count: int, kind: str, words: str
) -> None:
    """A clear error, never a number, whichever side they are on; the second time as well."""
    folder = made(tmp_path / "few", count, kind)
    real = {"word": "real", "all": "the real images: all 12 images"}
    generated = {"word": "generated", "all": "all fakes"}
    for images, against, said in ((others, folder, real), (folder, others, generated)):
        for _ in range(2):
            with pytest.raises(UserError, match=words.format(**said)):
                measured(tmp_path, images, against)


def test_kinds_of_channels_go_together(others: Path, reals: Path, tmp_path: Path) -> None:
    """Grey, with a palette, with transparency: all become colours."""
    mixed = tmp_path / "mixed"
    mixed.mkdir()
    for number, path in enumerate(sorted(reals.iterdir())):
        mode = ("RGB", "L", "RGBA", "P", "LA")[number % 5]
        with Image.open(path) as picture:
            picture.convert(mode).save(mixed / path.name)
    whole, changed = (measured(tmp_path, others, one) for one in (reals, mixed))
    assert changed != whole and changed["frechet"] == pytest.approx(whole["frechet"], rel=0.5)
