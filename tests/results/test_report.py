"""The report: everything in one file, nothing of a run as markup."""

from __future__ import annotations

import base64
import io
import random
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from animesearch.cli import app
from animesearch.errors import UserError
from animesearch.results.folder import RunFolder
from animesearch.results.journal import segments
from animesearch.results.nearest import nearest_file
from animesearch.results.records import Event
from animesearch.results.report import pictures as module
from animesearch.results.report.pairs import likeness
from animesearch.results.report.pictures import Pictures
from animesearch.results.report.write import write_report
from animesearch.results.web.store import Run
from tests.results.scripted_run import created, ended, race, reported
from tests.results.web.runs import NASTY, sheet, write_run


class Reader(HTMLParser):
    """The elements and the texts of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.text += data


def report_of(folder: RunFolder, out: Path) -> str:
    write_report(folder, out)
    return out.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    place = tmp_path_factory.mktemp("report")
    return report_of(write_run(place / "run", notes=("mind the gap",)), place / "report.html")


def test_the_report_has_everything(page: str) -> None:
    text = Reader(page).text
    for wanted in ("progan-32", "mind the gap", "fd-lite0", "t0000", "4590.9", "mode-collapse",
                   "Ranking", "What matters", "Who survived where", "Architecture by loss",
                   "One parameter at a time", "samples", "2 of 2 at this rung", "Stopping them",
                   "batch: 64"):  # fmt: skip
        assert wanted in text, wanted
    # Reals, four with a place, thumbnails, six samples beside training images.
    assert page.count("data:image/jpeg") == 1 + 4 + 5 + 2 * 6


def test_the_best_reading_stands_beside_the_last(tmp_path: Path) -> None:
    """The scheduler goes by the former; the latter tells where training ended."""
    scores = (950.0, 712.5, 834.25)
    readings = [reported(0, rung, score) for rung, score in enumerate(scores)]
    events = [created(0), *readings, ended(0, "completed", images=16000)]
    page = report_of(write_run(tmp_path / "run", events), tmp_path / "report.html")
    for label, value in (("best so far", "712.50"), ("last", "834.25")):
        assert f'data-label="{label}">{value}</td>' in page


def test_samples_stand_beside_the_training_images_they_are_most_like(
    page: str, tmp_path: Path
) -> None:
    assert "found among 3000 of 6000 training images" in Reader(page).text
    assert re.findall(r"distance ([\d.]+)", page) == [f"{1.5 + n:.3f}" for n in range(6)]
    folder = write_run(tmp_path / "run")
    moment, pictures = Run(folder.path).moment(), Pictures(folder.path)
    found = likeness(moment, pictures)
    assert found is not None and [pair.latent for pair in found.pairs] == list(range(6))
    drawn = sheet((2, 3), 32000)
    for pair in found.pairs:
        row, column = divmod(pair.latent, 3)
        colour = drawn.getpixel((18 * column, 18 * row))
        assert _colour(pair.sample) == pytest.approx(colour, abs=3)
        assert _colour(pair.training) == pytest.approx(
            sheet((1, 1), pair.latent).getpixel((0, 0)), abs=3
        )
    nearest_file(folder, "t0000").write_text("{")
    assert likeness(moment, pictures) is None, "broken: as if there were none"


def test_a_grid_of_noise_is_a_picture_too(tmp_path: Path) -> None:
    """What a generator draws before it has learnt anything."""
    noise = random.Random(0).randbytes(330 * 330 * 3)
    Image.frombytes("RGB", (330, 330), noise).save(tmp_path / "best.png")
    assert (Pictures(tmp_path).grid("best.png") or "").startswith("data:image/jpeg")


def _colour(address: str) -> tuple[int, ...]:
    """Of a picture's middle."""
    with Image.open(io.BytesIO(base64.b64decode(address.split(",", 1)[1]))) as picture:
        return picture.getpixel((picture.width // 2, picture.height // 2))


def test_the_report_asks_for_nothing(page: str) -> None:
    reader = Reader(page)
    assert not {"script", "iframe", "object", "embed", "base"} & set(reader.tags)
    for name, value in reader.attributes:
        assert not name.startswith("on"), name
        if name in {"src", "href", "xlink:href", "action"}:
            assert str(value).startswith(("data:", "#")), value
    assert not re.search(r"url\(|@import", page)
    policy = next(v for _, v in reader.attributes if v and v.startswith("default-src"))
    assert "default-src 'none'" in policy
    assert "script-src" not in policy


def test_every_picture_and_drawing_says_what_it_shows(page: str) -> None:
    assert len(re.findall(r"<img ", page)) == len(re.findall(r'<img [^>]*alt="[^"]{5,}"', page))
    drawings = re.findall(r'role="img" aria-label="([^"]*)"', page)
    assert len(drawings) == page.count("<svg") >= 6
    assert all(len(text) > 20 and "None" not in text for text in drawings)


def test_texts_of_a_run_are_no_markup(tmp_path: Path) -> None:
    events = [*race()[:-1], created(8, **{NASTY: NASTY, "loss": "<img src=x onerror=alert(1)>"}),
              reported(8, 0, 4000.0),
              ended(8, "failed", message=NASTY + "</style></svg>")]  # fmt: skip
    folder = write_run(tmp_path / "<b>run", events, name=NASTY, notes=(NASTY,), metric=f"m{NASTY}")
    page = report_of(folder, tmp_path / "out.html")
    reader = Reader(page)
    assert {"script", "b"} & set(reader.tags) == set()
    assert not any(name.startswith("on") for name, _ in reader.attributes)
    assert page.count("<style>") == page.count("</style>") == 1
    assert NASTY in reader.text


def test_a_report_of_a_hundred_trials_can_be_mailed(tmp_path: Path) -> None:
    events: list[Event] = []
    for number in range(100):
        events += [created(number), reported(number, 0, 5000.0 - number), ended(number, "pruned")]
    folder = write_run(tmp_path / "run", events)
    for number in range(100):
        noise = Image.effect_noise((1300, 1300), 90)
        noise.save(folder.trial(f"t{number:04d}") / "grids" / "000004000.png") if number > 90 else 0
    written = write_report(folder, tmp_path / "report.html")
    assert written.trials == 100
    assert (tmp_path / "report.html").stat().st_size == written.bytes < 10_000_000
    assert written.left_out == 0


def test_pictures_without_room_are_left_out_and_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_BYTES", 6_000)
    folder = write_run(tmp_path / "run")
    written = write_report(folder, tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text()
    assert written.left_out > 0
    assert f"{written.left_out} pictures were left out" in page
    assert sum(map(len, re.findall(r"base64,([^\"]*)", page))) <= 6_000


def test_links_broken_and_huge_pictures_are_not_shown(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    sheet((2, 2), 1).save(tmp_path / "secret.png")
    (tmp_path / "run" / "link.png").symlink_to(tmp_path / "secret.png")
    (tmp_path / "run" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nno")
    Image.new("1", (9000, 9000)).save(tmp_path / "run" / "huge.png")
    sheet((2, 2), 1).save(tmp_path / "run" / "good.png")
    pictures = Pictures(tmp_path / "run")
    names = ("link.png", "broken.png", "huge.png", "../secret.png", "none.png", None)
    assert [pictures.grid(name) for name in names] == [None] * 6
    assert (pictures.grid("good.png") or "").startswith("data:image/jpeg;base64,")
    assert pictures.left_out == 0


def test_a_run_that_is_new_or_damaged_has_a_report(tmp_path: Path) -> None:
    empty = report_of(write_run(tmp_path / "empty", []), tmp_path / "empty.html")
    assert "not finished when this was written" in empty
    folder = write_run(tmp_path / "broken")
    segments(folder.journal)[5].write_bytes(b"[{")
    page = report_of(folder, tmp_path / "broken.html")
    assert "could not be read" in page
    assert "00000006.json" in page


def test_the_command_writes_the_file_and_says_so(tmp_path: Path) -> None:
    folder, out = write_run(tmp_path / "run"), tmp_path / "new" / "my.html"
    done = CliRunner().invoke(app, ["report", str(folder.path), "-o", str(out)])
    assert (done.exit_code, out.is_file()) == (0, True)
    assert "6 trials" in done.output
    with pytest.raises(UserError, match="is a folder"):
        write_report(folder, tmp_path)
    missing = CliRunner().invoke(app, ["report", str(tmp_path / "none")])
    assert isinstance(missing.exception, UserError)
