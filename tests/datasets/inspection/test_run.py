"""The whole way with a real Ray, from folders and archives."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import yaml

from animesearch.datasets.config import DatasetConfig
from animesearch.datasets.inspection import Inspected, Inspection, inspect, page, pictures
from animesearch.datasets.pipeline import prepare
from animesearch.errors import DataError
from tests.datasets.inspection.sets import DROPS, KNOWN, Held, face, known_set, looked_at
from tests.datasets.pictures import encoded, png, write_folder, write_tar

pytestmark = pytest.mark.usefixtures("local_ray")

EVIL = b"<script>\n\xff\xfe\x1b.png"


def config(source: object, **options: object) -> DatasetConfig:
    if isinstance(source, Path):
        source = str(source)
    return DatasetConfig.model_validate({"source": source, **options})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The known set, and a name that is no text."""
    root = write_folder(tmp_path_factory.mktemp("set"), known_set())
    with open(os.path.join(os.fsencode(root), EVIL), "wb") as file:  # noqa: PTH118, PTH123
        file.write(encoded(face(70)))
    (root / "link.png").symlink_to(root / "face" / "00.png")
    return root


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


STAGES: list[tuple[str, int, int]] = []


@pytest.fixture(scope="module")
def inspected(local_ray: None, folder: Path, cache: Path) -> Inspected:
    STAGES.clear()
    typed = {"name": "folder", "path": str(folder)}
    return inspect(config(typed, steps=["flat"]), cache, lambda *event: STAGES.append(event), 5)


def test_a_folder_is_found_as_it_is(inspected: Inspected) -> None:
    told = inspected.inspection
    assert (told.found, told.usable) == (KNOWN["found"] + 2, KNOWN["usable"] + 1)
    alone = looked_at(Held(files=known_set())).inspection
    drops = {step.name: {c.code: c.count for c in step.codes} for step in told.steps}
    assert {name: drops[name] for name in DROPS} == DROPS
    assert (told.copies.by_file, told.copies.by_pixels) == (KNOWN["by_file"], KNOWN["by_pixels"])
    assert told.near_pairs == alone.near_pairs
    assert {count.code: count.count for count in told.refused}["link"] == 1
    assert "tags" in {one.name for one in told.unasked}
    assert Inspection.model_validate_json(told.model_dump_json()) == told


def test_progress_goes_through_the_stages(inspected: Inspected) -> None:
    assert list(dict.fromkeys(stage for stage, _, _ in STAGES)) == ["hash", "look", "compare"]
    assert STAGES[-1] == ("compare", 61, 61)
    looked = [(done, total) for stage, done, total in STAGES if stage == "look"]
    assert looked[0] == (0, 61)
    assert looked[-1] == (61, 61)


def test_what_is_suggested_does_what_it_says(inspected: Inspected, cache: Path) -> None:
    """The very numbers of the comments stand in the manifest."""
    told = inspected.inspection
    options = yaml.safe_load(told.suggestion)["dataset"]
    packed = prepare(config(options.pop("source"), size=8, **options), cache)
    assert packed.count == told.left
    comments = dict(line[6:].split("  # drops ") for line in told.suggestion.splitlines()
                    if line.startswith("    - "))  # fmt: skip
    by_step: dict[str, int] = {}
    for step in told.steps:
        count = sum(packed.manifest.dropped_by_reason.get(code.code, 0) for code in step.codes)
        if count:
            by_step[step.name] = count
    assert {name: int(text.split()[0]) for name, text in comments.items()} == by_step


def test_pictures_of_every_problem(inspected: Inspected) -> None:
    events: list[tuple[str, int, int]] = []
    shown = pictures(inspected, lambda *event: events.append(event), singles=4, pairs=2)
    assert {sheet.code for sheet in shown} >= {code for codes in DROPS.values() for code in codes}
    assert all(sheet.cells for sheet in shown)
    assert {event[0] for event in events} == {"show"}
    for sheet in shown:
        assert {*sheet.thumbnails} == {p for cell in sheet.cells for p in cell.places}
        assert all(data.startswith(b"\xff\xd8\xff") for data in sheet.thumbnails.values())
    assert page(inspected.inspection, shown).endswith("</html>\n")


def test_a_compressed_tar_says_the_same(inspected: Inspected, cache: Path, tmp_path: Path) -> None:
    archive = write_tar(tmp_path / "set.tar.gz", dict(reversed(known_set().items())), "w:gz")
    found = inspect(config(archive), cache, sample=5)
    told = found.inspection
    assert told.source == "tar set.tar.gz"
    assert told.copies == inspected.inspection.copies.model_copy(update={"total": 56})
    assert (told.formats, told.bars) == (
        {"PNG": 54, "BMP": 1, "WebP": 1},
        inspected.inspection.bars,
    )
    assert {len(sheet.cells) for sheet in pictures(found, singles=1, pairs=1)} == {1}


def test_drawn_faces_with_their_tags(cache: Path) -> None:
    found = inspect(config({"name": "faces", "count": 70}, size=16), cache, sample=20)
    told = found.inspection
    assert (told.usable, told.formats, told.bytes) == (70, {"pixels": 70}, 0)
    assert told.tags is not None
    assert told.tags.tagged == 70
    assert sum(n for tag, n in told.tags.counts.items() if tag.endswith("_eyes")) >= 70
    small = next(step for step in told.steps if step.name == "small")
    assert small.codes[0].count == 70
    assert all(5 < step.asked < 40 for step in told.steps if step.sampled)
    assert all(step.asked == 70 for step in told.steps if step.name != "faces")


def test_nothing_at_all(cache: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no files in folder .*nothing to inspect"):
        inspect(config(tmp_path), cache)
    with pytest.raises(DataError, match="no folder and no tar"):
        inspect(config(tmp_path / "nowhere"), cache)


def test_only_what_cannot_be_used(cache: Path, tmp_path: Path) -> None:
    (tmp_path / "link.png").symlink_to("/etc/hostname")
    found = inspect(config(tmp_path), cache)
    assert (found.inspection.found, found.inspection.usable) == (1, 0)
    assert pictures(found) == ()
    (tmp_path / "text.txt").write_text("words")
    assert inspect(config(tmp_path), cache).inspection.found == 2


def test_a_source_that_changes_meanwhile_is_an_error(cache: Path, tmp_path: Path) -> None:
    root = write_folder(tmp_path, {f"{n}.png": png(n) for n in range(5)})

    def change(stage: str, done: int, total: int) -> None:
        if stage == "look" and not done:
            (root / "3.png").write_bytes(png(77))

    with pytest.raises(DataError, match=r"'3.png' changed"):
        inspect(config(root), cache, change)


@pytest.mark.slow
def test_twenty_thousand_real_faces(real_data: Path, cache: Path) -> None:
    told = inspect(config(real_data / "getchu64.tar"), cache).inspection
    assert (told.found, told.usable) == (20_000, 20_000)
    assert (told.copies.by_file, told.copies.by_pixels) == (3_935, 3_935)
    assert (told.copies.distinct_files, told.copies.groups) == (16_065, 3_222)


def test_real_tags_and_labels(real_data: Path, cache: Path) -> None:
    told = inspect(config(real_data / "characters160.tar"), cache, sample=5).inspection
    assert [*told.labels.values()] == [25] * 10
