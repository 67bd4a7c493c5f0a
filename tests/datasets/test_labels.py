"""Classes from folders and from a family of tags."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
from pydantic import ValidationError

from animesearch.datasets.config import DatasetConfig
from animesearch.datasets.labels import labels_of
from animesearch.datasets.packed import PackedDataset
from animesearch.errors import DataError


def packed(**parts: Any) -> PackedDataset:
    given: dict[str, Any] = {"labels": None, "tags": []} | parts
    count = len(given["labels"] or given["tags"])
    return cast(PackedDataset, SimpleNamespace(count=count, **given))


def test_folders_in_order_of_their_names() -> None:
    found = labels_of(packed(labels=["miku", "asuka", "miku", "rei"]), "classes")
    assert found.names == ("asuka", "miku", "rei")
    assert found.index_N is not None
    assert found.index_N.tolist() == [1, 0, 1, 2]
    assert found.shares == (0.25, 0.5, 0.25)


def test_first_tag_of_the_family_decides() -> None:
    tags = [["blonde", "blue"], ["blue", "blonde"], ["red"], [], ["blue"]]
    found = labels_of(packed(tags=tags), ("blue", "blonde"))
    assert found.names == ("blue", "other")
    assert found.index_N is not None
    assert found.index_N.tolist() == [0, 0, 1, 1, 0]


def test_none() -> None:
    found = labels_of(packed(tags=[["a"]]), "none")
    assert (found.names, found.index_N, found.shares) == ((), None, ())


@pytest.mark.parametrize(
    ("parts", "choice", "message"),
    [
        ({}, "classes", "class folders"),
        ({"labels": ["a", "a"]}, "classes", "at least 2 classes"),
        (
            {"tags": [["red"], ["red"], ["tall"]]},
            ("blue",),
            "no image has the tag 'blue'.*red, tall",
        ),
        ({"tags": [["red"], ["red"]]}, ("red",), "at least 2 classes"),
    ],
)
def test_mistakes(parts: dict[str, Any], choice: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        labels_of(packed(**parts), choice)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"labels": "classes", "mode": "stream"}, "mode 'packed'"),
        ({"labels": ["a", "a"]}, "different tags"),
        ({"labels": []}, "at least one"),
    ],
)
def test_options_that_do_not_fit(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        DatasetConfig.model_validate(options)
