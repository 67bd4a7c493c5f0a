"""``generate``: every way of drawing, from trials that were really trained."""

from __future__ import annotations

import math
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from PIL import Image
from torch import Tensor

from animesearch.errors import RunFolderError, UnknownNameError, UnsupportedError, UserError
from animesearch.results.folder import RunFolder
from animesearch.trainers.checkpoint import best_checkpoint
from animesearch.trainers.generate import Drawing, generate, shares_of
from animesearch.trainers.latents import sample_latents
from animesearch.trainers.mixing import parse_layers, slerp
from animesearch.trainers.models import Frame, load_discriminator, load_generator
from animesearch.trainers.modules.networks import StyleGenerator
from animesearch.trainers.sampling import Sampler, grid_image
from tests.trainers.runs import AUTOENCODER, DCGAN, PROGAN, STYLEGAN2, make_run

CELL = 16 + 2
CLASSES = {"red": 0.5, "blue": 0.25, "1": 0.25}
DCGAN_TRIAL, STYLE_TRIAL, PROGAN_TRIAL = "t0000", "t0001", "t0002"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return make_run(tmp_path_factory.mktemp("run") / "r", DCGAN, STYLEGAN2, PROGAN)


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return make_run(tmp_path_factory.mktemp("labelled") / "r", STYLEGAN2, classes=CLASSES)


def checkpoint(run: RunFolder, trial: str) -> Path:
    path = best_checkpoint(run.checkpoints(trial))
    assert path is not None
    return path


def sampler(run: RunFolder, trial: str, **options: Any) -> Sampler:
    trained = load_generator(checkpoint(run, trial))
    return Sampler(trained.generator, class_shares=trained.frame.class_shares, **options)


def pixels(path: Path) -> npt.NDArray[np.int16]:
    with Image.open(path) as image:
        return np.asarray(image).astype(np.int16)


def cell(sheet: npt.NDArray[np.int16], row: int, column: int, cell: int = CELL) -> Any:
    """An image of a sheet, channels first."""
    top, left = row * cell, column * cell
    return sheet[top : top + cell - 2, left : left + cell - 2].transpose(2, 0, 1)


def near(one: Any, other: Any) -> bool:
    """The same up to the rounding of another split into batches."""
    return bool(np.abs(np.asarray(one, np.int16) - np.asarray(other, np.int16)).max() <= 1)


def draw(run: RunFolder, out: Path, trial: str, **options: Any) -> npt.NDArray[np.int16]:
    generate(run.path, out, trial, Drawing(**options))
    return pixels(out)


# -- plain -----------------------------------------------------------------------------------------


def test_the_same_seed_is_the_same_picture(run: RunFolder, tmp_path: Path) -> None:
    words = generate(run.path, tmp_path / "a.png", None, Drawing(count=5))
    assert words == f"5 images of {DCGAN_TRIAL} in {tmp_path / 'a.png'}"
    generate(run.path, tmp_path / "b.png", DCGAN_TRIAL, Drawing(count=5))
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    expected = grid_image(sampler(run, DCGAN_TRIAL)(0, 5).numpy(), columns=3)
    assert np.array_equal(pixels(tmp_path / "a.png"), np.asarray(expected))
    moved = draw(run, tmp_path / "c.png", DCGAN_TRIAL, count=5, first=2)
    assert near(cell(moved, 0, 0), cell(pixels(tmp_path / "a.png"), 0, 2))
    assert not near(cell(moved, 0, 0), cell(pixels(tmp_path / "a.png"), 0, 0))


def test_64_images_unless_said(run: RunFolder, tmp_path: Path) -> None:
    assert draw(run, tmp_path / "a.png", DCGAN_TRIAL).shape == (8 * CELL - 2, 8 * CELL - 2, 3)


@pytest.mark.parametrize(("ending", "kind"), [("jpg", "JPEG"), ("JPEG", "JPEG"), ("webp", "WEBP")])
def test_other_formats(run: RunFolder, tmp_path: Path, ending: str, kind: str) -> None:
    plain = draw(run, tmp_path / "a.png", DCGAN_TRIAL, count=4)
    other = draw(run, tmp_path / f"a.{ending}", DCGAN_TRIAL, count=4)
    with Image.open(tmp_path / f"a.{ending}") as image:
        assert image.format == kind
    error = np.abs(plain - other).mean()
    assert error == 0 if kind == "WEBP" else error < 6


@pytest.mark.parametrize("name", ["a.gif", "a", "a.pdf", ".png"])
def test_names_of_no_picture_are_refused(run: RunFolder, tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError, match=r"allowed: \.png, \.jpg, \.jpeg, \.webp"):
        generate(run.path, tmp_path / name, None, Drawing())
    assert not list(tmp_path.iterdir())


def test_places_that_cannot_be_written_are_told(run: RunFolder, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"cannot write .*a\.png"):
        generate(run.path, tmp_path / "file" / "a.png", None, Drawing(count=1))


def test_a_picture_too_large_for_its_format_is_told(tmp_path: Path) -> None:
    from animesearch.trainers.pictures import save_picture

    with pytest.raises(UserError, match=r"cannot write .*a\.webp"):
        save_picture(Image.new("L", (20_000, 2)), tmp_path / "a.webp")
    assert not list(tmp_path.iterdir())


def test_a_damaged_checkpoint_is_told_in_one_line(run: RunFolder, tmp_path: Path) -> None:
    shutil.copytree(run.path, tmp_path / "r")
    path = checkpoint(RunFolder(tmp_path / "r"), DCGAN_TRIAL)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(RunFolderError, match=r"^t0000: .* is damaged") as told:
        generate(tmp_path / "r", tmp_path / "a.png", None, Drawing())
    assert "\n" not in str(told.value)


# -- truncation ------------------------------------------------------------------------------------


@pytest.mark.parametrize("trial", [DCGAN_TRIAL, STYLE_TRIAL])
def test_truncation_goes_from_one_face_to_all(run: RunFolder, tmp_path: Path, trial: str) -> None:
    spreads = []
    for psi in (0.0, 0.5, 1.0):
        sheet = draw(run, tmp_path / "a.png", trial, count=9, truncation=psi)
        faces = np.stack([cell(sheet, number // 3, number % 3) for number in range(9)])
        spreads.append(float(np.abs(faces - faces[0]).mean()))
    assert spreads[0] == 0 < spreads[1] < spreads[2]
    assert near(faces, sampler(run, trial)(0, 9))


def test_truncated_styles_lie_between_the_mean_and_their_own(
    run: RunFolder, tmp_path: Path
) -> None:
    sheet = draw(run, tmp_path / "a.png", STYLE_TRIAL, count=4, truncation=0.7)
    drawing = sampler(run, STYLE_TRIAL)
    generator = drawing.generator
    assert isinstance(generator, StyleGenerator)
    with torch.no_grad():
        own_BW = generator.mapping(drawing.inputs(0, 4).z_BZ)
        mean_W = generator.mean_style()
        w_BLW = (mean_W + 0.7 * (own_BW - mean_W))[:, None].repeat(1, generator.layers, 1)
        expected = drawing.pixels(generator.synthesis(w_BLW))
    assert near(np.stack([cell(sheet, n // 2, n % 2) for n in range(4)]), expected)


def test_a_truncation_that_changes_nothing_is_refused(run: RunFolder, tmp_path: Path) -> None:
    """PGGAN normalises z."""
    with pytest.raises(UnsupportedError, match=r"0\.5 changes nothing.*'progan'"):
        generate(run.path, tmp_path / "a.png", PROGAN_TRIAL, Drawing(truncation=0.5))


# -- interpolation ---------------------------------------------------------------------------------


@pytest.mark.parametrize("trial", [DCGAN_TRIAL, STYLE_TRIAL, PROGAN_TRIAL])
def test_ends_of_rows_are_the_plain_samples(run: RunFolder, tmp_path: Path, trial: str) -> None:
    sheet = draw(run, tmp_path / "a.png", trial, count=3, interpolate=5, first=7)
    assert sheet.shape == (3 * CELL - 2, 5 * CELL - 2, 3)
    plain = sampler(run, trial)(7, 6).numpy()
    for row in range(3):
        assert near(cell(sheet, row, 0), plain[2 * row])
        assert near(cell(sheet, row, 4), plain[2 * row + 1])


def test_rows_are_eight_unless_said(run: RunFolder, tmp_path: Path) -> None:
    assert draw(run, tmp_path / "a.png", DCGAN_TRIAL, interpolate=2).shape[0] == 8 * CELL - 2


def test_the_middle_of_a_row(run: RunFolder, tmp_path: Path) -> None:
    """Half the way in w for styles, on the arc in z for others; truncation applies as well."""
    z_BZ = torch.from_numpy(sample_latents(0, 2, 8))
    for trial in (DCGAN_TRIAL, STYLE_TRIAL):
        sheet = draw(run, tmp_path / "a.png", trial, count=1, interpolate=3, truncation=0.8)
        drawing = sampler(run, trial)
        generator = drawing.generator
        with torch.no_grad():
            if isinstance(generator, StyleGenerator):
                x_BCHW = generator.synthesis(generator.styles(z_BZ, None, 0.8).mean(0)[None])
            else:
                cosine = torch.cosine_similarity(z_BZ[:1], z_BZ[1:])
                arc_BZ = z_BZ.sum(0)[None] / (2 * (0.5 * cosine.acos()).cos())
                x_BCHW = generator(0.8 * arc_BZ)
        assert near(cell(sheet, 0, 1), drawing.pixels(x_BCHW)[0])


def test_slerp_keeps_length_and_turns_evenly() -> None:
    a_BZ, b_BZ = torch.tensor([[3.0, 0.0, 0.0]]), torch.tensor([[0.0, 3.0, 0.0]])
    shares = torch.tensor([0.0, 1 / 3, 0.5, 1.0])
    way = torch.cat([slerp(a_BZ, b_BZ, share[None]) for share in shares])
    angles = shares * math.pi / 2
    expected = torch.stack([3 * angles.cos(), 3 * angles.sin(), torch.zeros(4)], 1)
    assert torch.allclose(way, expected, atol=1e-6)


def test_slerp_between_latents_in_one_line() -> None:
    a_BZ = torch.tensor([[1.0, 2.0], [1.0, 2.0], [0.0, 3.0]])
    b_BZ = torch.tensor([[2.0, 4.0], [-1.0, -2.0], [1e-5, -3.0]])
    way = [slerp(a_BZ, b_BZ, torch.full((3,), share)) for share in (0.0, 0.25, 1.0)]
    assert torch.equal(way[0], a_BZ)
    assert torch.equal(way[2], b_BZ)
    assert torch.allclose(way[1], 0.75 * a_BZ + 0.25 * b_BZ)


# -- style mixing ----------------------------------------------------------------------------------


def test_a_table_mixes_its_head_line_into_its_rows(run: RunFolder, tmp_path: Path) -> None:
    out = tmp_path / "a.png"
    words = generate(run.path, out, STYLE_TRIAL, Drawing(mix="2x3", first=4))
    assert words == f"2x3 table of {STYLE_TRIAL}, layers 0-3 of 0-5 from above, in {out}"
    sheet = pixels(out)
    assert sheet.shape == (3 * CELL - 2, 4 * CELL - 2, 3)
    assert (cell(sheet, 0, 0) == 255).all()
    drawing = sampler(run, STYLE_TRIAL)
    plain = drawing(4, 5).numpy()
    for row in range(2):
        assert near(cell(sheet, 1 + row, 0), plain[row])
    for column in range(3):
        assert near(cell(sheet, 0, 1 + column), plain[2 + column])
    generator = drawing.generator
    assert isinstance(generator, StyleGenerator)
    with torch.no_grad():
        w_BW = generator.mapping(drawing.inputs(4, 5).z_BZ)
        for row in range(2):
            for column in range(3):
                mixed_LW = torch.stack([w_BW[2 + column]] * 4 + [w_BW[row]] * 2)
                expected = drawing.pixels(generator.synthesis(mixed_LW[None]))[0]
                assert near(cell(sheet, 1 + row, 1 + column), expected)


def test_layers_say_which_styles_come_from_above(run: RunFolder, tmp_path: Path) -> None:
    whole = draw(run, tmp_path / "a.png", STYLE_TRIAL, mix="2x2", layers="0-5")
    for row in (1, 2):
        assert near(cell(whole, row, 1), cell(whole, 0, 1))
        assert near(cell(whole, row, 2), cell(whole, 0, 2))
    upper = draw(run, tmp_path / "a.png", STYLE_TRIAL, mix="2x2", layers="middle")
    lower = draw(run, tmp_path / "a.png", STYLE_TRIAL, mix="2x2", layers="coarse")
    assert not near(upper, lower)
    assert near(upper, draw(run, tmp_path / "a.png", STYLE_TRIAL, mix="2x2", layers="4-5"))


@pytest.mark.parametrize(
    ("text", "layers", "expected"),
    [
        ("coarse", 10, [0, 1, 2, 3]),
        ("middle", 10, [4, 5, 6, 7]),
        ("fine", 10, [8, 9]),
        ("coarse", 3, [0, 1]),
        ("middle", 6, [4, 5]),
        ("7", 10, [7]),
        ("0-9", 10, list(range(10))),
    ],
)
def test_words_and_numbers_of_layers(text: str, layers: int, expected: list[int]) -> None:
    assert list(parse_layers(text, layers)) == expected


@pytest.mark.parametrize("text", ["fine", "0-6", "3-1", "6", "-", "1-", "x", "0-1-2", "", "²"])
def test_layers_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(UserError, match=r"layers 0-5; allowed: A-B of them, coarse, middle$"):
        parse_layers(text, 6)


def test_only_styles_can_be_mixed(run: RunFolder, tmp_path: Path) -> None:
    with pytest.raises(UnsupportedError, match=r"'penn-dcgan' has no styles.*have: .*stylegan2"):
        generate(run.path, tmp_path / "a.png", DCGAN_TRIAL, Drawing(mix="2x2"))


# -- curation --------------------------------------------------------------------------------------


@pytest.mark.parametrize("trial", [DCGAN_TRIAL, PROGAN_TRIAL])
def test_the_samples_that_d_scores_highest_are_kept(
    run: RunFolder, tmp_path: Path, trial: str
) -> None:
    sheet = draw(run, tmp_path / "a.png", trial, curate=4, count=30, first=3)
    drawing, discriminator = sampler(run, trial), load_discriminator(checkpoint(run, trial))
    with torch.no_grad():
        scores_B: Tensor = discriminator(drawing.generator(drawing.inputs(3, 30).z_BZ))
    best = np.argsort(-scores_B.numpy())[:4]
    plain = drawing(3, 30).numpy()
    assert near(np.stack([cell(sheet, n // 2, n % 2) for n in range(4)]), plain[best])


def test_five_are_drawn_for_each_one_kept(run: RunFolder, tmp_path: Path) -> None:
    words = generate(run.path, tmp_path / "a.png", DCGAN_TRIAL, Drawing(curate=3))
    assert words.startswith(f"the 3 of 15 images of {DCGAN_TRIAL}")


def test_autoencoders_draw_but_have_no_d(tmp_path: Path) -> None:
    run = make_run(tmp_path / "r", AUTOENCODER, size=32)
    sheet = draw(run, tmp_path / "a.png", "t0000", count=9)
    faces = np.stack([cell(sheet, n // 3, n % 3, 34) for n in range(9)])
    assert near(faces, sampler(run, "t0000")(0, 9))
    assert not near(faces.max(0), faces.min(0))
    with pytest.raises(UnsupportedError, match="'ganime-ae' is an autoencoder"):
        generate(run.path, tmp_path / "b.png", None, Drawing(curate=2))


def test_spectral_normalisation_of_both_networks_is_built_again(tmp_path: Path) -> None:
    run = make_run(tmp_path / "r", DCGAN, spectral_norm="both")
    trained = load_generator(checkpoint(run, "t0000"))
    assert any("parametrizations" in name for name in trained.generator.state_dict())
    assert draw(run, tmp_path / "a.png", "t0000", curate=2).any()


# -- labels ----------------------------------------------------------------------------------------


def test_labels_follow_the_data_or_are_asked_for(labelled: RunFolder, tmp_path: Path) -> None:
    drawing = sampler(labelled, "t0000")
    assert drawing.class_shares == (0.5, 0.25, 0.25)
    plain = draw(labelled, tmp_path / "a.png", "t0000", count=9)
    assert near(cell(plain, 1, 2), drawing(0, 9)[5])
    z_BZ = torch.from_numpy(sample_latents(0, 9, 8))
    for label, number in (("red", 0), ("0", 0), ("blue", 1), ("1", 2), ("2", 2)):
        sheet = draw(labelled, tmp_path / "a.png", "t0000", count=9, label=label)
        with torch.no_grad():
            x_BCHW = drawing.generator.to_size(z_BZ, torch.full((9,), number))
        assert near(cell(sheet, 2, 0), drawing.pixels(x_BCHW)[6])


def test_every_way_of_drawing_takes_labels(labelled: RunFolder, tmp_path: Path) -> None:
    blue = draw(labelled, tmp_path / "a.png", "t0000", count=4, label="blue")
    row = draw(labelled, tmp_path / "a.png", "t0000", count=1, interpolate=2, label="blue")
    table = draw(labelled, tmp_path / "a.png", "t0000", mix="1x1", label="blue")
    best = draw(labelled, tmp_path / "a.png", "t0000", curate=4, count=4, label="blue")
    faces = [cell(blue, n // 2, n % 2) for n in range(4)]
    assert near(cell(row, 0, 0), faces[0])
    assert near(cell(row, 0, 1), faces[1])
    assert near(cell(table, 1, 0), faces[0])
    assert near(cell(table, 0, 1), faces[1])
    for n in range(4):
        assert any(near(cell(best, n // 2, n % 2), face) for face in faces)


def test_labels_that_are_none_are_refused(labelled: RunFolder, run: RunFolder) -> None:
    with pytest.raises(UnknownNameError, match=r"did you mean 'blue'\? Allowed: red, blue, 1, or"):
        generate(labelled.path, Path("a.png"), None, Drawing(label="blu"))
    with pytest.raises(UnknownNameError, match=r"no class\. Allowed"):
        generate(labelled.path, Path("a.png"), None, Drawing(label="3"))
    with pytest.raises(UnsupportedError, match="'penn-dcgan' was trained without labels"):
        generate(run.path, Path("a.png"), DCGAN_TRIAL, Drawing(label="red"))
    many = Frame(16, 3, 1, 1, tuple(f"c{n}" for n in range(300)), (1.0,) * 300)
    with pytest.raises(UnknownNameError, match=r"c19 and 280 more, or 0-299$"):
        shares_of(many, "x", "stylegan2")


# -- what does not go together ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"interpolate": 3, "mix": "2x2"}, "--interpolate and --mix exclude each other"),
        ({"interpolate": 3, "curate": 2}, "--interpolate and --curate exclude"),
        ({"interpolate": 3, "curate": 2, "mix": "1x1"}, "--interpolate and --mix and --curate"),
        ({"layers": "0-3"}, "--layers goes with --mix"),
        ({"layers": "0-3", "curate": 2}, "--layers goes with --mix"),
        ({"mix": "2x2", "count": 9}, "--count does not go with --mix"),
        ({"mix": "2*2"}, "must be ROWSxCOLUMNS, such as 4x6"),
        ({"mix": "0x2"}, "must be ROWSxCOLUMNS"),
        ({"mix": "999x999"}, "1,000,000 images are too many"),
        ({"interpolate": 1}, "at least 2"),
        ({"interpolate": 20_000}, "160,000 images are too many"),
        ({"curate": 0}, "--curate 0 must be between 1 and"),
        ({"curate": -3}, "--curate -3 must be between 1 and"),
        ({"curate": 9, "count": 8}, "between 1 and the 8 samples"),
        ({"curate": 20_000}, "between 1 and the 10,000 samples"),
        ({"truncation": 1.5}, "--truncation 1.5 must be between 0 and 1"),
        ({"truncation": -0.1}, "between 0 and 1"),
        ({"truncation": math.nan}, "between 0 and 1"),
    ],
)
def test_what_does_not_go_together_is_told(options: dict[str, Any], words: str) -> None:
    with pytest.raises(UserError) as told:
        Drawing(**options)
    assert words in str(told.value)
    assert "\n" not in str(told.value)
