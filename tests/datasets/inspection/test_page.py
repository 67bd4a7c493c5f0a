"""The page and the terminal: what they show, and what they let nobody do."""

from __future__ import annotations

import base64
import hashlib
import html
import io
import re
import unicodedata
from html.parser import HTMLParser

import pytest
from rich.console import Console

from animesearch.datasets.inspection import page, report
from animesearch.datasets.inspection.findings import findings
from animesearch.datasets.inspection.model import Inspection
from animesearch.datasets.inspection.sheets import Sheet, sheets
from animesearch.datasets.inspection.survey import small_jpeg
from animesearch.datasets.reasons import Dropped
from tests.datasets.inspection.sets import DROPS, Held, face, gathered, known_set
from tests.datasets.inspection.test_findings import Hostile
from tests.datasets.pictures import encoded

EVIL = '"><script>alert(1)</script><img src=x onerror=alert(2)>\n\x1b]0;owned\x07\u202egnp.'
VOID = {"meta", "img", "br"}


def shown(source: Held) -> tuple[Inspection, tuple[Sheet, ...]]:
    data = gathered(source)
    found = findings(source, data)
    places = range(len(data.listing.items))
    thumbnails = {place: small_jpeg(face(place % 3)) for place in places}
    return found.inspection, tuple(one.filled(thumbnails) for one in sheets(data, found))


@pytest.fixture(scope="module")
def known() -> tuple[Inspection, tuple[Sheet, ...]]:
    return shown(Held(files=known_set(), tags={"face/01.png": ("smile", "red_hair")}))


@pytest.fixture(scope="module")
def evil() -> tuple[Inspection, tuple[Sheet, ...]]:
    """Everything that a source can name is hostile."""
    copy = encoded(face(1))
    return shown(
        Hostile(
            files={EVIL: copy, f"{EVIL}2": copy, f"{EVIL}3": b"", "d": encoded(face(2, 40))},
            tags={EVIL: (EVIL, f"{EVIL}b")},
            labels={EVIL: EVIL},
            title=f"source {EVIL}",
        )
    )


class Reader(HTMLParser):
    """Elements with their attributes; notes whether each is closed where it must be."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.words: list[str] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {key: value or "" for key, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    def attributes(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.elements if name == tag]


def test_the_page_needs_nothing_and_allows_nothing(
    known: tuple[Inspection, tuple[Sheet, ...]],
) -> None:
    text = page(*known)
    read = Reader(text)
    assert read.open == []
    tags = {tag for tag, _ in read.elements}
    assert not tags & {"script", "link", "iframe", "object", "form", "base", "svg"}
    keys = {key for _, attributes in read.elements for key in attributes}
    assert not any(key.startswith("on") or key == "style" for key in keys)
    assert all(
        image["src"].startswith("data:image/jpeg;base64,") for image in read.attributes("img")
    )
    assert all(link["href"].startswith("#") for link in read.attributes("a"))
    assert "http:" not in text
    assert "https:" not in text
    assert "url(" not in text
    [policy] = [m["content"] for m in read.attributes("meta") if "http-equiv" in m]
    assert policy.startswith("default-src 'none'; img-src data:; style-src 'sha256-")
    style = re.search("<style>(.*?)</style>", text, re.DOTALL)
    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert f"'sha256-{digest}'" in policy


def test_it_is_for_phones_eyes_and_ears(known: tuple[Inspection, tuple[Sheet, ...]]) -> None:
    text = page(*known)
    read = Reader(text)
    assert any(m.get("name") == "viewport" for m in read.attributes("meta"))
    assert "prefers-color-scheme:dark" in text
    assert all(image["alt"] for image in read.attributes("img"))
    assert read.attributes("html") == [{"lang": "en"}]


def test_it_shows_every_problem_with_its_pictures(
    known: tuple[Inspection, tuple[Sheet, ...]],
) -> None:
    inspection, shown = known
    read = Reader(page(*known))
    anchors = {a["id"] for a in read.attributes("h3") if "id" in a}
    assert len(anchors) == len(shown) == 1 + sum(map(len, DROPS.values()))
    assert {link["href"][1:] for link in read.attributes("a")} < anchors
    cells = sum(len(cell.places) for sheet in shown for cell in sheet.cells)
    assert len(read.attributes("img")) == cells
    words = " ".join(read.words)
    for step in inspection.steps:
        assert step.name in words
    assert "near-duplicates  # drops 2 more" in words
    assert "kept on the left, dropped on the right" in words
    assert "all 2 images; kept on the left" in words
    assert "red_hair" in words


def test_it_is_small_for_any_number_of_images(
    known: tuple[Inspection, tuple[Sheet, ...]],
) -> None:
    """As many cells as there can be, with the largest thumbnails."""
    inspection, shown = known
    largest = dict.fromkeys(range(60), bytes(6000))
    full = []
    for sheet in shown:
        most = {"near-duplicate": 100, "exact-duplicate": 24}.get(sheet.code, 48)
        cells = (sheet.cells * most)[:most]
        full.append(Sheet(sheet.code, sheet.title, 20_000, sheet.step, cells, largest))
    assert len(page(inspection, full).encode()) < 8_000_000


def test_hostile_words_are_words(evil: tuple[Inspection, tuple[Sheet, ...]]) -> None:
    inspection, shown = evil
    assert inspection.copies.by_file == 1
    text = page(inspection, shown)
    text.encode()
    read = Reader(text)
    assert read.open == []
    assert not read.attributes("script")
    assert all("onerror" not in attributes for _, attributes in read.elements)
    assert all("\x1b" not in word and "\u202e" not in word for word in read.words)
    assert html.escape("<script>alert(1)</script>") in text
    assert any("alert(1)" in image["alt"] for image in read.attributes("img"))


def printed(inspection: Inspection, width: int = 80) -> str:
    console = Console(width=width, file=io.StringIO(), force_terminal=False, color_system=None)
    console.print(report(inspection))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_the_terminal_shows_the_numbers_in_80_columns(
    known: tuple[Inspection, tuple[Sheet, ...]],
) -> None:
    text = printed(known[0])
    assert all(len(line) <= 80 for line in text.splitlines())
    lines = [" ".join(line.split()) for line in text.splitlines()]
    assert "Files 60 found, 56 usable images; " in "\n".join(lines)
    assert "Exact copies 3 redundant by file, 5 by pixels: 51 distinct images; 4 groups" in lines
    assert "Look-alikes 2 more look like an image that is kept" in lines
    assert "Black bars frame 2, horizontal 1, vertical 1" in lines
    assert "not-an-image 2 the content is not PNG, JPEG, WebP, GIF or BMP:" in "\n".join(lines)
    assert "aspect 1 1.8 % the image is too far from square" in lines
    assert "tags was not asked" not in text  # nobody was told of it here
    assert "smile 1 1.8 %" in lines


def test_hostile_words_steer_no_terminal(evil: tuple[Inspection, tuple[Sheet, ...]]) -> None:
    text = printed(evil[0])
    assert "alert(1)" in text
    assert all(
        char in "\n " or unicodedata.category(char)[0] not in "CZ" for char in text
    )  # fmt: skip


def test_markup_of_rich_is_none() -> None:
    source = Held(files={"a": encoded(face(1))}, title="[red]x[/red] :smile:")
    assert "[red]x[/red] :smile:" in printed(shown(source)[0])


class Unreadable(Held):
    """Refuses all that it has."""

    refused = (Dropped("[b]x", "link"),)


def test_nothing_usable_is_said_so() -> None:
    inspection, none = shown(Unreadable(files={"a": b"", "b": b"text"}))
    assert none == ()
    for text in (printed(inspection), page(inspection)):
        assert "0 usable images" in text
        assert "not-an-image" in text
        assert "[b]x" in text
        assert "would clean" not in text
