"""Options of the data commands, and how images reach the trials."""

from __future__ import annotations

from pathlib import Path

import pytest

from animesearch.errors import SpaceError, UserError
from animesearch.tuning.datajobs import dataset_of
from animesearch.tuning.prepare import Feed, choose_feed, load_search
from tests.tuning.small import write_space


def test_a_source_alone() -> None:
    config = dataset_of("faces", overrides=["size=32", "steps=[exact-duplicates]"])
    assert (config.source.name, config.size) == ("faces", 32)
    assert [step.name for step in config.steps] == ["exact-duplicates"]


@pytest.mark.parametrize("name", ["a: b", "{x}", "with space", "#1", "'quoted", "[1]"])
def test_a_path_is_no_yaml(name: str) -> None:
    assert dataset_of(name).source.model_dump() == {"name": "path", "path": name}


def test_the_options_of_a_space_and_another_source(tmp_path: Path) -> None:
    space = str(write_space(tmp_path))
    said = load_search(space, []).config.dataset
    assert dataset_of(None, space) == said
    other = dataset_of("elsewhere", space, ["holdout=0.25"])
    assert other.source.model_dump() == {"name": "path", "path": "elsewhere"}
    assert (other.size, other.holdout) == (said.size, 0.25)


def test_every_mistake_is_told() -> None:
    with pytest.raises(SpaceError) as caught:
        dataset_of("faces", overrides=["size=4", "steps=[exact]", "sise=3"])
    text = str(caught.value)
    assert "at least 8, got 4" in text and "'exact'" in text and "did you mean 'size'" in text


def test_nothing_to_read() -> None:
    with pytest.raises(UserError, match="name a source"):
        dataset_of(None)


MB = 1_000_000


@pytest.mark.parametrize(
    ("overrides", "size", "mode", "word"),
    [
        ([], 10 * MB, "packed", "shared by all trials"),
        ([], 100 * MB, "packed", "shared by all trials"),
        ([], 101 * MB, "stream", "more than the 100 MB"),
        (["dataset.mode=packed"], 101 * MB, "packed", "as the space says"),
        (["dataset.mode=stream"], 1 * MB, "stream", "as the space says"),
        (["dataset.order=replacement"], 101 * MB, "packed", "'order: replacement' cannot stream"),
        (
            ["dataset.labels=[red]", "trial.architecture=r3gan"],
            101 * MB,
            "packed",
            "'labels' cannot",
        ),
    ],
)
def test_what_is_too_large_is_streamed(
    overrides: list[str], size: int, mode: str, word: str, tmp_path: Path
) -> None:
    config = load_search(str(write_space(tmp_path)), overrides).config
    feed = choose_feed(config, size, 100 * MB)
    assert isinstance(feed, Feed) and feed.mode == mode
    assert word in feed.reason
