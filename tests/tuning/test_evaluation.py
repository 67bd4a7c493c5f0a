"""Images and generators measured against reals, without a search."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from animesearch.datasets.drawing.face import draw_face
from animesearch.errors import DataError, UnknownNameError, UserError
from animesearch.tuning.evaluation import Request, chosen_measures, evaluate
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
    ],
)
def test_mistakes(
    changes: dict[str, str], error: type[Exception], words: str, reals: Path, tmp_path: Path
) -> None:
    options = {"images": str(reals), "against": str(reals), **QUICK, **changes}
    with pytest.raises(error, match=words):
        evaluate(Request(**options), tmp_path / "cache", silent)
